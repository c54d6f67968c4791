/* starttls://: the application asks for TLS itself, and has none.
 *
 * The first byte of either side tells which protocol it is; from there on the
 * dialogue is that of the protocol's own watcher.  Every watcher keeps to
 * this:
 *
 * - It passes on what it understands, unit by unit, and nothing else.
 * - Until TLS stands it lets the application say only what is harmless in
 *   plaintext, such as EHLO and CAPABILITY.  Anything else (AUTH, MAIL, USER)
 *   breaks the connection, because the user asked for TLS.  With
 *   starttls=optional it ends the watching instead (PASS).
 * - It sets asked when the application asked for TLS, and returns AGREED when
 *   the server has; where the server refuses, xs_watch_refused.
 */
#include "watch.h"

#include <string.h>

/* --- the application brings its own TLS, from the first byte ----------- */

static size_t take_all(struct xs_dialogue *dialogue, bool from_app,
		       const uint8_t *data, size_t size, struct xs_error *err)
{
	if (from_app && !xs_dialogue_is_hello(data, size)) {
		xs_dialogue_broken(dialogue, err,
				   "the application sends something that is "
				   "neither TLS nor a protocol with STARTTLS");
		return XS_FRAME_BROKEN;
	}
	if (from_app && size < XS_HELLO_HEAD)
		return 0;
	return size < XS_LINE_MAX ? size : XS_LINE_MAX;
}

static enum xs_dialogue_result
pass_up(struct xs_dialogue *dialogue, struct xs_unit unit, struct xs_error *err)
{
	(void)err;
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_PASS;
}

/* What the server says decides nothing: the ClientHello is not whole yet. */
static enum xs_dialogue_result pass_down(struct xs_dialogue *dialogue,
					 struct xs_unit unit,
					 struct xs_error *err)
{
	(void)err;
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_MORE;
}

static const struct xs_protocol own_tls = {
	.name = "",
	.title = "starttls://",
	.asks = "TLS",
	.frame = take_all,
	.server = pass_down,
	.app = pass_up,
};

/* --- which protocol it is ---------------------------------------------- */

/* Binary protocols, in which the application speaks first. */
static const struct {
	uint8_t first;
	const struct xs_protocol *protocol;
} rows[] = {
	{ 0x00, &xs_watch_postgres }, /* the length of a packet */
	{ 0x16, &own_tls },	      /* a TLS record (RFC 8446, 5.1) */
	{ 0x30, &xs_watch_ldap },     /* a SEQUENCE */
	{ '<', &xs_watch_xmpp },
};

static const struct xs_protocol *find(bool from_app, uint8_t first)
{
	for (size_t i = 0; from_app && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].first == first)
			return rows[i].protocol;
	return &xs_watch_text;
}

static size_t look(struct xs_dialogue *dialogue, bool from_app,
		   const uint8_t *data, size_t size, struct xs_error *err)
{
	dialogue->protocol = find(from_app, data[0]);
	return xs_dialogue_frame(dialogue, from_app, data, size, err);
}

static enum xs_dialogue_result begin(struct xs_dialogue *dialogue,
				     struct xs_error *err)
{
	(void)dialogue, (void)err;
	return XS_DIALOGUE_OPEN;
}

const struct xs_protocol xs_protocol_watch = {
	.name = "starttls",
	.title = "starttls://",
	.asks = "STARTTLS",
	.begin = begin,
	.frame = look,
};

/* --- what watchers share ------------------------------------------------ */

enum xs_dialogue_result xs_watch_refused(struct xs_dialogue *dialogue,
					 const char *said, struct xs_error *err)
{
	dialogue->asked = false;
	if (dialogue->setup.optional)
		return XS_DIALOGUE_MORE;
	return xs_dialogue_refused(dialogue, said, err);
}

enum xs_dialogue_result xs_watch_plaintext(struct xs_dialogue *dialogue,
					   const char *what,
					   struct xs_error *err)
{
	if (dialogue->setup.optional)
		return XS_DIALOGUE_PASS;
	return xs_dialogue_broken(
		dialogue, err,
		"the application sends %s without having asked for TLS (does "
		"it do STARTTLS? for one that does not, the rule is "
		"PROTOCOL+starttls://)",
		what);
}
