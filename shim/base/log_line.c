/* The forms of a line; see log.h.
 *
 *     xsock: curl[4711]: example.com:443 by …: … [denied]
 *     xsock: time=1764471600.123 level=error id=denied program=curl …
 *     MESSAGE=curl[4711]: …
 *
 * Keys are for ever, as identifiers are.  The manual has the list.
 */
#include "base/log_line.h"

#include "base/compat.h"
#include "base/hash.h"
#include "base/message.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

int xs_log_priority(enum xs_log_level level)
{
	switch (level) {
	case XS_LOG_ERROR:
		return LOG_ERR;
	case XS_LOG_WARNING:
		return LOG_WARNING;
	case XS_LOG_INFO:
		return LOG_INFO;
	case XS_LOG_DEBUG:
	case XS_LOG_OFF:
		break;
	}
	return LOG_DEBUG;
}

/* --- text that is cut where the room ends ----------------------------------
 */

struct text {
	char *at, *end; /* of the room; what is put back into it fits */
};

static void add_byte(struct text *text, char byte)
{
	if (text->at < text->end)
		*text->at++ = byte;
}

/* One character if it is a control character, else one byte.  Returns its
 * length. */
static size_t add_next(struct text *text, const char *words)
{
	size_t control = xs_control_len(words);

	add_byte(text, control ? '?' : *words);
	return control ? control : 1;
}

static void add(struct text *text, const char *words)
{
	while (*words)
		words += add_next(text, words);
}

/* --- for people ------------------------------------------------------------
 */

static const char *id_of(const struct xs_log_subject *subject,
			 const char *sentence)
{
	return subject->level > XS_LOG_OFF && subject->level < XS_LOG_DEBUG
		       ? xs_message_id(sentence)
		       : NULL;
}

static void add_who(struct text *text, const struct xs_log_subject *subject)
{
	char who[128];

	if (subject->program) {
		snprintf(who, sizeof(who), "%.64s[%d]: ", subject->program,
			 subject->pid);
		add(text, who);
	}
	if (subject->asked)
		add(text, subject->asked);
	if (subject->rule) {
		add(text, " by ");
		add(text, subject->rule);
	}
	if (subject->asked || subject->rule)
		add(text, ": ");
}

static void add_sentence(struct text *text,
			 const struct xs_log_subject *subject, const char *id,
			 const char *sentence)
{
	size_t kept = id ? strlen(id) + strlen(" []") : 0;

	text->end -= kept;
	add_who(text, subject);
	add(text, sentence);
	text->end += kept;
	if (id) {
		add(text, " [");
		add(text, id);
		add(text, "]");
	}
}

/* --- for programs ----------------------------------------------------------
 */

/* With what is added, each key and value of the line, in their order. */
struct list {
	void (*put)(struct text *text, const char *key, const char *value);
	struct text *text;
};

static void put(const struct list *list, const char *key, const char *value)
{
	if (value && *value)
		list->put(list->text, key, value);
}

static void put_errno(const struct list *list, int errnum)
{
	const char *name = errnum ? strerrorname_np(errnum) : NULL;
	char number[16];

	snprintf(number, sizeof(number), "%d", errnum);
	if (errnum)
		put(list, "errno", name ? name : number);
}

static void put_all(const struct list *list,
		    const struct xs_log_subject *subject, const char *id)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", subject->pid);
	put(list, "id", id);
	put(list, "program", subject->program);
	put(list, "pid", subject->program ? pid : NULL);
	put(list, "destination", subject->asked);
	put(list, "rule", subject->rule);
	put_errno(list, subject->errnum);
	for (const struct xs_log_fact *fact = subject->facts; fact && fact->key;
	     fact++)
		put(list, fact->key, fact->value);
}

static bool is_plain(const char *value)
{
	for (; *value; value++)
		if (*value == ' ' || xs_control_len(value) ||
		    strchr("\"\\=", *value))
			return false;
	return true;
}

/* " key=value", or the value in quotation marks, with a backslash before those
 * and backslashes in it. */
static void put_pair(struct text *text, const char *key, const char *value)
{
	bool quoted = !is_plain(value);

	if (text->end - text->at < (ptrdiff_t)strlen(key) + 8)
		return;
	add(text, " ");
	add(text, key);
	add(text, quoted ? "=\"" : "=");
	text->end -= 2;
	while (*value && text->at + 1 < text->end) {
		if (*value == '"' || *value == '\\')
			add(text, "\\");
		value += add_next(text, value);
	}
	text->end += 2;
	if (quoted)
		add(text, "\"");
}

static void add_pairs(struct text *text, const struct xs_log_subject *subject,
		      const char *id, const char *sentence)
{
	const struct list pairs = { put_pair, text };
	struct timespec now = { .tv_sec = 0 };
	char seconds[40];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(seconds, sizeof(seconds), "%lld.%03ld", (long long)now.tv_sec,
		 now.tv_nsec / 1000000);
	add(text, "xsock:");
	put(&pairs, "time", seconds);
	put(&pairs, "level", xs_log_levels[subject->level]);
	put_all(&pairs, subject, id);
	put(&pairs, "message", sentence);
}

/* --- for the journal -------------------------------------------------------
 */

#define MESSAGE "MESSAGE="
#define PREFIX	"xsock: "

static void add_field(struct text *text, const char *name, const char *value)
{
	add(text, name);
	add(text, value);
	if (text->at < text->end)
		*text->at++ = '\n';
}

/* "XSOCK_KEY=value"; one that does not fit is left out. */
static void put_field(struct text *text, const char *key, const char *value)
{
	char name[32] = "XSOCK_";
	size_t len = strlen(name);

	if ((size_t)(text->end - text->at) <
	    len + strlen(key) + strlen(value) + 2)
		return;
	while (*key && len < sizeof(name) - 2) {
		name[len++] = *key >= 'a' && *key <= 'z'
				      ? (char)(*key - 'a' + 'A')
				      : *key;
		key++;
	}
	name[len++] = '=';
	name[len] = '\0';
	add_field(text, name, value);
}

/* A MESSAGE_ID is 128 bits that nobody else has: 64 of ours, and the hash of
 * the identifier. */
static void add_message_id(struct text *text, const char *id)
{
	char value[33];

	snprintf(value, sizeof(value), "%016llx%016llx", 0x5f0b6f3a9d2c4e71ULL,
		 (unsigned long long)xs_hash(XS_HASH_START, id, strlen(id)));
	add_field(text, "MESSAGE_ID=", value);
}

static void add_fields(struct text *text, const struct xs_log_subject *subject,
		       const char *id, const char *sentence)
{
	const struct list fields = { put_field, text };
	char number[16];
	char *end = text->end;

	/* Room for the rest is kept. */
	text->end = text->at + (end - text->at) / 2;
	add(text, MESSAGE);
	add_sentence(text, subject, id, sentence);
	text->end = end;
	*text->at++ = '\n';
	snprintf(number, sizeof(number), "%d", xs_log_priority(subject->level));
	add_field(text, "PRIORITY=", number);
	snprintf(number, sizeof(number), "%d", LOG_DAEMON >> 3);
	add_field(text, "SYSLOG_FACILITY=", number);
	add_field(text, "SYSLOG_IDENTIFIER=", "xsock");
	if (id)
		add_message_id(text, id);
	put_all(&fields, subject, id);
	text->at--;
}

size_t xs_log_message(char line[XS_LOG_LINE_MAX], const char *fields)
{
	const char *message = fields + strlen(MESSAGE);

	return (size_t)snprintf(line, XS_LOG_LINE_MAX, PREFIX "%.*s\n",
				(int)(strchrnul(message, '\n') - message),
				message);
}

/* --- all ------------------------------------------------------------------ */

size_t xs_log_format(char line[XS_LOG_LINE_MAX],
		     const struct xs_log_subject *subject, const char *sentence)
{
	struct text text = { line, line + XS_LOG_LINE_MAX - 2 };
	const char *id = id_of(subject, sentence);

	switch (subject->form) {
	case XS_LOG_SENTENCE:
		add(&text, PREFIX);
		add_sentence(&text, subject, id, sentence);
		break;
	case XS_LOG_PAIRS:
		add_pairs(&text, subject, id, sentence);
		break;
	case XS_LOG_FIELDS:
		add_fields(&text, subject, id, sentence);
		break;
	}
	*text.at++ = '\n';
	*text.at = '\0';
	return (size_t)(text.at - line);
}
