/* What a traced command did, summed up; see trace.h.
 *
 * The memory has an end: what is the same is counted, and what there is no room
 * for is counted as left out.
 */
#include "xsock/trace.h"

#include "base/text.h"
#include "xsock/process.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

/* Sockets that were connected lately, by their cookies; one that has the slot
 * of another takes it. */
enum { SOCKETS = 8192 };
static struct {
	uint64_t cookie; /* 0: none */
	uint32_t place;
	bool settled; /* it is known what came of the connect */
} sockets[SOCKETS];

/* Names are a program's, and may be shown on a terminal. */
static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
	xs_process_make_printable(to);
}

/* --- names ---------------------------------------------------------------- */

static struct xs_book_name *find_name(struct xs_book *book, const char *name)
{
	char plain[XS_TRACE_NAME_MAX];
	struct xs_book_name *row;

	copy(plain, sizeof(plain), name);
	for (size_t i = 0; i < book->names; i++)
		if (strcmp(book->name[i].name, plain) == 0)
			return &book->name[i];
	if (book->names == XS_BOOK_NAMES) {
		book->left_out++;
		return NULL;
	}
	row = &book->name[book->names++];
	memcpy(row->name, plain, sizeof(plain));
	return row;
}

static void enter_lookup(struct xs_book *book,
			 const struct xs_trace_event *event)
{
	struct xs_book_name *row = find_name(book, event->name);

	if (!row)
		return;
	row->times++;
	if (event->failed) {
		row->failures++;
		row->failed = event->failed;
	}
}

static void enter_address(struct xs_book *book,
			  const struct xs_trace_event *event)
{
	struct xs_book_name *row = find_name(book, event->name);
	struct xs_address address;

	if (!row)
		return;
	xs_trace_get_address(event, &address);
	for (size_t i = 0; i < row->count && i < XS_BOOK_ADDRESSES; i++)
		if (xs_address_same_ip(&row->address[i], &address))
			return;
	if (row->count < XS_BOOK_ADDRESSES)
		row->address[row->count] = address;
	row->count++;
}

/* --- places --------------------------------------------------------------- */

/* Is it a name for a pattern, without characters that mean something in a rule?
 * A program may look up anything, and a file of names have it. */
static bool is_plain(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++)
		if (!xs_is_alnum(*name) && !strchr("._-", *name))
			return false;
	return true;
}

static void describe(struct xs_book_place *place,
		     const struct xs_trace_event *event)
{
	*place = (struct xs_book_place){
		.has_name = is_plain(event->name),
		.port = (uint16_t)event->port,
		.datagram = event->datagram,
		.has_rule = event->has_rule,
		.scheme = event->scheme < XS_SCHEME_KINDS
				  ? (enum xs_scheme_kind)event->scheme
				  : XS_SCHEME_KINDS,
		.pid = event->pid,
		.protocol = "",
	};
	xs_trace_get_address(event, &place->address);
	if (place->has_name)
		copy(place->host, sizeof(place->host), event->name);
	else
		xs_address_format_ip(&place->address, place->host,
				     sizeof(place->host));
	copy(place->rule, sizeof(place->rule), event->rule);
	copy(place->program, sizeof(place->program), event->program);
}

static bool is_same(const struct xs_book_place *a,
		    const struct xs_book_place *b)
{
	return a->port == b->port && a->datagram == b->datagram &&
	       a->has_rule == b->has_rule && strcmp(a->host, b->host) == 0 &&
	       strcmp(a->rule, b->rule) == 0;
}

static struct xs_book_place *find_place(struct xs_book *book,
					const struct xs_trace_event *event)
{
	struct xs_book_place place;

	describe(&place, event);
	for (size_t i = 0; i < book->places; i++) {
		if (!is_same(&book->place[i], &place))
			continue;
		book->place[i].others |= book->place[i].pid != place.pid;
		book->place[i].address = place.address;
		return &book->place[i];
	}
	if (book->places == XS_BOOK_PLACES) {
		book->left_out++;
		return NULL;
	}
	book->place[book->places] = place;
	return &book->place[book->places++];
}

/* --- connects ------------------------------------------------------------- */

/* Will it be known later? */
static bool is_under_way(int errnum)
{
	return errnum == EINPROGRESS || errnum == EALREADY || errnum == EINTR;
}

static void settle(struct xs_book_place *place, int errnum)
{
	if (errnum == 0 || errnum == EISCONN) {
		place->connected++;
		return;
	}
	place->failures++;
	place->errnum = errnum;
}

/* The program asks again, by connect(2), what came of a connect. */
static bool enter_again(struct xs_book *book,
			const struct xs_trace_event *event)
{
	const size_t at = event->cookie % SOCKETS;

	if (!event->cookie || sockets[at].cookie != event->cookie)
		return false;
	if (sockets[at].settled)
		return event->errnum == EISCONN;
	if (is_under_way(event->errnum))
		return true;
	sockets[at].settled = true;
	settle(&book->place[sockets[at].place], event->errnum);
	return true;
}

static void enter_connect(struct xs_book *book,
			  const struct xs_trace_event *event)
{
	const size_t at = event->cookie % SOCKETS;
	struct xs_book_place *place;

	if (event->datagram && !event->port)
		return; /* libc looks which address it would have (RFC 6724) */
	if (enter_again(book, event))
		return;
	place = find_place(book, event);
	if (!place)
		return;
	place->times++;
	sockets[at].cookie = event->cookie;
	sockets[at].place = (uint32_t)(place - book->place);
	sockets[at].settled = !is_under_way(event->errnum);
	if (sockets[at].settled)
		settle(place, event->errnum);
}

static void enter_sent(struct xs_book *book, const struct xs_trace_event *event)
{
	struct xs_book_place *place = find_place(book, event);

	if (place)
		place->times++;
}

/* A handshake record and the version of SSL 3.0 or later (RFC 8446, 5.1). */
static bool is_client_hello(const uint8_t *byte, size_t len)
{
	return len >= 3 && byte[0] == 0x16 && byte[1] == 3;
}

/* An LDAPMessage: its number, and a bind, search or extended request (RFC 4511,
 * 4.1.1). */
static bool is_ldap(const uint8_t *byte, size_t len)
{
	return len >= 6 && byte[0] == 0x30 && byte[2] == 2 && byte[3] == 1 &&
	       (byte[5] == 0x60 || byte[5] == 0x63 || byte[5] == 0x77);
}

/* How clients begin (these bytes go no further), of protocols in which they
 * speak first, or early. */
static const struct {
	size_t at, len;
	const char *bytes, *protocol;
} beginnings[] = {
	/* SSLRequest, GSSENCRequest, StartupMessage */
	{ 4, 4, "\x04\xd2\x16\x2f", "postgres" },
	{ 4, 4, "\x04\xd2\x16\x30", "postgres" },
	{ 4, 4, "\0\3\0\0", "postgres" },
	{ 0, 5, "EHLO ", "smtp" },    /* RFC 5321, 4.1.1.1 */
	{ 0, 5, "HELO ", "smtp" },    /* RFC 5321, 4.1.1.1 */
	{ 0, 5, "LHLO ", "lmtp" },    /* RFC 2033, 4.1 */
	{ 0, 5, "<?xml", "xmpp" },    /* RFC 6120, 4.2 */
	{ 0, 8, "<stream:", "xmpp" }, /* RFC 6120, 4.2 */
	{ 0, 5, "NICK ", "irc" },     /* RFC 2812, 3.1 */
	{ 0, 6, "CAP LS", "irc" },    /* IRCv3, "Capability Negotiation" */
};

/* ASCII case does not count: "ehlo". */
static bool begins(const uint8_t *byte, const char *with, size_t len)
{
	size_t same = 0;

	while (same < len && xs_lower((char)byte[same]) == xs_lower(with[same]))
		same++;
	return same == len;
}

static const char *protocol_of(const uint8_t *byte, size_t len)
{
	if (is_ldap(byte, len))
		return "ldap";
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if (len >= beginnings[i].at + beginnings[i].len &&
		    begins(byte + beginnings[i].at, beginnings[i].bytes,
			   beginnings[i].len))
			return beginnings[i].protocol;
	return "";
}

static void enter_first(struct xs_book_place *place,
			const struct xs_trace_event *event)
{
	size_t len = event->port;

	if (len > sizeof(event->address))
		return;
	if (is_client_hello(event->address, len)) {
		place->tls++;
		return;
	}
	place->plain++;
	if (!*place->protocol)
		place->protocol = protocol_of(event->address, len);
}

/* What was told of a socket that was connected. */
static void enter_later(struct xs_book *book,
			const struct xs_trace_event *event)
{
	const size_t at = event->cookie % SOCKETS;
	struct xs_book_place *place = &book->place[sockets[at].place];

	if (!event->cookie || sockets[at].cookie != event->cookie)
		return;
	if (event->kind == XS_TRACE_FIRST) {
		enter_first(place, event);
	} else if (!sockets[at].settled) {
		sockets[at].settled = true;
		settle(place, event->errnum);
	}
}

static void enter_unseen(struct xs_book *book,
			 const struct xs_trace_event *event)
{
	char text[XS_TRACE_NAME_MAX];

	copy(text, sizeof(text), event->name);
	for (size_t i = 0; i < book->unseens; i++)
		if (strcmp(book->unseen[i], text) == 0)
			return;
	if (book->unseens == XS_BOOK_UNSEEN)
		book->left_out++;
	else
		memcpy(book->unseen[book->unseens++], text, sizeof(text));
}

void xs_book_enter(struct xs_book *book, const struct xs_trace_event *event)
{
	switch (event->kind) {
	case XS_TRACE_LOOKUP:
		enter_lookup(book, event);
		return;
	case XS_TRACE_ADDRESS:
		enter_address(book, event);
		return;
	case XS_TRACE_CONNECT:
		enter_connect(book, event);
		return;
	case XS_TRACE_OUTCOME:
	case XS_TRACE_FIRST:
		enter_later(book, event);
		return;
	case XS_TRACE_SENT:
		enter_sent(book, event);
		return;
	case XS_TRACE_UNSEEN:
		enter_unseen(book, event);
		return;
	}
}

const char *xs_book_text(const struct xs_book_place *place,
			 char text[XS_BOOK_TEXT_MAX])
{
	bool ipv6 = strchr(place->host, ':');

	snprintf(text, XS_BOOK_TEXT_MAX, "%s%s%s:%u", ipv6 ? "[" : "",
		 place->host, ipv6 ? "]" : "", place->port);
	return text;
}
