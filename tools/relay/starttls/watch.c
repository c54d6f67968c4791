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
#include "relay/starttls/watch.h"

#include "relay/starttls/table.h"

#include <string.h>

/* --- the application brings its own TLS, from the first byte ----------- */

static size_t own_tls_frame(struct xs_dialogue *dialogue, bool from_app,
			    const uint8_t *data, size_t size,
			    struct xs_error *err)
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

static enum xs_dialogue_result own_tls_app(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	(void)err;
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_PASS;
}

/* What the server says decides nothing: the ClientHello is not whole yet. */
static enum xs_dialogue_result own_tls_server(struct xs_dialogue *dialogue,
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
	.frame = own_tls_frame,
	.server = own_tls_server,
	.app = own_tls_app,
};

/* --- which protocol it is ---------------------------------------------- */

/* Protocols that have a watcher of their own, by the byte that tells them: of
 * the application where it speaks first, else of the server. */
static const struct {
	bool from_app;
	uint8_t first;
	const struct xs_protocol *protocol;
} watch_firsts[] = {
	{ true, 0x00, &xs_watch_postgres }, /* the length of a packet */
	{ true, 0x16, &own_tls },	    /* a TLS record (RFC 8446, 5.1) */
	{ true, 0x30, &xs_watch_ldap },	    /* a SEQUENCE */
	{ true, '<', &xs_watch_xmpp },
	{ false, 'I', &xs_watch_nats }, /* INFO */
};

static const struct xs_protocol *watch_find(bool from_app, uint8_t first)
{
	for (size_t i = 0; i < sizeof(watch_firsts) / sizeof(watch_firsts[0]);
	     i++)
		if (watch_firsts[i].from_app == from_app &&
		    watch_firsts[i].first == first)
			return watch_firsts[i].protocol;
	return &xs_watch_text;
}

static size_t watch_frame(struct xs_dialogue *dialogue, bool from_app,
			  const uint8_t *data, size_t size,
			  struct xs_error *err)
{
	if (!xs_dialogue_become(dialogue, watch_find(from_app, data[0])))
		return XS_FRAME_BROKEN;
	return xs_dialogue_frame(dialogue, from_app, data, size, err);
}

static enum xs_dialogue_result watch_begin(struct xs_dialogue *dialogue,
					   struct xs_error *err)
{
	(void)dialogue, (void)err;
	return XS_DIALOGUE_OPEN;
}

const struct xs_protocol xs_protocol_watch = {
	.name = "starttls",
	.title = "starttls://",
	.asks = "STARTTLS",
	.begin = watch_begin,
	.frame = watch_frame,
};
