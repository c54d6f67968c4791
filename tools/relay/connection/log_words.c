/* What the lines about a connection say of it; see log_words.h.
 *
 * The relay is who writes the user's line, also for a blocking connect whose
 * client gets the sentence in its VERDICT: one outcome, one line.
 *
 * What is the same is found by its content, in a table behind one lock that is
 * taken when a connection begins and ends.
 */
#include "relay/connection/log_words.h"

#include "base/hash.h"
#include "relay/base/walls.h"
#include "relay/connection/log_put.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };
#define STRINGS (XS_WIRE_LOG_DEST + 1)

struct xs_log_words {
	struct xs_log_words *next; /* in its bucket */
	unsigned refs;
	uint32_t hash;
	uint32_t len; /* of the content, which begins here: */
	int32_t pid;
	int32_t log_level;
	uint16_t at[STRINGS]; /* in text */
	char text[];	      /* begins with an empty one */
};

static const enum xs_wire_string kept[] = {
	XS_WIRE_PROGRAM, XS_WIRE_ASKED, XS_WIRE_RULE,
	XS_WIRE_SCHEME,	 XS_WIRE_NAME,	XS_WIRE_LOG_DEST,
};
enum { KEPT = sizeof(kept) / sizeof(kept[0]) };

_Static_assert(KEPT *XS_WIRE_STRING_MAX < UINT16_MAX, "at is wide enough");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_log_words *bucket[BUCKETS];

static const uint8_t *content(const struct xs_log_words *log_words)
{
	return (const uint8_t *)log_words + offsetof(struct xs_log_words, pid);
}

static struct xs_log_words *make(const struct xs_wire *request)
{
	struct xs_log_words *log_words;
	size_t room = 1, used = 1;

	for (int i = 0; i < KEPT; i++)
		room += strlen(request->string[kept[i]]) + 1;
	log_words = calloc(1, sizeof(*log_words) + room);
	if (!log_words)
		return NULL;
	log_words->refs = 1;
	log_words->pid = request->head.pid;
	log_words->log_level = request->head.log_level;
	for (int i = 0; i < KEPT; i++) {
		const char *text = request->string[kept[i]];
		size_t len = strlen(text) + 1;

		log_words->at[kept[i]] = (uint16_t)used;
		memcpy(log_words->text + used, text, len);
		used += len;
	}
	log_words->len = (uint32_t)(offsetof(struct xs_log_words, text) -
				    offsetof(struct xs_log_words, pid) + used);
	log_words->hash = (uint32_t)xs_hash(XS_HASH_START, content(log_words),
					    log_words->len);
	return log_words;
}

/* Those in the table with the same content, else NULL. */
static struct xs_log_words *find(const struct xs_log_words *log_words)
{
	struct xs_log_words *at = bucket[log_words->hash % BUCKETS];

	while (at &&
	       (at->hash != log_words->hash || at->len != log_words->len ||
		memcmp(content(at), content(log_words), at->len) != 0))
		at = at->next;
	return at;
}

struct xs_log_words *xs_log_words_get(const struct xs_wire *request)
{
	struct xs_log_words *log_words = make(request), **first, *same;

	if (!log_words)
		return NULL;
	first = &bucket[log_words->hash % BUCKETS];
	pthread_mutex_lock(&lock);
	same = find(log_words);
	if (same) {
		same->refs++;
	} else {
		log_words->next = *first;
		*first = log_words;
	}
	pthread_mutex_unlock(&lock);
	if (!same)
		return log_words;
	free(log_words);
	return same;
}

void xs_log_words_put(struct xs_log_words *log_words)
{
	struct xs_log_words **at;
	bool last;

	if (!log_words)
		return;
	pthread_mutex_lock(&lock);
	last = --log_words->refs == 0;
	if (last) {
		at = &bucket[log_words->hash % BUCKETS];
		while (*at != log_words)
			at = &(*at)->next;
		*at = log_words->next;
	}
	pthread_mutex_unlock(&lock);
	if (last)
		free(log_words);
}

const char *xs_log_words_text(const struct xs_log_words *log_words,
			      enum xs_wire_string string)
{
	return log_words->text + (string < STRINGS ? log_words->at[string] : 0);
}

int32_t xs_log_words_pid(const struct xs_log_words *log_words)
{
	return log_words->pid;
}

bool xs_log_words_wants(const struct xs_log_words *log_words,
			enum xs_log_level level)
{
	return (log_words->log_level & ~XS_WIRE_LOG_PAIRS) >= (int)level;
}

/* errnum is that of the program's call, or 0; facts are ended by a key that is
 * NULL, or are NULL. */
static void log_with(const struct xs_log_words *log_words, int log_fd,
		     enum xs_log_level level, const char *sentence, int errnum,
		     const struct xs_log_fact *facts)
{
	const char *dest = xs_log_words_text(log_words, XS_WIRE_LOG_DEST);
	const bool pairs = log_words->log_level & XS_WIRE_LOG_PAIRS;
	const struct xs_log_subject subject = {
		.form = xs_log_form(dest, pairs),
		.level = level,
		.program = xs_log_words_text(log_words, XS_WIRE_PROGRAM),
		.pid = log_words->pid,
		.asked = xs_log_words_text(log_words, XS_WIRE_ASKED),
		.rule = xs_log_words_text(log_words, XS_WIRE_RULE),
		.errnum = errnum,
		.facts = facts,
	};
	char line[XS_LOG_LINE_MAX];
	size_t len;

	if (!xs_log_words_wants(log_words, level))
		return;
	len = xs_log_format(line, &subject, sentence);
	xs_log_put(dest, log_fd, level, subject.program, line, len);
}

void xs_log_words_log(const struct xs_log_words *log_words, int log_fd,
		      enum xs_log_level level, const char *sentence)
{
	log_with(log_words, log_fd, level, sentence, 0, NULL);
}

void xs_log_words_log_walls(const struct xs_log_words *log_words, int log_fd)
{
	static atomic_int told;
	const char *missing = xs_walls_missing();

	if (missing && xs_log_words_wants(log_words, XS_LOG_INFO) &&
	    atomic_exchange(&told, log_words->pid) != log_words->pid)
		xs_log_words_log(log_words, log_fd, XS_LOG_INFO, missing);
}

void xs_log_words_log_failure(const struct xs_log_words *log_words, int log_fd,
			      const struct xs_error *err)
{
	log_with(log_words, log_fd, XS_LOG_ERROR, err->text, err->errnum, NULL);
}

void xs_log_words_log_success(const struct xs_log_words *log_words, int log_fd,
			      const struct xs_tls_summary *summary)
{
	char sentence[XS_ERROR_TEXT_MAX];
	const char *scheme = xs_log_words_text(log_words, XS_WIRE_SCHEME);

	if (!summary) {
		xs_log_words_log(log_words, log_fd, XS_LOG_INFO,
				 strcmp(scheme, "tcp") == 0
					 ? "connected, without TLS (relay=yes)"
					 : "connected; TLS follows in the "
					   "protocol's course");
		return;
	}
	snprintf(sentence, sizeof(sentence), "%s %s%s%s, %s", summary->version,
		 summary->cipher, *summary->group ? ", group " : "",
		 summary->group, summary->how);
	log_with(log_words, log_fd, XS_LOG_INFO, sentence, 0,
		 (const struct xs_log_fact[]){
			 { "protocol", summary->version },
			 { "cipher", summary->cipher },
			 { "group", summary->group },
			 { "verified", summary->verified },
			 { "resumed", summary->resumed ? "yes" : "no" },
			 { NULL, NULL },
		 });
}
