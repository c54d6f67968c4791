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
#include "relay/starttls/sasl.h"
#include "relay/starttls/table.h"
#include "relay/starttls/watch.h"

#include <arpa/inet.h>
#include <string.h>

/* Codes in the place of a protocol version. */
enum {
	CANCEL = 80877102,
	SSL = 80877103,
	GSS = 80877104,
};

static const char ssl_request[] = "\x00\x00\x00\x08\x04\xd2\x16\x2f";

static uint32_t postgres_read_number(const uint8_t *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return ntohl(number);
}

static size_t bounded(uint32_t len, size_t size)
{
	return len > XS_PACKET_MAX ? XS_PACKET_MAX + 1 : size < len ? 0 : len;
}

/* Behind TLS the server's messages begin with a byte for their type. */
static size_t postgres_frame_server(const struct xs_dialogue *dialogue,
				    const uint8_t *data, size_t size)
{
	if (!dialogue->tls)
		return 1;
	if (size < 5)
		return 0;
	/* A length near 2^32 must not wrap. */
	return postgres_read_number(data + 1) > XS_PACKET_MAX
		       ? XS_PACKET_MAX + 1
		       : bounded(1 + postgres_read_number(data + 1), size);
}

/* One byte of the server; a packet without a type of the application. */
static size_t postgres_frame(struct xs_dialogue *dialogue, bool from_app,
			     const uint8_t *data, size_t size,
			     struct xs_error *err)
{
	uint32_t len;

	if (!from_app)
		return postgres_frame_server(dialogue, data, size);
	if (size < 4)
		return 0;
	if (xs_dialogue_is_hello(data, size)) {
		xs_dialogue_broken(dialogue, err,
				   "the application brings its own TLS "
				   "(sslnegotiation=direct? for this rule it "
				   "must not: sslmode=disable)");
		return XS_FRAME_BROKEN;
	}
	len = postgres_read_number(data);
	if (len < 8) {
		xs_dialogue_broken(dialogue, err,
				   "the application sent something that is "
				   "not PostgreSQL");
		return XS_FRAME_BROKEN;
	}
	return bounded(len, size);
}

/* What the server's byte is, if it is not "S". */
static enum xs_dialogue_result
postgres_judge_other(const struct xs_dialogue *dialogue, struct xs_unit unit,
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

static enum xs_dialogue_result postgres_begin(struct xs_dialogue *dialogue,
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
	       postgres_read_number(unit.raw + 5) == SASL &&
	       unit.raw[unit.len - 1] == '\0';
}

/* Shows the list without those that bind to TLS. */
static void replay_names(struct xs_dialogue *dialogue, struct xs_unit unit)
{
	const char *names = (const char *)unit.raw + AT_NAMES;
	const char *end = (const char *)unit.raw + unit.len;
	uint8_t head[AT_NAMES];
	uint32_t len = AT_NAMES - 1;

	for (const char *at = names; at < end; at += strlen(at) + 1)
		len += xs_sasl_binds(at, strlen(at)) ? 0
						     : (uint32_t)strlen(at) + 1;
	if (len == AT_NAMES && unit.len > AT_NAMES + 1)
		xs_sasl_none_left(dialogue);
	len = htonl(len);
	memcpy(head, unit.raw, AT_NAMES);
	memcpy(head + 1, &len, sizeof(len));
	xs_dialogue_replay(dialogue, head, AT_NAMES);
	for (const char *at = names; at < end; at += strlen(at) + 1)
		if (!xs_sasl_binds(at, strlen(at)))
			xs_dialogue_replay(dialogue, at, strlen(at) + 1);
}

/* Behind TLS: until it is clear how to authenticate. */
static enum xs_dialogue_result
postgres_judge_message(struct xs_dialogue *dialogue, struct xs_unit unit)
{
	if (is_sasl(unit))
		replay_names(dialogue, unit);
	else
		xs_dialogue_replay(dialogue, unit.raw, unit.len);
	/* NegotiateProtocolVersion: the request for a password follows. */
	return *unit.raw == 'v' ? XS_DIALOGUE_MORE : XS_DIALOGUE_PASS;
}

static enum xs_dialogue_result postgres_server(struct xs_dialogue *dialogue,
					       struct xs_unit unit,
					       struct xs_error *err)
{
	if (dialogue->tls)
		return postgres_judge_message(dialogue, unit);
	if (*unit.raw == 'S')
		return XS_DIALOGUE_TLS;
	return postgres_judge_other(dialogue, unit, err);
}

static enum xs_dialogue_result postgres_secured(struct xs_dialogue *dialogue,
						struct xs_error *err)
{
	(void)dialogue;
	(void)err;
	return XS_DIALOGUE_OPEN;
}

static enum xs_dialogue_result postgres_app(struct xs_dialogue *dialogue,
					    struct xs_unit unit,
					    struct xs_error *err)
{
	uint32_t code = postgres_read_number(unit.raw + 4);

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
	.begin = postgres_begin,
	.frame = postgres_frame,
	.unit_max = XS_PACKET_MAX,
	.server = postgres_server,
	.app = postgres_app,
	.secured = postgres_secured,
};

/* PostgreSQL 17, sslnegotiation=direct: from here on there is no difference. */
const struct xs_protocol xs_protocol_postgres_tls = {
	.name = "postgres+tls",
	.title = "PostgreSQL",
	.asks = "TLS",
	.begin = xs_dialogue_begin_with_tls,
	.frame = postgres_frame,
	.unit_max = XS_PACKET_MAX,
	.server = postgres_server,
	.app = postgres_app,
	.secured = postgres_secured,
};

/* --- seen -------------------------------------------------------------- */

/* libpq up to 16 sends its cancel request without TLS, also where the
 * connection that it is about has TLS of libpq's own.  It has a key in it, so
 * the relay asks for TLS in its place. */
static enum xs_dialogue_result
postgres_cancel_secured(struct xs_dialogue *dialogue, struct xs_error *err)
{
	(void)err;
	xs_dialogue_send(dialogue, xs_queue_first(&dialogue->kept),
			 xs_queue_len(&dialogue->kept));
	xs_dialogue_forget(dialogue);
	return XS_DIALOGUE_PASS;
}

static enum xs_dialogue_result
postgres_watch_server(struct xs_dialogue *dialogue, struct xs_unit unit,
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
		return postgres_judge_other(dialogue, unit, err);
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	return xs_watch_refused(dialogue, "N", err);
}

/* The answer to what the relay asked for in a cancel request's place. */
static enum xs_dialogue_result
postgres_cancel_server(struct xs_dialogue *dialogue, struct xs_unit unit,
		       struct xs_error *err)
{
	if (*unit.raw == 'S')
		return XS_DIALOGUE_TLS;
	if (*unit.raw != 'N' || !dialogue->setup.optional)
		return postgres_judge_other(dialogue, unit, err);
	return postgres_cancel_secured(dialogue, err);
}

static const struct xs_protocol postgres_cancelling = {
	.name = "",
	.title = "PostgreSQL",
	.asks = "SSLRequest",
	.frame = postgres_frame,
	.unit_max = XS_PACKET_MAX,
	.server = postgres_cancel_server,
	.secured = postgres_cancel_secured,
};

static enum xs_dialogue_result postgres_cancel(struct xs_dialogue *dialogue,
					       struct xs_unit unit,
					       struct xs_error *err)
{
	xs_dialogue_keep(dialogue, unit.raw, unit.len);
	if (!xs_dialogue_become(dialogue, &postgres_cancelling))
		return XS_DIALOGUE_BROKEN;
	return postgres_begin(dialogue, err);
}

static enum xs_dialogue_result postgres_watch_app(struct xs_dialogue *dialogue,
						  struct xs_unit unit,
						  struct xs_error *err)
{
	switch (postgres_read_number(unit.raw + 4)) {
	case SSL:
		dialogue->asked = true;
		xs_dialogue_send(dialogue, unit.raw, unit.len);
		return XS_DIALOGUE_MORE;
	case GSS:
		/* Another encryption than the rule asks for. */
		xs_dialogue_replay(dialogue, "N", 1);
		return XS_DIALOGUE_MORE;
	case CANCEL:
		return postgres_cancel(dialogue, unit, err);
	default:
		if (dialogue->setup.optional)
			xs_dialogue_send(dialogue, unit.raw, unit.len);
		return xs_watch_plaintext(dialogue, "its first packet", err);
	}
}

/* From here on there is no difference to the other kind. */
static enum xs_dialogue_result
postgres_watch_secured(struct xs_dialogue *dialogue, struct xs_error *err)
{
	(void)err;
	return xs_dialogue_listen_as(dialogue, &xs_protocol_postgres);
}

const struct xs_protocol xs_watch_postgres = {
	.name = "",
	.title = "PostgreSQL",
	.asks = "SSLRequest",
	.frame = postgres_frame,
	.unit_max = XS_PACKET_MAX,
	.server = postgres_watch_server,
	.app = postgres_watch_app,
	.secured = postgres_watch_secured,
};
