/* LDAP (RFC 4511, 4.14; RFC 4513, 3.1): StartTLS is an extended operation.
 *
 * Performed, the relay sends it before the application's first message has
 * left, so its message id can collide with none; it is the largest there is
 * all the same.  Seen, the response is told by the application's own id.
 *
 * Only the head of a message is looked into: id and operation, for StartTLS
 * its OID, for a response its result code.
 */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tags (RFC 4511, appendix B). */
enum {
	SEQUENCE = 0x30,
	INTEGER = 0x02,
	ENUMERATED = 0x0a,
	OCTETS = 0x04,
	UNBIND = 0x42,
	SEARCH = 0x63,
	ABANDON = 0x50,
	EXTENDED_REQUEST = 0x77,
	EXTENDED_RESPONSE = 0x78,
	REQUEST_NAME = 0x80,
};

#define STARTTLS_OID "1.3.6.1.4.1.1466.20037"

enum { OUR_ID = 0x7fffffff };

/* LDAPMessage { messageID, ExtendedRequest { requestName } } */
static const char request[] =
	"\x30\x20\x02\x04\x7f\xff\xff\xff\x77\x18\x80\x16" STARTTLS_OID;

/* --- BER --------------------------------------------------------------- */

struct ber {
	const uint8_t *at, *end;
};

/* Reads tag and length.  The size of both in *head, 0: more bytes are needed.
 * False: not a definite length of at most four bytes (RFC 4511, 5.1). */
static bool read_head(struct ber ber, size_t *head, size_t *len)
{
	size_t size = (size_t)(ber.end - ber.at), octets;

	*head = 0;
	*len = 0;
	if (size < 2)
		return true;
	if (ber.at[1] < 0x80) {
		*head = 2;
		*len = ber.at[1];
		return true;
	}
	octets = ber.at[1] & 0x7f;
	if (octets < 1 || octets > 4)
		return false;
	if (size < 2 + octets)
		return true;
	for (size_t i = 0; i < octets; i++)
		*len = *len << 8 | ber.at[2 + i];
	*head = 2 + octets;
	return true;
}

/* Takes the first element, which must be whole and of this tag. */
static bool take(struct ber *ber, uint8_t tag, struct ber *value)
{
	size_t head, len;

	if (ber->at == ber->end || *ber->at != tag ||
	    !read_head(*ber, &head, &len) || !head ||
	    len > (size_t)(ber->end - ber->at) - head)
		return false;
	value->at = ber->at + head;
	value->end = value->at + len;
	ber->at = value->end;
	return true;
}

/* A number from 0 to 2^31 - 1. */
static bool take_number(struct ber *ber, uint8_t tag, uint32_t *number)
{
	struct ber value;
	size_t len;

	if (!take(ber, tag, &value))
		return false;
	len = (size_t)(value.end - value.at);
	if (len < 1 || len > 4 || (value.at[0] & 0x80))
		return false;
	*number = 0;
	while (value.at < value.end)
		*number = *number << 8 | *value.at++;
	return true;
}

/* --- messages ---------------------------------------------------------- */

struct message {
	uint32_t id;
	uint8_t operation;
	struct ber body;
};

static bool read_message(struct xs_unit unit, struct message *message)
{
	struct ber ber = { unit.raw, unit.raw + unit.len }, inside;

	if (!take(&ber, SEQUENCE, &inside) ||
	    !take_number(&inside, INTEGER, &message->id) ||
	    inside.at == inside.end)
		return false;
	message->operation = *inside.at;
	return take(&inside, message->operation, &message->body);
}

static bool is_starttls(const struct message *message)
{
	struct ber body = message->body, name;

	return message->operation == EXTENDED_REQUEST &&
	       take(&body, REQUEST_NAME, &name) &&
	       (size_t)(name.end - name.at) == strlen(STARTTLS_OID) &&
	       memcmp(name.at, STARTTLS_OID, strlen(STARTTLS_OID)) == 0;
}

/* A search for the root DSE: what the server can do, no more. */
static bool is_root_dse(const struct message *message)
{
	struct ber body = message->body, base;
	uint32_t scope;

	return message->operation == SEARCH && take(&body, OCTETS, &base) &&
	       base.at == base.end && take_number(&body, ENUMERATED, &scope) &&
	       scope == 0;
}

static size_t frame(struct xs_dialogue *dialogue, bool from_app,
		    const uint8_t *data, size_t size, struct xs_error *err)
{
	struct ber ber = { data, data + size };
	size_t head, len;

	if (*data != SEQUENCE || !read_head(ber, &head, &len)) {
		xs_dialogue_broken(dialogue, err,
				   "%s sent something that is not LDAP",
				   from_app ? "the application" : "the server");
		return XS_FRAME_BROKEN;
	}
	if (!head)
		return 0;
	/* What is too long is told by the engine. */
	return len > XS_LINE_MAX   ? XS_LINE_MAX + 1
	       : size < head + len ? 0
				   : head + len;
}

/* The answer to StartTLS.  True: success; else *said has the result code and
 * the server's words. */
static bool judge_response(struct message *message, struct xs_said *said,
			   bool *proper)
{
	struct ber dn, words;
	uint32_t code = 0;

	*proper = message->operation == EXTENDED_RESPONSE &&
		  take_number(&message->body, ENUMERATED, &code) &&
		  take(&message->body, OCTETS, &dn) &&
		  take(&message->body, OCTETS, &words);
	if (!*proper || code == 0)
		return *proper;
	snprintf(said->text, sizeof(said->text), "result code %u, %.*s", code,
		 (int)(words.end - words.at > 60 ? 60 : words.end - words.at),
		 (const char *)words.at);
	return false;
}

/* --- performed --------------------------------------------------------- */

static enum xs_dialogue_result begin(struct xs_dialogue *dialogue,
				     struct xs_error *err)
{
	(void)err;
	xs_dialogue_send(dialogue, request, sizeof(request) - 1);
	dialogue->asked = true;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	struct message message;
	struct xs_said said;
	bool proper;

	if (!read_message(unit, &message))
		return xs_dialogue_broken(dialogue, err,
					  "the server's message is malformed");
	if (message.id != OUR_ID)
		return xs_dialogue_broken(
			dialogue, err,
			"the server sent message %u instead of the answer to "
			"StartTLS",
			message.id);
	if (judge_response(&message, &said, &proper))
		return XS_DIALOGUE_TLS;
	if (!proper)
		return xs_dialogue_broken(
			dialogue, err,
			"the server's answer to StartTLS is malformed");
	return xs_dialogue_refused(dialogue, said.text, err);
}

const struct xs_protocol xs_protocol_ldap = {
	.name = "ldap",
	.title = "LDAP",
	.asks = "StartTLS",
	.begin = begin,
	.frame = frame,
	.server = server,
};

/* --- seen -------------------------------------------------------------- */

/* The id of the application's StartTLS is kept in state. */

static enum xs_dialogue_result watch_server(struct xs_dialogue *dialogue,
					    struct xs_unit unit,
					    struct xs_error *err)
{
	struct message message;
	struct xs_said said;
	bool proper;

	if (!read_message(unit, &message))
		return xs_dialogue_broken(dialogue, err,
					  "the server's message is malformed");
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	if (!dialogue->asked || message.id != (uint32_t)dialogue->state)
		return XS_DIALOGUE_MORE;
	if (judge_response(&message, &said, &proper))
		return XS_DIALOGUE_AGREED;
	if (!proper)
		return xs_dialogue_broken(
			dialogue, err,
			"the server's answer to StartTLS is malformed");
	return xs_watch_refused(dialogue, said.text, err);
}

static enum xs_dialogue_result watch_app(struct xs_dialogue *dialogue,
					 struct xs_unit unit,
					 struct xs_error *err)
{
	struct message message;
	char what[32];

	if (!read_message(unit, &message))
		return xs_dialogue_broken(
			dialogue, err,
			"the application's message is malformed");
	if (is_starttls(&message)) {
		dialogue->asked = true;
		dialogue->state = (int)message.id;
	} else if (message.operation != UNBIND &&
		   message.operation != ABANDON && !is_root_dse(&message)) {
		if (dialogue->setup.optional)
			xs_dialogue_send(dialogue, unit.raw, unit.len);
		snprintf(what, sizeof(what), "operation %u",
			 message.operation & 0x1fu);
		return xs_watch_plaintext(dialogue, what, err);
	}
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_MORE;
}

const struct xs_protocol xs_watch_ldap = {
	.name = "",
	.title = "LDAP",
	.asks = "StartTLS",
	.frame = frame,
	.server = watch_server,
	.app = watch_app,
};
