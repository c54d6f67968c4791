/* Reading answers of DNS; see dns_answer.h. */
#include "rules/dns_answer.h"

#include "base/text.h"

#include <string.h>

enum {
	HEADER = 12,
	QR = 0x80,	    /* of byte 2: an answer */
	RCODE = 0x0f,	    /* of byte 3 */
	POINTER = 0xc0,	    /* the upper bits of a length: the name goes on
			       elsewhere */
	RECORD_FIXED = 10,  /* type, class, TTL, length */
	QUESTION_FIXED = 4, /* type, class */
	WIRE_NAME_MAX = 255,
	CLASS_IN = 1,
	TYPE_A = 1,
	TYPE_CNAME = 5,
	TYPE_AAAA = 28,
};

static unsigned number(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* --- names -----------------------------------------------------------------
 */

static bool is_of_names(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
	       byte == '-' || byte == '_';
}

/* A name that is being read. */
struct reader {
	size_t from;	/* the next byte */
	size_t lowest;	/* a pointer must lead below this */
	size_t behind;	/* the first pointer; 0: there was none */
	unsigned jumps; /* left */
	size_t written; /* below XS_NAME_MAX, by WIRE_NAME_MAX */
	bool is_plain;
};

/* One that follows no label is of no use: as many as a name has labels. */
enum { JUMPS_MAX = WIRE_NAME_MAX / 2 };

static bool follow_pointer(const struct xs_dns_answer *answer,
			   struct reader *reader)
{
	size_t to;

	if (answer->len - reader->from < 2 || reader->jumps-- == 0)
		return false;
	to = number(answer->message + reader->from) & 0x3fff;
	if (to >= reader->lowest)
		return false;
	if (!reader->behind)
		reader->behind = reader->from + 2;
	reader->from = reader->lowest = to;
	return true;
}

static void take_label(struct reader *reader, char name[XS_NAME_MAX],
		       const uint8_t *label, size_t len)
{
	if (reader->written)
		name[reader->written++] = '.';
	for (size_t i = 0; i < len; i++) {
		char byte = xs_lower((char)label[i]);

		reader->is_plain &= is_of_names(byte);
		name[reader->written++] = byte;
	}
}

/* Reads labels up to the end of the name. */
static bool read_labels(const struct xs_dns_answer *answer,
			struct reader *reader, char name[XS_NAME_MAX])
{
	size_t wire = 0;

	while (reader->from < answer->len) {
		size_t len = answer->message[reader->from];

		if ((len & POINTER) == POINTER) {
			if (!follow_pointer(answer, reader))
				return false;
			continue;
		}
		wire += len + 1;
		if (len & POINTER || wire > WIRE_NAME_MAX ||
		    answer->len - reader->from <= len)
			return false;
		reader->from++;
		if (len == 0)
			return true;
		take_label(reader, name, answer->message + reader->from, len);
		reader->from += len;
	}
	return false;
}

/* Reads the name at *at, and leads *at behind it.  False where it is broken;
 * "" where it is not plain. */
static bool read_name(const struct xs_dns_answer *answer, size_t *at,
		      char name[XS_NAME_MAX])
{
	struct reader reader = {
		.from = *at,
		.lowest = *at,
		.jumps = JUMPS_MAX,
		.is_plain = true,
	};

	if (!read_labels(answer, &reader, name))
		return false;
	*at = reader.behind ? reader.behind : reader.from;
	name[reader.is_plain ? reader.written : 0] = '\0';
	return true;
}

/* --- records ----------------------------------------------------------------
 */

struct record {
	char owner[XS_NAME_MAX];
	unsigned type, class;
	size_t data, len; /* within the message */
};

static bool read_record(struct xs_dns_answer *answer, struct record *record)
{
	const uint8_t *fixed;

	if (!read_name(answer, &answer->at, record->owner) ||
	    answer->len - answer->at < RECORD_FIXED)
		return false;
	fixed = answer->message + answer->at;
	record->type = number(fixed);
	record->class = number(fixed + 2);
	record->len = number(fixed + 8);
	record->data = answer->at + RECORD_FIXED;
	if (answer->len - record->data < record->len)
		return false;
	answer->at = record->data + record->len;
	return true;
}

static bool is_address(const struct xs_dns_answer *answer,
		       const struct record *record, struct xs_address *address)
{
	const uint8_t *data = answer->message + record->data;

	*address = (struct xs_address){ .len = 0 };
	if (record->type == TYPE_A && record->len == 4) {
		address->v4.sin_family = AF_INET;
		address->len = sizeof(address->v4);
		memcpy(&address->v4.sin_addr, data, 4);
	} else if (record->type == TYPE_AAAA && record->len == 16) {
		address->v6.sin6_family = AF_INET6;
		address->len = sizeof(address->v6);
		memcpy(&address->v6.sin6_addr, data, 16);
	}
	return address->len > 0;
}

/* Servers tell a chain from its beginning to its end, as glibc expects it, too.
 */
static void follow_alias(struct xs_dns_answer *answer,
			 const struct record *record)
{
	char target[XS_NAME_MAX];
	size_t at = record->data;

	if (record->type == TYPE_CNAME && answer->canonical[0] &&
	    strcmp(record->owner, answer->canonical) == 0 &&
	    read_name(answer, &at, target))
		memcpy(answer->canonical, target, sizeof(target));
}

bool xs_dns_answer_begin(struct xs_dns_answer *answer, const uint8_t *message,
			 size_t len)
{
	*answer = (struct xs_dns_answer){ .message = message, .len = len };
	if (len < HEADER || !(message[2] & QR) || message[3] & RCODE ||
	    number(message + 4) != 1)
		return false;
	answer->records = number(message + 6);
	answer->at = HEADER;
	if (!read_name(answer, &answer->at, answer->question) ||
	    len - answer->at < QUESTION_FIXED)
		return false;
	answer->at += QUESTION_FIXED;
	memcpy(answer->canonical, answer->question, sizeof(answer->question));
	return true;
}

bool xs_dns_answer_next(struct xs_dns_answer *answer,
			struct xs_address *address)
{
	struct record record;

	for (; answer->records > 0; answer->records--) {
		if (!read_record(answer, &record))
			return false;
		if (record.class != CLASS_IN)
			continue;
		follow_alias(answer, &record);
		if (is_address(answer, &record, address)) {
			answer->records--;
			return true;
		}
	}
	return false;
}
