/* Which rule would give a plaintext connection TLS; see trace.h.
 *
 * The server is asked in the ways that a rule could take, in the order of what
 * is usual for the port, until one is accepted with its certificate verified.
 * Nothing else becomes a rule; what was heard is told in a comment.
 */
#include "xsock/ports.h"
#include "xsock/process.h"
#include "xsock/trace.h"

#include <stdarg.h>
#include <string.h>

/* Seconds for one question. */
enum { SECONDS = 5 };

/* What "xsock check" does not warn about: TLS on the plaintext port itself is
 * as usual there. */
static const struct xs_ports more_ports[] = {
	{ 24, 0, "lmtp", false },
	{ 6379, 6380, NULL, false },
	{ 8080, 8443, NULL, false },
	{ 61613, 61614, NULL, false },
};
enum { MORE_PORTS = sizeof(more_ports) / sizeof(*more_ports) };

static const struct xs_ports *find_ports(uint16_t port)
{
	for (size_t i = 0; i < xs_ports_count; i++)
		if (xs_ports[i].plain == port)
			return &xs_ports[i];
	for (size_t i = 0; i < MORE_PORTS; i++)
		if (more_ports[i].plain == port)
			return &more_ports[i];
	return NULL;
}

/* A port where programs are used to speak TLS. */
static bool is_tls_port(uint16_t port)
{
	for (size_t i = 0; i < xs_ports_count; i++)
		if (xs_ports[i].tls == port)
			return true;
	for (size_t i = 0; i < MORE_PORTS; i++)
		if (more_ports[i].tls == port)
			return true;
	return port == 853; /* DNS (RFC 7858) */
}

/* --- writing -------------------------------------------------------------- */

/* Adds a line, of which what a server has said is a part. */
__attribute__((format(printf, 3, 4))) static void
add_line(char *text, size_t size, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	if (len + 2 > size)
		return;
	va_start(args, format);
	vsnprintf(text + len, size - len - 1, format, args);
	va_end(args);
	xs_process_make_printable(text + len);
	len = strlen(text);
	text[len] = '\n';
	text[len + 1] = '\0';
}

#define COMMENT(advice, ...)                                                   \
	add_line((advice)->comment, sizeof((advice)->comment), __VA_ARGS__)

/* --- without asking ------------------------------------------------------- */

static bool has_tls(const struct xs_book_place *place)
{
	return place->has_rule && place->scheme != XS_SCHEME_TCP;
}

static bool is_same(const struct xs_book_place *a,
		    const struct xs_book_place *b)
{
	return a->port == b->port && !b->datagram && !has_tls(b) &&
	       strcmp(a->host, b->host) == 0;
}

bool xs_advice_is_wanted(const struct xs_book *book,
			 const struct xs_book_place *place)
{
	if (place->datagram || !place->port || has_tls(place))
		return false;
	for (const struct xs_book_place *at = book->place; at < place; at++)
		if (is_same(place, at))
			return false;
	return true;
}

bool xs_advice_needs_probe(const struct xs_book_place *place,
			   struct xs_advice *advice)
{
	char text[XS_BOOK_TEXT_MAX];

	xs_book_text(place, text);
	*advice = (struct xs_advice){ .comment = "" };
	if (place->tls && !place->plain) {
		COMMENT(advice,
			"# %s: the program speaks TLS there itself, so it "
			"needs no rule",
			text);
		return false;
	}
	if (!place->plain && is_tls_port(place->port)) {
		COMMENT(advice,
			"# %s: that is a port for TLS, which the program most "
			"likely speaks itself (if not: %s=tls://)",
			text, text);
		return false;
	}
	return true;
}

/* --- asking --------------------------------------------------------------- */

/* A way to have TLS. */
struct way {
	char scheme[32];
	uint16_t port;
};

static struct way way_of(const char *protocol, const char *behind,
			 uint16_t port)
{
	struct way way = { .port = port };

	snprintf(way.scheme, sizeof(way.scheme), "%.20s%s", protocol, behind);
	return way;
}

/* That of the port, or what the program speaks there; NULL: not known. */
static const char *protocol_at(const struct xs_book_place *place,
			       const struct xs_ports *usual)
{
	if (usual)
		return usual->upgrade;
	return *place->protocol ? place->protocol : NULL;
}

/* What is asked in any case, in this order.  A ClientHello is noise in the log
 * of a server that has STARTTLS, so that comes first there. */
enum { WAYS_MAX = 3 };
static size_t list_ways(const struct xs_book_place *place,
			struct way ways[WAYS_MAX])
{
	const struct xs_ports *usual = find_ports(place->port);
	const char *upgrade = protocol_at(place, usual);
	size_t count = 0;

	if (upgrade)
		ways[count++] = way_of(upgrade, "+starttls", place->port);
	else
		ways[count++] = way_of("tls", "", place->port);
	if (usual && usual->tls)
		ways[count++] =
			way_of(xs_ports_scheme(upgrade), "", usual->tls);
	if (upgrade)
		ways[count++] =
			way_of(xs_ports_scheme(upgrade), "", place->port);
	return count;
}

struct asking {
	const struct xs_book_place *place;
	const char *options;
	struct xs_advice *advice;
	char text[XS_BOOK_TEXT_MAX];	     /* of the place */
	char refused[XS_ADVICE_COMMENT_MAX]; /* certificates */
	char unheard[XS_ADVICE_COMMENT_MAX]; /* no TLS */
	bool may_greet;			     /* TCP stands at the place */
};

static void write_url(const struct asking *asking, const struct way *way,
		      char *url, size_t size)
{
	struct xs_book_place there = *asking->place;
	char text[XS_BOOK_TEXT_MAX];

	there.port = way->port;
	snprintf(url, size, "%s://%s", way->scheme, xs_book_text(&there, text));
}

static void write_target(const struct asking *asking, const struct way *way,
			 char *target, size_t size)
{
	if (way->port == asking->place->port)
		snprintf(target, size, "%s://", way->scheme);
	else
		snprintf(target, size, "%s://:%u", way->scheme, way->port);
}

static void take_rule(struct asking *asking, const char *url,
		      const char *target, const struct xs_answer *answer)
{
	COMMENT(asking->advice, "# %s: %s has %s, %s", asking->text, url,
		answer->version[0] ? answer->version : "TLS", answer->text);
	snprintf(asking->advice->rule, sizeof(asking->advice->rule), "%s=%s",
		 asking->text, target);
}

/* It speaks TLS, and is not trusted.  A file that is not there would make all
 * rules unusable, so this is no rule yet. */
static void note_certificate(struct asking *asking, const char *url,
			     const char *target, const struct xs_answer *answer)
{
	add_line(asking->refused, sizeof(asking->refused),
		 "# %s: %s speaks TLS, and its certificate is not accepted: %s",
		 asking->text, url, answer->text);
	if (strstr(answer->text, "cafile="))
		add_line(asking->refused, sizeof(asking->refused),
			 "# with the file of its CA: %s=%s?cafile=FILE",
			 asking->text, target);
}

/* True when there is a rule. */
static bool try_way(struct asking *asking, const struct way *way)
{
	char url[XS_BOOK_TEXT_MAX + 40], target[64];
	struct xs_answer answer;

	write_url(asking, way, url, sizeof(url));
	write_target(asking, way, target, sizeof(target));
	xs_trace_probe(url, asking->options, SECONDS, &answer);
	switch (answer.kind) {
	case XS_ERR_NONE:
		take_rule(asking, url, target, &answer);
		return true;
	case XS_ERR_CERTIFICATE:
		note_certificate(asking, url, target, &answer);
		return false;
	case XS_ERR_PROTOCOL:
	case XS_ERR_TIMEOUT:
		asking->may_greet |= way->port == asking->place->port;
		break;
	case XS_ERR_RULES:
	case XS_ERR_DENIED:
	case XS_ERR_RELAY:
	case XS_ERR_NETWORK:
	case XS_ERR_SYSTEM:
		break;
	}
	add_line(asking->unheard, sizeof(asking->unheard), "#   %s: %s", url,
		 answer.text);
	return false;
}

/* A port that is nobody's: what does the server say first? */
static bool try_greeting(struct asking *asking)
{
	/* A rule of tcp:// has no timeout. */
	struct way way = way_of("tls", "", asking->place->port);
	char url[XS_BOOK_TEXT_MAX + 40];
	struct xs_answer answer;

	if (!asking->may_greet || xs_trace_interrupted())
		return false;
	write_url(asking, &way, url, sizeof(url));
	xs_trace_listen(url, SECONDS, &answer);
	if (answer.kind != XS_ERR_NONE || !answer.text[0])
		return false;
	way = way_of(answer.text, "+starttls", asking->place->port);
	return xs_scheme_find(way.scheme) && try_way(asking, &way);
}

static bool try_all(struct asking *asking)
{
	struct way ways[WAYS_MAX];
	size_t count = list_ways(asking->place, ways);

	for (size_t i = 0; i < count && !xs_trace_interrupted(); i++)
		if (try_way(asking, &ways[i]))
			return true;
	return !strchr(ways[0].scheme, '+') && try_greeting(asking);
}

void xs_advice_probe(const struct xs_book_place *place, const char *options,
		     struct xs_advice *advice)
{
	struct asking asking = { .place = place,
				 .options = options,
				 .advice = advice };

	xs_book_text(place, asking.text);
	*advice = (struct xs_advice){ .comment = "" };
	if (try_all(&asking))
		return;
	if (xs_trace_interrupted()) {
		COMMENT(advice, "# %s: not asked to the end (interrupted)",
			asking.text);
		return;
	}
	if (asking.refused[0]) {
		snprintf(advice->comment, sizeof(advice->comment), "%s",
			 asking.refused);
		return;
	}
	COMMENT(advice, "# %s: nothing there speaks TLS, as far as was asked:",
		asking.text);
	snprintf(advice->comment + strlen(advice->comment),
		 sizeof(advice->comment) - strlen(advice->comment), "%s",
		 asking.unheard);
}
