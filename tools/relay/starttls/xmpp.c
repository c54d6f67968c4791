/* XMPP (RFC 6120, 5): a stream is opened, its features offer <starttls/>, the
 * answer is <proceed/>, and behind TLS the stream begins anew.
 *
 * Performed, the relay opens a stream of its own and the application never
 * sees it: it speaks first, behind TLS.  "to" is the name that the application
 * asked for, or the rule's peer_name.  What a client is offered there goes
 * through xmpp_filter.c.
 *
 * A unit is a tag with the text before it.  This is not an XML parser: RFC
 * 6120, 11.1 forbids what would need one (comments, entities, DTDs), and what
 * is not understood is refused.
 */
#include "relay/starttls/xmpp.h"
#include "relay/starttls/table.h"
#include "relay/starttls/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TLS_NAMESPACE "urn:ietf:params:xml:ns:xmpp-tls"

enum xmpp_state { HEADER, FEATURES, OFFERED, GO };

/* --- tags -------------------------------------------------------------- */

struct tag {
	bool closes;	/* </name> */
	bool is_empty;	/* <name/> */
	bool about_tls; /* has the namespace of STARTTLS */
	char name[32];	/* without its prefix; "?xml" */
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum xs_dialogue_result
xmpp_malformed(const struct xs_dialogue *dialogue, const uint8_t *data,
	       size_t len, struct xs_error *err)
{
	return xs_dialogue_broken(dialogue, err, "the server sent %s",
				  xs_said((const char *)data, len).text);
}

size_t xs_xmpp_tag(const uint8_t *data, size_t size)
{
	uint8_t quote = 0;

	for (size_t i = 0; i < size; i++) {
		if (quote)
			quote = data[i] == quote ? 0 : quote;
		else if (data[i] == '\'' || data[i] == '"')
			quote = data[i];
		else if (data[i] == '>')
			return i + 1;
	}
	return 0;
}

/* Elements of features, such as <mechanism>, have text; what begins a stream
 * and what answers <starttls/> has not. */
static bool must_be_tag(const struct xs_dialogue *dialogue, bool from_app)
{
	return !from_app &&
	       (dialogue->state == HEADER || xs_dialogue_server_owes(dialogue));
}

/* The end of the first tag, or 0: more is needed. */
static size_t xmpp_frame(struct xs_dialogue *dialogue, bool from_app,
			 const uint8_t *data, size_t size, struct xs_error *err)
{
	size_t start, len;

	for (start = 0; start < size && data[start] != '<'; start++)
		if (!is_blank(data[start]) && must_be_tag(dialogue, from_app)) {
			xmpp_malformed(dialogue, data, size, err);
			return XS_FRAME_BROKEN;
		}
	len = xs_xmpp_tag(data + start, size - start);
	return len ? start + len : 0;
}

/* Reads the tag of a unit.  *silent: there is no text before it but blanks. */
static bool read_tag(struct xs_unit unit, struct tag *tag, bool *silent)
{
	const uint8_t *at = unit.raw, *end = unit.raw + unit.len - 1;
	size_t len = 0;

	*silent = true;
	for (; *at != '<'; at++)
		*silent = *silent && is_blank(*at);
	at++;
	tag->closes = *at == '/';
	at += tag->closes;
	tag->is_empty = end[-1] == '/';
	for (; at < end && !is_blank(*at) && *at != '/'; at++) {
		if (*at == ':')
			len = 0;
		else if (len < sizeof(tag->name) - 1)
			tag->name[len++] = (char)*at;
	}
	tag->name[len] = '\0';
	tag->about_tls =
		at < end && memmem(at, (size_t)(end - at), TLS_NAMESPACE,
				   strlen(TLS_NAMESPACE)) != NULL;
	return len > 0 && tag->name[0] != '!';
}

static bool is_named(const struct tag *tag, const char *name)
{
	return strcmp(tag->name, name) == 0;
}

/* --- performed --------------------------------------------------------- */

/* The name goes into an attribute as it is. */
static bool is_plain(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") ==
	       strlen(name);
}

static enum xs_dialogue_result xmpp_begin(struct xs_dialogue *dialogue,
					  struct xs_error *err)
{
	const char *domain = dialogue->setup.domain;
	bool servers = dialogue->protocol == &xs_protocol_xmpp_server;
	char header[512];

	if (strlen(domain) > 255 || !is_plain(domain))
		return xs_dialogue_broken(
			dialogue, err,
			"%s cannot be a domain (give the rule a peer_name)",
			xs_said(domain, strlen(domain)).text);
	snprintf(header, sizeof(header),
		 "<?xml version='1.0'?><stream:stream to='%s' "
		 "xmlns='jabber:%s' "
		 "xmlns:stream='http://etherx.jabber.org/streams' "
		 "version='1.0'>",
		 domain, servers ? "server" : "client");
	xs_dialogue_send(dialogue, header, strlen(header));
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result xmpp_judge_features(struct xs_dialogue *dialogue,
						   const struct tag *tag,
						   struct xs_error *err)
{
	static const char ask[] = "<starttls xmlns='" TLS_NAMESPACE "'/>";

	if (is_named(tag, "starttls") && tag->about_tls)
		dialogue->state = OFFERED;
	if (!is_named(tag, "features") || !(tag->closes || tag->is_empty))
		return XS_DIALOGUE_MORE;
	if (dialogue->state != OFFERED)
		return xs_dialogue_missing(dialogue, err);
	xs_dialogue_send(dialogue, ask, strlen(ask));
	dialogue->asked = true;
	dialogue->state = GO;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result xmpp_judge_header(struct xs_dialogue *dialogue,
						 const struct tag *tag,
						 struct xs_unit unit,
						 struct xs_error *err)
{
	if (is_named(tag, "?xml"))
		return XS_DIALOGUE_MORE;
	if (!is_named(tag, "stream") || tag->closes)
		return xmpp_malformed(dialogue, unit.raw, unit.len, err);
	dialogue->state = FEATURES;
	return XS_DIALOGUE_MORE;
}

/* The answer to <starttls/>, in both kinds: MORE until its element ends. */
static enum xs_dialogue_result xmpp_judge_go(const struct xs_dialogue *dialogue,
					     const struct tag *tag,
					     struct xs_unit unit,
					     struct xs_error *err)
{
	if (!is_named(tag, "proceed"))
		return xmpp_malformed(dialogue, unit.raw, unit.len, err);
	if (!tag->closes && !tag->about_tls)
		return xmpp_malformed(dialogue, unit.raw, unit.len, err);
	return tag->closes || tag->is_empty ? XS_DIALOGUE_TLS
					    : XS_DIALOGUE_MORE;
}

static bool is_refusal(const struct tag *tag)
{
	return is_named(tag, "failure") || is_named(tag, "error") ||
	       (is_named(tag, "stream") && tag->closes);
}

static enum xs_dialogue_result xmpp_server(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	struct tag tag;
	bool silent;

	if (!read_tag(unit, &tag, &silent))
		return xmpp_malformed(dialogue, unit.raw, unit.len, err);
	if (is_refusal(&tag))
		return xs_dialogue_refused(
			dialogue,
			xs_said((const char *)unit.raw, unit.len).text, err);
	switch ((enum xmpp_state)dialogue->state) {
	case HEADER:
		return xmpp_judge_header(dialogue, &tag, unit, err);
	case FEATURES:
	case OFFERED:
		return xmpp_judge_features(dialogue, &tag, err);
	case GO:
		break;
	}
	return xmpp_judge_go(dialogue, &tag, unit, err);
}

const struct xs_protocol xs_protocol_xmpp = {
	.name = "xmpp",
	.title = "XMPP",
	.asks = "<starttls/>",
	.begin = xmpp_begin,
	.frame = xmpp_frame,
	.server = xmpp_server,
	.secured = xs_xmpp_filter,
};

const struct xs_protocol xs_protocol_xmpp_server = {
	.name = "xmpp-server",
	.title = "XMPP",
	.asks = "<starttls/>",
	.begin = xmpp_begin,
	.frame = xmpp_frame,
	.server = xmpp_server,
};

/* --- seen -------------------------------------------------------------- */

static enum xs_dialogue_result xmpp_watch_server(struct xs_dialogue *dialogue,
						 struct xs_unit unit,
						 struct xs_error *err)
{
	enum xs_dialogue_result result;
	struct tag tag;
	bool silent;

	if (!read_tag(unit, &tag, &silent))
		return xmpp_malformed(dialogue, unit.raw, unit.len, err);
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	dialogue->state = FEATURES;
	if (!dialogue->asked)
		return XS_DIALOGUE_MORE;
	if (is_refusal(&tag))
		return xs_watch_refused(dialogue, tag.name, err);
	result = xmpp_judge_go(dialogue, &tag, unit, err);
	return result == XS_DIALOGUE_TLS ? XS_DIALOGUE_AGREED : result;
}

/* What may be said in plaintext. */
static bool is_harmless(const struct tag *tag)
{
	return is_named(tag, "?xml") || is_named(tag, "stream");
}

static enum xs_dialogue_result xmpp_watch_app(struct xs_dialogue *dialogue,
					      struct xs_unit unit,
					      struct xs_error *err)
{
	bool silent = false;
	struct tag tag;

	if (!read_tag(unit, &tag, &silent))
		return xs_dialogue_broken(dialogue, err,
					  "the application's XML is malformed");
	if (silent && is_named(&tag, "starttls") &&
	    (tag.about_tls || tag.closes)) {
		dialogue->asked = tag.closes || tag.is_empty;
	} else if (!silent || !is_harmless(&tag)) {
		if (dialogue->setup.optional)
			xs_dialogue_send(dialogue, unit.raw, unit.len);
		return xs_watch_plaintext(
			dialogue, xs_said(tag.name, strlen(tag.name)).text,
			err);
	}
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_MORE;
}

const struct xs_protocol xs_watch_xmpp = {
	.name = "",
	.title = "XMPP",
	.asks = "<starttls/>",
	.frame = xmpp_frame,
	.blanks = true,
	.server = xmpp_watch_server,
	.app = xmpp_watch_app,
	.secured = xs_xmpp_filter,
};
