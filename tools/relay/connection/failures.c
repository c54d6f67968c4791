/* The last failures; see failures.h. */
#include "relay/connection/failures.h"

#include "relay/loop/timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const enum xs_wire_string kept[] = {
	XS_WIRE_PROGRAM, XS_WIRE_ASKED,	   XS_WIRE_RULE,
	XS_WIRE_SCHEME,	 XS_WIRE_SENTENCE,
};
enum { KEPT = sizeof(kept) / sizeof(kept[0]) };

struct failure {
	int64_t at; /* xs_now_ms */
	int32_t pid, errnum;
	bool late;
	const char *string[KEPT]; /* in text */
	char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct failure *last[XS_FAILURES_MAX]; /* by their number */
static uint32_t count;			      /* the number of the next */

static const char *text_of(const struct xs_log_words *log_words, int i,
			   const char *sentence)
{
	return kept[i] == XS_WIRE_SENTENCE
		       ? sentence
		       : xs_log_words_text(log_words, kept[i]);
}

static struct failure *make(const struct xs_log_words *log_words,
			    const char *sentence)
{
	struct failure *failure;
	size_t room = 0;
	char *to;

	for (int i = 0; i < KEPT; i++)
		room += strlen(text_of(log_words, i, sentence)) + 1;
	failure = calloc(1, sizeof(*failure) + room);
	if (!failure)
		return NULL;
	to = failure->text;
	for (int i = 0; i < KEPT; i++) {
		const char *text = text_of(log_words, i, sentence);
		size_t len = strlen(text) + 1;

		failure->string[i] = memcpy(to, text, len);
		to += len;
	}
	return failure;
}

void xs_failures_add(const struct xs_log_words *log_words, int errnum,
		     bool late, const char *sentence)
{
	struct failure *failure = make(log_words, sentence), *oldest;
	struct failure **place;

	if (!failure)
		return;
	failure->at = xs_now_ms();
	failure->pid = xs_log_words_pid(log_words);
	failure->errnum = errnum;
	failure->late = late;
	pthread_mutex_lock(&lock);
	place = &last[count++ % XS_FAILURES_MAX];
	oldest = *place;
	*place = failure;
	pthread_mutex_unlock(&lock);
	free(oldest);
}

static bool visit_one(const struct failure *failure, uint32_t behind,
		      bool (*visit)(const struct xs_wire *row, void *with),
		      void *with)
{
	const struct xs_wire_row value = {
		.age_ms = (uint64_t)(xs_now_ms() - failure->at),
		.errnum = failure->errnum,
		.late = failure->late,
	};
	struct xs_wire row;

	xs_wire_init(&row, XS_WIRE_ROW);
	row.head.pid = failure->pid;
	row.head.name = behind;
	row.head.value_len = sizeof(value);
	row.value = &value;
	for (int i = 0; i < KEPT; i++)
		row.string[kept[i]] = failure->string[i];
	return visit(&row, with);
}

/* The numbers wrap after four thousand million failures; an answer is wrong
 * then, once. */
bool xs_failures_each(uint32_t *from,
		      bool (*visit)(const struct xs_wire *row, void *with),
		      void *with)
{
	bool goes_on = true;

	pthread_mutex_lock(&lock);
	if (*from > count)
		*from = count;
	if (count - *from > XS_FAILURES_MAX)
		*from = count - XS_FAILURES_MAX;
	while (goes_on && *from < count) {
		goes_on = visit_one(last[*from % XS_FAILURES_MAX], *from + 1,
				    visit, with);
		if (goes_on)
			++*from;
	}
	pthread_mutex_unlock(&lock);
	return goes_on;
}
