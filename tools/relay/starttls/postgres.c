/* PostgreSQL (protocol 3, "SSL Session Encryption"): an SSLRequest, and one
 * byte for an answer.
 *
 * Exactly one byte is an answer: whatever follows was put there by somebody
 * else (CVE-2021-23222).  An error message before TLS is not shown to anybody
 * (CVE-2024-10977).
 *
 * The dialogue stays behind TLS until the server has said how to authenticate.
 * A libpq that would rather have TLS ("prefer" is its default) asks for it, and
 * is told that there is none, as it is, between it and the relay; and one that
 * sees no TLS takes an offer of SCRAM-SHA-256-PLUS for an attack, so that is
 * taken out of the server's list: its channel binding is to the relay's TLS,
 * which the application cannot know.
 */
#include "watch.h"

#include <arpa/inet.h>
#include <string.h>

/* Codes in the place of a protocol version. */
enum {
	CANCEL = 80877102,
	SSL = 80877103,
	GSS = 80877104,
};

static const char ssl_request[] = "\x00\x00\x00\x08\x04\xd2\x16\x2f";

static uint32_t read_number(const uint8_t *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return ntohl(number);
}

static size_t bounded(uint32_t len, size_t size)
{
	return len > XS_LINE_MAX ? XS_LINE_MAX + 1 : size < len ? 0 : len;
}

/* Behind TLS the server's messages begin with a byte for their type. */
static size_t frame_server(const struct xs_dialogue *dialogue,
			   const uint8_t *data, size_t size)
{
	if (!dialogue->tls)
		return 1;
	return size < 5 ? 0 : bounded(1 + read_number(data + 1), size);
}

/* One byte of the server; a packet without a type of the application. */
static size_t frame(struct xs_dialogue *dialogue, bool from_app,
		    const uint8_t *data, size_t size, struct xs_error *err)
{
	uint32_t len;

	if (!from_app)
		return frame_server(dialogue, data, size);
	if (size < 4)
		return 0;
	len = read_number(data);
	if (len < 8) {
		xs_dialogue_broken(dialogue, err,
				   "the application sent something that is "
				   "not PostgreSQL");
		return XS_FRAME_BROKEN;
	}
	return bounded(len, size);
}

/* What the server's byte is, if it is not "S". */
static enum xs_dialogue_result judge_other(const struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	if (*unit.raw == 'N')
		return xs_dialogue_missing(dialogue, err);
	if (*unit.raw == 'E')
		return xs_dialogue_refused(dialogue, "an error message", err);
	return xs_dialogue_broken(
		dialogue, err, "the server answered %s to SSLRequest",
		xs_said((const char *)unit.raw, unit.len).text);
}

/* --- performed --------------------------------------------------------- */

static enum xs_dialogue_result begin(struct xs_dialogue *dialogue,
				     struct xs_error *err)
{
	(void)err;
	xs_dialogue_send(dialogue, ssl_request, sizeof(ssl_request) - 1);
	dialogue->asked = true;
	return XS_DIALOGUE_MORE;
}

/* AuthenticationSASL: 'R', length, 10, names ended by an empty one. */
enum { SASL = 10, AT_NAMES = 9 };

static bool is_sasl(struct xs_unit unit)
{
	return *unit.raw == 'R' && unit.len > AT_NAMES &&
	       read_number(unit.raw + 5) == SASL &&
	       unit.raw[unit.len - 1] == '\0';
}

/* Shows the list without those that bind to a channel ("-PLUS", RFC 5802). */
static void replay_names(struct xs_dialogue *dialogue, struct xs_unit unit)
{
	const char *end = (const char *)unit.raw + unit.len;
	uint8_t kept[XS_LINE_MAX];
	size_t len = AT_NAMES;
	uint32_t size;

	memcpy(kept, unit.raw, AT_NAMES);
	for (const char *at = (const char *)unit.raw + AT_NAMES; at < end;) {
		size_t name = strlen(at) + 1;

		if (name < 6 || strcmp(at + name - 6, "-PLUS") != 0) {
			memcpy(kept + len, at, name);
			len += name;
		}
		at += name;
	}
	size = htonl((uint32_t)len - 1);
	memcpy(kept + 1, &size, sizeof(size));
	xs_dialogue_replay(dialogue, kept, len);
}

/* Behind TLS: until it is clear how to authenticate. */
static enum xs_dialogue_result judge_message(struct xs_dialogue *dialogue,
					     struct xs_unit unit)
{
	if (is_sasl(unit))
		replay_names(dialogue, unit);
	else
		xs_dialogue_replay(dialogue, unit.raw, unit.len);
	/* NegotiateProtocolVersion: the request for a password follows. */
	return *unit.raw == 'v' ? XS_DIALOGUE_MORE : XS_DIALOGUE_PASS;
}

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	if (dialogue->tls)
		return judge_message(dialogue, unit);
	if (*unit.raw == 'S')
		return XS_DIALOGUE_TLS;
	return judge_other(dialogue, unit, err);
}

static enum xs_dialogue_result secured(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	(void)dialogue;
	(void)err;
	return XS_DIALOGUE_OPEN;
}

static enum xs_dialogue_result app(struct xs_dialogue *dialogue,
				   struct xs_unit unit, struct xs_error *err)
{
	uint32_t code = read_number(unit.raw + 4);

	(void)err;
	if (code == SSL || code == GSS) {
		xs_dialogue_replay(dialogue, "N", 1);
		return XS_DIALOGUE_MORE;
	}
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	return code == CANCEL ? XS_DIALOGUE_PASS : XS_DIALOGUE_MORE;
}

const struct xs_protocol xs_protocol_postgres = {
	.name = "postgres",
	.title = "PostgreSQL",
	.asks = "SSLRequest",
	.begin = begin,
	.frame = frame,
	.server = server,
	.app = app,
	.secured = secured,
};

/* --- seen -------------------------------------------------------------- */

static enum xs_dialogue_result watch_server(struct xs_dialogue *dialogue,
					    struct xs_unit unit,
					    struct xs_error *err)
{
	if (!dialogue->asked)
		return xs_dialogue_broken(dialogue, err,
					  "the server speaks without being "
					  "asked");
	if (*unit.raw == 'S') {
		xs_dialogue_replay(dialogue, unit.raw, unit.len);
		return XS_DIALOGUE_AGREED;
	}
	if (*unit.raw != 'N')
		return judge_other(dialogue, unit, err);
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	return xs_watch_refused(dialogue, "N", err);
}

static enum xs_dialogue_result watch_app(struct xs_dialogue *dialogue,
					 struct xs_unit unit,
					 struct xs_error *err)
{
	switch (read_number(unit.raw + 4)) {
	case SSL:
		dialogue->asked = true;
		xs_dialogue_send(dialogue, unit.raw, unit.len);
		return XS_DIALOGUE_MORE;
	case GSS:
		/* Another encryption than the rule asks for. */
		xs_dialogue_replay(dialogue, "N", 1);
		return XS_DIALOGUE_MORE;
	case CANCEL:
	default:
		if (dialogue->setup.optional)
			xs_dialogue_send(dialogue, unit.raw, unit.len);
		return xs_watch_plaintext(dialogue, "its first packet", err);
	}
}

/* From here on there is no difference to the other kind. */
static enum xs_dialogue_result watch_secured(struct xs_dialogue *dialogue,
					     struct xs_error *err)
{
	(void)err;
	dialogue->protocol = &xs_protocol_postgres;
	return XS_DIALOGUE_MORE;
}

const struct xs_protocol xs_watch_postgres = {
	.name = "",
	.title = "PostgreSQL",
	.asks = "SSLRequest",
	.frame = frame,
	.server = watch_server,
	.app = watch_app,
	.secured = watch_secured,
};
