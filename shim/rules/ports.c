/* Port numbers, service names, ranges and lists; see ports.h.
 *
 * Service names come from a small table first and from getservbyname_r(3)
 * otherwise: a container often has no /etc/services, and the table spares a
 * foreign process the name service switch for the names that everybody
 * writes.  A list goes through a bit for each port, which sorts and joins it
 * in linear time, whatever somebody wrote.
 */
#include "rules/ports.h"

#include <netdb.h>
#include <string.h>

#define PORT_MAX 65535
#define WORDS	 ((PORT_MAX + 1) / 64)

/* Longest service name that is looked up (RFC 6335, 5.1 has 15). */
#define SERVICE_MAX 64

/* IANA's names; most are the same for TCP and UDP. */
static const struct {
	const char *name;
	uint16_t port;
} known_services[] = {
	{ "http", 80 },		 { "https", 443 },
	{ "smtp", 25 },		 { "submission", 587 },
	{ "submissions", 465 },	 { "imap", 143 },
	{ "imap2", 143 },	 { "imaps", 993 },
	{ "pop3", 110 },	 { "pop3s", 995 },
	{ "nntp", 119 },	 { "nntps", 563 },
	{ "sieve", 4190 },	 { "ftp", 21 },
	{ "ftp-data", 20 },	 { "ftps", 990 },
	{ "ftps-data", 989 },	 { "ldap", 389 },
	{ "ldaps", 636 },	 { "irc", 6667 },
	{ "ircs-u", 6697 },	 { "telnet", 23 },
	{ "telnets", 992 },	 { "ssh", 22 },
	{ "domain", 53 },	 { "domain-s", 853 },
	{ "ntp", 123 },		 { "snmp", 161 },
	{ "syslog-tls", 6514 },	 { "mysql", 3306 },
	{ "postgresql", 5432 },	 { "redis", 6379 },
	{ "amqp", 5672 },	 { "amqps", 5671 },
	{ "mqtt", 1883 },	 { "secure-mqtt", 8883 },
	{ "xmpp-client", 5222 }, { "xmpp-server", 5269 },
	{ "sip", 5060 },	 { "sips", 5061 },
};

/* A name that was looked up already. */
struct xs_service {
	struct xs_service *next;
	const char *name;
	bool udp;
	uint16_t port;
};

static bool find_known(struct xs_span text, uint16_t *port)
{
	const size_t count = sizeof(known_services) / sizeof(known_services[0]);

	for (size_t i = 0; i < count; i++) {
		if (xs_span_is(text, known_services[i].name)) {
			*port = known_services[i].port;
			return true;
		}
	}
	return false;
}

static bool find_remembered(struct xs_parse *parse, struct xs_span text,
			    bool udp, uint16_t *port)
{
	for (struct xs_service *at = parse->services; at; at = at->next) {
		if (at->udp == udp && xs_span_is(text, at->name)) {
			*port = at->port;
			return true;
		}
	}
	return false;
}

/* Asks the system, and remembers: 100,000 rules must not read /etc/services
 * 100,000 times. */
static bool find_in_system(struct xs_parse *parse, struct xs_span text,
			   bool udp, uint16_t *port)
{
	char name[SERVICE_MAX], buffer[2048];
	struct servent entry, *found = NULL;
	struct xs_service *service;
	size_t len = xs_span_len(text);

	if (len == 0 || len >= sizeof(name))
		return false;
	for (size_t i = 0; i < len; i++) {
		/* Nothing strange reaches the modules of the switch. */
		if (text.start[i] <= ' ' || text.start[i] > '~')
			return false;
		name[i] = xs_lower(text.start[i]);
	}
	name[len] = '\0';
	if (getservbyname_r(name, udp ? "udp" : "tcp", &entry, buffer,
			    sizeof(buffer), &found) != 0 ||
	    !found)
		return false;
	*port = ntohs((uint16_t)entry.s_port);
	service = xs_arena_take(parse->scratch, sizeof(*service));
	if (!service)
		return true;
	service->name = xs_arena_copy(parse->scratch, name, len);
	service->udp = udp;
	service->port = *port;
	service->next = parse->services;
	if (service->name)
		parse->services = service;
	return true;
}

static int unknown_service(struct xs_parse *parse, struct xs_span text)
{
	const size_t count = sizeof(known_services) / sizeof(known_services[0]);
	struct xs_suggest suggest = { .written = text };

	if (text.start == text.end)
		return xs_parse_fail(parse, text.start, "port is missing");
	if (xs_span_is(text, "*"))
		return xs_parse_fail(parse, text.start,
				     "\"*\" for every port stands alone");
	for (size_t i = 0; i < count; i++)
		xs_suggest_offer(&suggest, known_services[i].name);
	return xs_parse_fail(parse, text.start,
			     "%s is neither a port number nor a known "
			     "service%s",
			     xs_quote(text).text,
			     xs_suggest_text(&suggest, "").text);
}

/* Reads digits. */
static int read_number(struct xs_parse *parse, struct xs_span text,
		       uint16_t *port)
{
	unsigned long number = xs_span_number(text, PORT_MAX);

	if (number == 0 || number > PORT_MAX)
		return xs_parse_fail(parse, text.start,
				     "port %s is not from 1 to 65535",
				     xs_quote(text).text);
	*port = (uint16_t)number;
	return 0;
}

int xs_port_read(struct xs_parse *parse, struct xs_span text, bool udp,
		 uint16_t *port)
{
	if (xs_span_is_number(text))
		return read_number(parse, text, port);
	if (find_known(text, port) || find_remembered(parse, text, udp, port) ||
	    find_in_system(parse, text, udp, port))
		return 0;
	return unknown_service(parse, text);
}

/* "80", "https" or "8000-8010"; "ftp-data" is no range. */
static int read_range(struct xs_parse *parse, struct xs_span text, bool udp,
		      struct xs_port_range *range)
{
	const char *dash = xs_span_find(text, '-');
	struct xs_span first = { text.start, dash ? dash : text.end };
	struct xs_span last = { dash ? dash + 1 : text.end, text.end };

	*range = (struct xs_port_range){ .first = 0 };
	if (!dash || !xs_span_is_number(first) || !xs_span_is_number(last)) {
		if (xs_port_read(parse, text, udp, &range->first) < 0)
			return -1;
		range->last = range->first;
		return 0;
	}
	if (read_number(parse, first, &range->first) < 0 ||
	    read_number(parse, last, &range->last) < 0)
		return -1;
	if (range->first > range->last)
		return xs_parse_fail(parse, text.start,
				     "port range %s runs backwards",
				     xs_quote(text).text);
	return 0;
}

/* Bits first to last of the words are set. */
static void set_bits(uint64_t *words, unsigned first, unsigned last)
{
	uint64_t head = ~(uint64_t)0 << first % 64;
	uint64_t tail = ~(uint64_t)0 >> (63 - last % 64);

	if (first / 64 == last / 64) {
		words[first / 64] |= head & tail;
		return;
	}
	words[first / 64] |= head;
	for (unsigned i = first / 64 + 1; i < last / 64; i++)
		words[i] = ~(uint64_t)0;
	words[last / 64] |= tail;
}

/* The first port from here on whose bit is set (or clear); PORT_MAX + 1 when
 * there is none.  Skips words, so that "1,65535" costs no more than it must. */
static unsigned next_port(const uint64_t *words, unsigned from, bool set)
{
	while (from <= PORT_MAX) {
		uint64_t word = set ? words[from / 64] : ~words[from / 64];

		word >>= from % 64;
		if (word)
			return from + (unsigned)__builtin_ctzll(word);
		from = (from / 64 + 1) * 64;
	}
	return PORT_MAX + 1;
}

/* Writes the runs of set bits to ranges (NULL: only counts them).  Returns
 * their number. */
static size_t write_runs(const uint64_t *words, unsigned low, unsigned high,
			 struct xs_port_range *ranges)
{
	size_t count = 0;

	while (low <= high) {
		unsigned end = next_port(words, low, false);

		if (ranges)
			ranges[count] =
				(struct xs_port_range){ (uint16_t)low,
							(uint16_t)(end - 1) };
		count++;
		low = next_port(words, end, true);
	}
	return count;
}

static int read_list(struct xs_parse *parse, struct xs_span text, bool udp,
		     const struct xs_port_range **ranges, size_t *count)
{
	unsigned low = PORT_MAX, high = 0;
	struct xs_port_range *to;

	if (!parse->port_bits)
		parse->port_bits =
			xs_arena_take(parse->scratch, WORDS * sizeof(uint64_t));
	if (!parse->port_bits)
		return xs_parse_no_memory(parse);
	for (const char *at = text.start; at <= text.end;) {
		const char *comma = memchr(at, ',', (size_t)(text.end - at));
		struct xs_span piece = { at, comma ? comma : text.end };
		struct xs_port_range range;

		if (read_range(parse, piece, udp, &range) < 0)
			return -1;
		set_bits(parse->port_bits, range.first, range.last);
		low = range.first < low ? range.first : low;
		high = range.last > high ? range.last : high;
		at = piece.end + 1;
	}
	*count = write_runs(parse->port_bits, low, high, NULL);
	to = xs_arena_take(parse->arena, *count * sizeof(*to));
	if (!to)
		return xs_parse_no_memory(parse);
	write_runs(parse->port_bits, low, high, to);
	*ranges = to;
	/* Clean for the next list. */
	memset(parse->port_bits + low / 64, 0,
	       (high / 64 - low / 64 + 1) * sizeof(uint64_t));
	return 0;
}

int xs_ports_read(struct xs_parse *parse, struct xs_span text, bool udp,
		  const struct xs_port_range **ranges, size_t *count)
{
	struct xs_port_range *one;

	*ranges = NULL;
	*count = 0;
	if (xs_span_is(text, "*"))
		return 0;
	if (xs_span_find(text, ','))
		return read_list(parse, text, udp, ranges, count);
	one = xs_arena_take(parse->arena, sizeof(*one));
	if (!one)
		return xs_parse_no_memory(parse);
	*ranges = one;
	*count = 1;
	return read_range(parse, text, udp, one);
}

bool xs_ports_have(const struct xs_port_range *ranges, size_t count,
		   uint16_t port)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges[middle].last < port)
			low = middle + 1;
		else
			high = middle;
	}
	return count == 0 || (low < count && ranges[low].first <= port);
}

void xs_port_set_add(struct xs_port_set *set,
		     const struct xs_port_range *ranges, size_t count)
{
	if (count == 0)
		set->all = true;
	/* Ten thousand rules for every port do not write all bits each. */
	for (size_t i = 0; i < count && !set->all; i++)
		set_bits(set->word, ranges[i].first, ranges[i].last);
}

bool xs_port_set_has(const struct xs_port_set *set, uint16_t port)
{
	return set && (set->all || set->word[port / 64] >> port % 64 & 1);
}
