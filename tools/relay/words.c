/* What the lines about a connection say of it; see words.h.
 *
 * The relay is who writes the user's line, also for a blocking connect whose
 * client gets the sentence in its VERDICT: one outcome, one line.
 *
 * What is the same is found by its content, in a table behind one lock that is
 * taken when a connection begins and ends.
 */
#include "words.h"

#include "hash.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };
#define STRINGS (XS_WIRE_LOG_DEST + 1)

struct xs_words {
	struct xs_words *next; /* in its bucket */
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

_Static_assert(KEPT * XS_WIRE_STRING_MAX < UINT16_MAX, "at is wide enough");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_words *bucket[BUCKETS];

static const uint8_t *content(const struct xs_words *words)
{
	return (const uint8_t *)words + offsetof(struct xs_words, pid);
}

static struct xs_words *make(const struct xs_wire *request)
{
	struct xs_words *words;
	size_t room = 1, used = 1;

	for (int i = 0; i < KEPT; i++)
		room += strlen(request->string[kept[i]]) + 1;
	words = calloc(1, sizeof(*words) + room);
	if (!words)
		return NULL;
	words->refs = 1;
	words->pid = request->head.pid;
	words->log_level = request->head.log_level;
	for (int i = 0; i < KEPT; i++) {
		const char *text = request->string[kept[i]];
		size_t len = strlen(text) + 1;

		words->at[kept[i]] = (uint16_t)used;
		memcpy(words->text + used, text, len);
		used += len;
	}
	words->len = (uint32_t)(offsetof(struct xs_words, text) -
				offsetof(struct xs_words, pid) + used);
	words->hash = (uint32_t)xs_hash(XS_HASH_START, content(words),
					words->len);
	return words;
}

/* Those in the table with the same content, else NULL. */
static struct xs_words *find(const struct xs_words *words)
{
	struct xs_words *at = bucket[words->hash % BUCKETS];

	while (at && (at->hash != words->hash || at->len != words->len ||
		      memcmp(content(at), content(words), at->len) != 0))
		at = at->next;
	return at;
}

struct xs_words *xs_words_get(const struct xs_wire *request)
{
	struct xs_words *words = make(request), **first, *same;

	if (!words)
		return NULL;
	first = &bucket[words->hash % BUCKETS];
	pthread_mutex_lock(&lock);
	same = find(words);
	if (same) {
		same->refs++;
	} else {
		words->next = *first;
		*first = words;
	}
	pthread_mutex_unlock(&lock);
	if (!same)
		return words;
	free(words);
	return same;
}

void xs_words_put(struct xs_words *words)
{
	struct xs_words **at;
	bool last;

	if (!words)
		return;
	pthread_mutex_lock(&lock);
	last = --words->refs == 0;
	if (last) {
		at = &bucket[words->hash % BUCKETS];
		while (*at != words)
			at = &(*at)->next;
		*at = words->next;
	}
	pthread_mutex_unlock(&lock);
	if (last)
		free(words);
}

const char *xs_words_text(const struct xs_words *words,
			  enum xs_wire_string string)
{
	return words->text + (string < STRINGS ? words->at[string] : 0);
}

void xs_words_log(const struct xs_words *words, int log_fd,
		  enum xs_log_level level, const char *sentence)
{
	const struct xs_log_subject subject = {
		.program = xs_words_text(words, XS_WIRE_PROGRAM),
		.pid = words->pid,
		.asked = xs_words_text(words, XS_WIRE_ASKED),
		.rule = xs_words_text(words, XS_WIRE_RULE),
	};
	char line[XS_LOG_LINE_MAX];
	size_t len;

	if (words->log_level < (int)level)
		return;
	len = xs_log_format(line, &subject, sentence);
	xs_log_write(xs_words_text(words, XS_WIRE_LOG_DEST), log_fd, level,
		     line, len);
}

void xs_words_log_failure(const struct xs_words *words, int log_fd,
			  const struct xs_error *err)
{
	xs_words_log(words, log_fd, XS_LOG_ERROR, err->text);
}

void xs_words_log_success(const struct xs_words *words, int log_fd,
			  const struct xs_tls_summary *summary)
{
	char sentence[XS_ERROR_TEXT_MAX];

	const char *scheme = xs_words_text(words, XS_WIRE_SCHEME);

	if (!summary) {
		xs_words_log(words, log_fd, XS_LOG_INFO,
			     strcmp(scheme, "tcp") == 0
				     ? "connected, without TLS (relay=yes)"
				     : "connected; TLS follows in the "
				       "protocol's course");
		return;
	}
	snprintf(sentence, sizeof(sentence), "%s %s, %s", summary->version,
		 summary->cipher, summary->how);
	xs_words_log(words, log_fd, XS_LOG_INFO, sentence);
}
