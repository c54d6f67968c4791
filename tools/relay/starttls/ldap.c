/* LDAP (RFC 4511, 4.14; RFC 4513, 3.1): StartTLS is an extended operation.
 *
 * Performed, the relay sends it before the application's first message has
 * left, so its message id can collide with none; it is the largest there is
 * all the same.  Seen, the response is told by the application's own id.
 *
 * Only the head of a message is looked into: id and operation, for StartTLS
 * its OID, for a response its result code.
 */
#include "relay/starttls/ldap.h"
#include "relay/starttls/table.h"
#include "relay/starttls/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Tags (RFC 4511, appendix B). */
enum {
	UNBIND = 0x42,
	SEARCH = 0x63,
	EQUALITY = 0xa3, /* of a filter */
	ABANDON = 0x50,
	EXTENDED_REQUEST = 0x77,
	EXTENDED_RESPONSE = 0x78,
	REQUEST_NAME = 0x80,
};

#define STARTTLS_OID "1.3.6.1.4.1.1466.20037"

enum { OUR_ID = 0x7fffffff };

/* LDAPMessage { messageID, ExtendedRequest { requestName } } */
static const char ldap_request[] =
	"\x30\x20\x02\x04\x7f\xff\xff\xff\x77\x18\x80\x16" STARTTLS_OID;

/* --- messages ---------------------------------------------------------- */

bool xs_ldap_read(struct xs_unit unit, struct xs_ldap *message)
{
	struct xs_ber ber = { unit.raw, unit.raw + unit.len }, inside;

	if (!xs_ber_take(&ber, XS_BER_SEQUENCE, &inside) ||
	    !xs_ber_take_number(&inside, XS_BER_INTEGER, &message->id) ||
	    inside.at == inside.end)
		return false;
	message->operation = *inside.at;
	return xs_ber_take(&inside, message->operation, &message->body);
}

static bool is_starttls(const struct xs_ldap *message)
{
	struct xs_ber body = message->body, name;

	return message->operation == EXTENDED_REQUEST &&
	       xs_ber_take(&body, REQUEST_NAME, &name) &&
	       (size_t)(name.end - name.at) == strlen(STARTTLS_OID) &&
	       memcmp(name.at, STARTTLS_OID, strlen(STARTTLS_OID)) == 0;
}

bool xs_ldap_is(struct xs_ber text, const char *word)
{
	return (size_t)(text.end - text.at) == strlen(word) &&
	       strncasecmp((const char *)text.at, word, strlen(word)) == 0;
}

/* The filter (objectClass=subschema), as the rest of a search begins behind its
 * scope: derefAliases, sizeLimit, timeLimit, typesOnly, filter. */
static bool is_of_schema(struct xs_ber body)
{
	struct xs_ber value, filter, attribute, class;

	return xs_ber_take(&body, XS_BER_ENUMERATED, &value) &&
	       xs_ber_take(&body, XS_BER_INTEGER, &value) &&
	       xs_ber_take(&body, XS_BER_INTEGER, &value) &&
	       xs_ber_take(&body, XS_BER_BOOLEAN, &value) &&
	       xs_ber_take(&body, EQUALITY, &filter) &&
	       xs_ber_take(&filter, XS_BER_OCTETS, &attribute) &&
	       xs_ber_take(&filter, XS_BER_OCTETS, &class) &&
	       xs_ldap_is(attribute, "objectClass") &&
	       xs_ldap_is(class, "subschema");
}

/* A search for the root DSE, or for the schema at the one place that it names
 * (RFC 4512, 4.4): what the server can do, no more. */
static bool is_harmless_search(const struct xs_ldap *message)
{
	struct xs_ber body = message->body, base;
	uint32_t scope;

	return message->operation == SEARCH &&
	       xs_ber_take(&body, XS_BER_OCTETS, &base) &&
	       xs_ber_take_number(&body, XS_BER_ENUMERATED, &scope) &&
	       scope == 0 && (base.at == base.end || is_of_schema(body));
}

static size_t ldap_frame(struct xs_dialogue *dialogue, bool from_app,
			 const uint8_t *data, size_t size, struct xs_error *err)
{
	struct xs_ber ber = { data, data + size };
	size_t head, len;

	if (*data != XS_BER_SEQUENCE || !xs_ber_read_head(ber, &head, &len)) {
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
static bool ldap_judge_response(struct xs_ldap *message, struct xs_said *said,
				bool *proper)
{
	struct xs_ber dn, words;
	uint32_t code = 0;

	*proper =
		message->operation == EXTENDED_RESPONSE &&
		xs_ber_take_number(&message->body, XS_BER_ENUMERATED, &code) &&
		xs_ber_take(&message->body, XS_BER_OCTETS, &dn) &&
		xs_ber_take(&message->body, XS_BER_OCTETS, &words);
	if (!*proper || code == 0)
		return *proper;
	snprintf(said->text, sizeof(said->text), "result code %u, %.*s", code,
		 (int)(words.end - words.at > 60 ? 60 : words.end - words.at),
		 (const char *)words.at);
	return false;
}

/* --- performed --------------------------------------------------------- */

static enum xs_dialogue_result ldap_begin(struct xs_dialogue *dialogue,
					  struct xs_error *err)
{
	(void)err;
	xs_dialogue_send(dialogue, ldap_request, sizeof(ldap_request) - 1);
	dialogue->asked = true;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result ldap_server(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	struct xs_ldap message;
	struct xs_said said;
	bool proper;

	if (!xs_ldap_read(unit, &message))
		return xs_dialogue_broken(dialogue, err,
					  "the server's message is malformed");
	if (message.id != OUR_ID)
		return xs_dialogue_broken(
			dialogue, err,
			"the server sent message %u instead of the answer to "
			"StartTLS",
			message.id);
	if (ldap_judge_response(&message, &said, &proper))
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
	.begin = ldap_begin,
	.frame = ldap_frame,
	.server = ldap_server,
	.secured = xs_ldap_filter,
};

/* --- seen -------------------------------------------------------------- */

/* The id of the application's StartTLS is kept in state. */

static enum xs_dialogue_result ldap_watch_server(struct xs_dialogue *dialogue,
						 struct xs_unit unit,
						 struct xs_error *err)
{
	struct xs_ldap message;
	struct xs_said said;
	bool proper;

	if (!xs_ldap_read(unit, &message))
		return xs_dialogue_broken(dialogue, err,
					  "the server's message is malformed");
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	if (!dialogue->asked || message.id != (uint32_t)dialogue->state)
		return XS_DIALOGUE_MORE;
	if (ldap_judge_response(&message, &said, &proper))
		return XS_DIALOGUE_AGREED;
	if (!proper)
		return xs_dialogue_broken(
			dialogue, err,
			"the server's answer to StartTLS is malformed");
	return xs_watch_refused(dialogue, said.text, err);
}

static enum xs_dialogue_result ldap_watch_app(struct xs_dialogue *dialogue,
					      struct xs_unit unit,
					      struct xs_error *err)
{
	struct xs_ldap message;
	char what[32];

	if (!xs_ldap_read(unit, &message))
		return xs_dialogue_broken(
			dialogue, err,
			"the application's message is malformed");
	if (is_starttls(&message)) {
		dialogue->asked = true;
		dialogue->state = (int)message.id;
	} else if (message.operation != UNBIND &&
		   message.operation != ABANDON &&
		   !is_harmless_search(&message)) {
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
	.frame = ldap_frame,
	.server = ldap_watch_server,
	.app = ldap_watch_app,
	.secured = xs_ldap_filter,
};
