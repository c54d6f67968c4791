/* NATS (its client protocol): the server speaks first, a line of JSON, and TLS
 * begins behind it.
 *
 *   server says                         we say
 *   INFO {…,"tls_required":true,…}      (TLS)
 *
 * Nobody asks for TLS: a client that reads "tls_required", or "tls_available",
 * begins with it.  So a program that is to believe in plaintext gets the line
 * without both.  The server does not say the line again behind TLS, and anybody
 * may have written what stands in it.  So only members that are known pass, and
 * none that leads the program to other servers, where no rule may protect what
 * it sends.
 *
 * With "handshake_first" of the server, TLS comes first and then the line:
 * nats+tls.
 */
#include "relay/starttls/watch.h"
#include "relay/starttls/table.h"

#include "base/text.h"

#include <string.h>

/* --- the line ----------------------------------------------------------- */

/* What the program may read of a server.  A name that is written with escapes
 * is not known, and does not pass. */
static const struct {
	const char *name;
	bool verified; /* only where a verified server says it */
} members[] = {
	{ "server_id", false },	  { "server_name", false },
	{ "version", false },	  { "go", false },
	{ "git_commit", false },  { "host", false },
	{ "port", false },	  { "headers", false },
	{ "max_payload", false }, { "proto", false },
	{ "api_lvl", false },	  { "client_id", false },
	{ "client_ip", false },	  { "auth_required", false },
	{ "nonce", false },	  { "xkey", false },
	{ "jetstream", false },	  { "cluster", false },
	{ "domain", false },	  { "cluster_dynamic", true },
	{ "connect_urls", true }, { "ws_connect_urls", true },
	{ "ldm", true },
};

struct nats_member {
	struct xs_span name;  /* without its quotes */
	struct xs_span value; /* as it stands */
};

static bool nats_skip(struct xs_span *rest, char c)
{
	if (rest->start == rest->end || *rest->start != c)
		return false;
	rest->start++;
	return true;
}

static void nats_skip_blanks(struct xs_span *rest)
{
	while (nats_skip(rest, ' ') || nats_skip(rest, '\t'))
		;
}

/* Goes behind a string (RFC 8259, 7). */
static bool nats_skip_string(struct xs_span *rest)
{
	if (!nats_skip(rest, '"'))
		return false;
	while (rest->start < rest->end) {
		char c = *rest->start++;

		if (c == '"')
			return true;
		if ((c >= 0 && c < ' ') || (c == '\\' && !xs_span_len(*rest)))
			return false;
		rest->start += c == '\\';
	}
	return false;
}

/* Goes behind a value.  What stands in an array or an object is not judged,
 * but for its strings and its end. */
static bool nats_skip_value(struct xs_span *rest)
{
	unsigned depth = 0;

	while (rest->start < rest->end) {
		char c = *rest->start;

		if (!depth && (c == ',' || c == '}' || c == ' ' || c == '\t'))
			return true;
		if (c == '"') {
			if (!nats_skip_string(rest))
				return false;
			continue;
		}
		if (c >= 0 && c < ' ' && c != '\t')
			return false;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		rest->start++;
	}
	return false;
}

/* The next member; false: there is none that could be read. */
static bool nats_read_member(struct xs_span *rest, struct nats_member *member)
{
	nats_skip_blanks(rest);
	member->name.start = rest->start + 1;
	if (!nats_skip_string(rest))
		return false;
	member->name.end = rest->start - 1;
	nats_skip_blanks(rest);
	if (!nats_skip(rest, ':'))
		return false;
	nats_skip_blanks(rest);
	member->value.start = rest->start;
	if (!nats_skip_value(rest))
		return false;
	member->value.end = rest->start;
	nats_skip_blanks(rest);
	return xs_span_len(member->value) > 0;
}

/* A string, or a number, true or false: no array or object. */
static bool nats_is_plain(struct xs_span value)
{
	if (*value.start == '"')
		return nats_skip_string(&value) && !xs_span_len(value);
	for (; value.start < value.end; value.start++)
		if (!xs_is_alnum(*value.start) && !strchr("+-.", *value.start))
			return false;
	return true;
}

static bool nats_passes(const struct nats_member *member, bool verified)
{
	if (!verified && !nats_is_plain(member->value))
		return false;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (xs_span_is(member->name, members[i].name))
			return verified || !members[i].verified;
	return false;
}

static bool nats_offers_tls(const struct nats_member *member)
{
	return xs_span_is(member->value, "true") &&
	       (xs_span_is(member->name, "tls_required") ||
		xs_span_is(member->name, "tls_available"));
}

static void nats_keep(struct xs_dialogue *dialogue,
		      const struct nats_member *member, bool *first)
{
	const char *from = member->name.start - 1;

	if (!*first)
		xs_dialogue_keep(dialogue, ",", 1);
	*first = false;
	xs_dialogue_keep(dialogue, from, (size_t)(member->value.end - from));
}

/* Reads INFO, and keeps it as the program may read it.  False: it is none. */
static bool nats_read(struct xs_dialogue *dialogue, struct xs_unit unit,
		      bool *offered)
{
	struct xs_span rest = { (const char *)unit.raw,
				(const char *)unit.raw + unit.len };
	struct nats_member member;
	bool first = true;

	*offered = false;
	if (unit.len < 5 || strncmp(rest.start, "INFO", 4) != 0)
		return false;
	rest.start += 4;
	nats_skip_blanks(&rest);
	if (!nats_skip(&rest, '{'))
		return false;
	xs_dialogue_keep(dialogue, "INFO {", 6);
	do {
		if (!nats_read_member(&rest, &member))
			return false;
		*offered = *offered || nats_offers_tls(&member);
		if (nats_passes(&member, dialogue->tls))
			nats_keep(dialogue, &member, &first);
	} while (nats_skip(&rest, ','));
	xs_dialogue_keep(dialogue, "}\r\n", 3);
	if (!nats_skip(&rest, '}'))
		return false;
	nats_skip_blanks(&rest);
	nats_skip(&rest, '\r');
	return nats_skip(&rest, '\n') && !xs_span_len(rest);
}

static enum xs_dialogue_result nats_wrong(const struct xs_dialogue *dialogue,
					  struct xs_unit unit,
					  struct xs_error *err)
{
	size_t len = unit.len;

	while (len && (unit.raw[len - 1] == '\n' || unit.raw[len - 1] == '\r'))
		len--;
	return xs_dialogue_broken(dialogue, err, "the server said %s",
				  xs_said((const char *)unit.raw, len).text);
}

/* --- performed ---------------------------------------------------------- */

/* The program learns of the server by INFO, so that it has nothing to say
 * before. */
static size_t nats_frame(struct xs_dialogue *dialogue, bool from_app,
			 const uint8_t *data, size_t size, struct xs_error *err)
{
	if (!from_app)
		return xs_dialogue_frame_line(data, size);
	xs_dialogue_broken(dialogue, err,
			   "the application does not wait for the server's "
			   "INFO");
	return XS_FRAME_BROKEN;
}

static enum xs_dialogue_result nats_secured(struct xs_dialogue *dialogue,
					    struct xs_error *err)
{
	(void)err;
	xs_dialogue_replay(dialogue, xs_queue_first(&dialogue->kept),
			   xs_queue_len(&dialogue->kept));
	xs_dialogue_forget(dialogue);
	return XS_DIALOGUE_PASS;
}

static enum xs_dialogue_result nats_server(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	bool offered;

	if (!nats_read(dialogue, unit, &offered))
		return nats_wrong(dialogue, unit, err);
	if (dialogue->tls)
		return nats_secured(dialogue, err);
	return offered ? XS_DIALOGUE_TLS : xs_dialogue_missing(dialogue, err);
}

const struct xs_protocol xs_protocol_nats = {
	.name = "nats",
	.title = "NATS",
	.asks = "TLS",
	.frame = nats_frame,
	.unit_max = XS_PACKET_MAX,
	.server = nats_server,
	.secured = nats_secured,
};

static enum xs_dialogue_result nats_wait_for_info(struct xs_dialogue *dialogue,
						  struct xs_error *err)
{
	(void)dialogue, (void)err;
	return XS_DIALOGUE_MORE;
}

const struct xs_protocol xs_protocol_nats_tls = {
	.name = "nats+tls",
	.title = "NATS",
	.asks = "TLS",
	.begin = xs_dialogue_begin_with_tls,
	.frame = nats_frame,
	.unit_max = XS_PACKET_MAX,
	.server = nats_server,
	.secured = nats_wait_for_info,
};

/* --- seen --------------------------------------------------------------- */

/* The line is what a client with TLS of its own begins it by, so it gets all of
 * it. */
static enum xs_dialogue_result nats_watch_server(struct xs_dialogue *dialogue,
						 struct xs_unit unit,
						 struct xs_error *err)
{
	bool offered;

	if (!nats_read(dialogue, unit, &offered))
		return nats_wrong(dialogue, unit, err);
	xs_dialogue_forget(dialogue);
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	if (offered)
		return XS_DIALOGUE_AGREED;
	return dialogue->setup.optional ? XS_DIALOGUE_PASS
					: xs_dialogue_missing(dialogue, err);
}

const struct xs_protocol xs_watch_nats = {
	.name = "",
	.title = "NATS",
	.asks = "TLS",
	.frame = nats_frame,
	.unit_max = XS_PACKET_MAX,
	.server = nats_watch_server,
};
