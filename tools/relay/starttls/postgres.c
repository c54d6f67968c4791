/* PostgreSQL (protocol 3, "SSL Session Encryption"): an SSLRequest, and one
 * byte for an answer.
 *
 * Exactly one byte is an answer: whatever follows was put there by somebody
 * else (CVE-2021-23222).  An error message before TLS is not shown to anybody
 * (CVE-2024-10977).
 *
 * Performed, the dialogue stays until the application's first real packet: a
 * libpq that would rather have TLS ("prefer" is its default) asks for it, and
 * is told that there is none, as it is, between it and the relay.
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

/* One byte of the server; a packet without a type of the application. */
static size_t frame(struct xs_dialogue *dialogue, bool from_app,
		    const uint8_t *data, size_t size, struct xs_error *err)
{
	uint32_t len;

	if (!from_app)
		return 1;
	if (size < 4)
		return 0;
	len = read_number(data);
	if (len < 8) {
		xs_dialogue_broken(dialogue, err,
				   "the application sent something that is "
				   "not PostgreSQL");
		return XS_FRAME_BROKEN;
	}
	return len > XS_LINE_MAX ? XS_LINE_MAX + 1 : size < len ? 0 : len;
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

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	if (dialogue->tls) {
		/* Behind TLS, before the application's first packet. */
		xs_dialogue_replay(dialogue, unit.raw, unit.len);
		return XS_DIALOGUE_MORE;
	}
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
	return XS_DIALOGUE_PASS;
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

const struct xs_protocol xs_watch_postgres = {
	.name = "",
	.title = "PostgreSQL",
	.asks = "SSLRequest",
	.frame = frame,
	.server = watch_server,
	.app = watch_app,
};
