/* XMPP behind TLS (RFC 6120, 6), until the client is authenticated.
 *
 * A client that sees no TLS cannot bind its authentication to the channel, and
 * some give up when they are offered a mechanism that does ("-PLUS", RFC 5802):
 * they take it for an attack.  So <mechanism> elements with such a name are
 * taken out of what the server offers, in SASL and SASL 2 (XEP-0388) alike.
 * Everything else passes as it is, what the application says in any case.
 *
 * A unit of the server's is a whole <mechanism>, a tag, or text.  It ends with
 * <success>, with a stanza, and with what needs a parser of XML.
 */
#include "relay/starttls/xmpp.h"

#include "relay/starttls/sasl.h"
#include "relay/starttls/table.h"

#include <string.h>

/* The end of the filter. */
static const char *const lasts[] = { "success", "iq", "message", "presence" };

/* What is not looked into passes in pieces of any length. */
static size_t filter_piece(size_t size)
{
	return size < XS_LINE_MAX ? size : XS_LINE_MAX;
}

/* Is the name of this whole tag, without its prefix, that one? */
static bool is_named(const uint8_t *tag, size_t len, const char *name)
{
	const uint8_t *at = tag + 1, *end = at;
	size_t want = strlen(name);

	/* A set.  NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	for (; end < tag + len && !memchr(" \t\r\n/>", *end, 6); end++)
		if (*end == ':')
			at = end + 1;
	return (size_t)(end - at) == want && memcmp(at, name, want) == 0;
}

/* From <mechanism> to </mechanism>: tag is the length of the first of them. */
static size_t frame_mechanism(const uint8_t *data, size_t size, size_t tag)
{
	const uint8_t *close = memchr(data + tag, '<', size - tag);
	size_t text = close ? (size_t)(close - data) : 0;
	size_t end = close ? xs_xmpp_tag(close, size - text) : 0;

	return end ? text + end : 0;
}

static size_t filter_frame(struct xs_dialogue *dialogue, bool from_app,
			   const uint8_t *data, size_t size,
			   struct xs_error *err)
{
	const uint8_t *tag = memchr(data, '<', size);
	size_t len;

	(void)dialogue, (void)err;
	if (from_app || !tag)
		return filter_piece(size);
	if (tag > data)
		return filter_piece((size_t)(tag - data));
	if (size > 1 && data[1] == '!')
		return 2;
	len = xs_xmpp_tag(data, size);
	if (len && data[len - 2] != '/' && is_named(data, len, "mechanism"))
		return frame_mechanism(data, size, len);
	return len;
}

/* Does the text of this <mechanism> end with "-PLUS"? */
static bool binds_channel(struct xs_unit unit)
{
	const uint8_t *text = unit.raw + xs_xmpp_tag(unit.raw, unit.len);
	const uint8_t *end = memrchr(unit.raw, '<', unit.len);

	/* A set.  NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	while (end > text && memchr(" \t\r\n", end[-1], 4))
		end--;
	return end > text && xs_sasl_binds(text, (size_t)(end - text));
}

/* What the features offer, in dialogue->state. */
enum { TAKEN_OUT = 1, LEFT = 2 };

/* Behind </features>. */
static void filter_look_back(struct xs_dialogue *dialogue)
{
	if (dialogue->state == TAKEN_OUT)
		xs_sasl_none_left(dialogue);
	dialogue->state = 0;
}

static bool is_end_of(struct xs_unit unit, const char *name)
{
	return unit.raw[1] == '/' && is_named(unit.raw + 1, unit.len - 1, name);
}

static enum xs_dialogue_result filter_server(struct xs_dialogue *dialogue,
					     struct xs_unit unit,
					     struct xs_error *err)
{
	(void)err;
	if (*unit.raw == '<' && is_named(unit.raw, unit.len, "mechanism")) {
		bool binds = binds_channel(unit);

		dialogue->state |= binds ? TAKEN_OUT : LEFT;
		if (binds)
			return XS_DIALOGUE_MORE;
	}
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	if (*unit.raw != '<')
		return XS_DIALOGUE_MORE;
	if (unit.raw[1] == '!')
		return XS_DIALOGUE_PASS;
	if (is_end_of(unit, "features"))
		filter_look_back(dialogue);
	for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++)
		if (is_named(unit.raw, unit.len, lasts[i]))
			return XS_DIALOGUE_PASS;
	return XS_DIALOGUE_MORE;
}

static const struct xs_protocol filter_protocol = {
	.name = "",
	.title = "XMPP",
	.asks = "TLS",
	.frame = filter_frame,
	.passes_end = true,
	.server = filter_server,
	.app = xs_dialogue_pass_app,
};

enum xs_dialogue_result xs_xmpp_filter(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	(void)err;
	dialogue->state = 0;
	return xs_dialogue_listen_as(dialogue, &filter_protocol);
}

const struct xs_protocol xs_protocol_xmpp_tls = {
	.name = "xmpp+tls",
	.title = "XMPP",
	.asks = "TLS",
	.begin = xs_dialogue_begin_with_tls,
	.frame = filter_frame,
	.passes_end = true,
	.server = filter_server,
	.app = xs_dialogue_pass_app,
	.secured = xs_xmpp_filter,
};
