/* A destination and the rules that decide it; see destination.h. */
#include "xsock/destination.h"

#include "base/host.h"
#include "rules/ports.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* Names of rules that are looked up for one address. */
#define LOOKUPS_MAX 50

/* --- reading ------------------------------------------------------------- */

static int read_host(struct xs_parse *parse, struct xs_host_port *split,
		     struct xs_check_destination *to)
{
	if (split->port.start == split->port.end)
		return xs_parse_fail(parse, split->host.start,
				     "a port is missing: host:port, "
				     "192.0.2.1:port or [2001:db8::1]:port");
	if (xs_host_read(parse, split, &to->address, &to->name) < 0 ||
	    xs_port_read(parse, split->port, to->udp, &to->port) < 0)
		return -1;
	if (to->address.len > 0)
		xs_address_set_port(&to->address, to->port);
	return 0;
}

int xs_check_destination_read(struct xs_check_destination *destination,
			      const char *text, struct xs_arena *arena,
			      struct xs_error *err)
{
	struct xs_parse parse = { .arena = arena,
				  .scratch = arena,
				  .err = err };
	struct xs_span rest = { text, text + strlen(text) }, scheme;
	struct xs_host_port split;

	*destination = (struct xs_check_destination){ .text = text };
	if (xs_parse_cut_scheme(&rest, &scheme)) {
		destination->udp = xs_span_is(scheme, "udp");
		if (!destination->udp && !xs_span_is(scheme, "tcp"))
			return xs_parse_fail(&parse, scheme.start,
					     "a program connects by tcp:// or "
					     "udp://");
	}
	if (xs_host_split(&parse, rest, &split) < 0)
		return -1;
	return read_host(&parse, &split, destination);
}

/* --- deciding ------------------------------------------------------------ */

/* True when a network stands above this rule (NULL: anywhere), so that the
 * addresses of a name matter. */
static bool have_networks(const struct xs_rules *rules,
			  const struct xs_rule *below)
{
	const struct xs_rule *end = below ? below : rules->rule + rules->count;

	for (const struct xs_rule *rule = rules->rule; rule < end; rule++)
		if (rule->pattern.kind == XS_HOST_NETWORK)
			return true;
	return false;
}

static struct addrinfo *look_up(const char *name, int *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	*error = getaddrinfo(name, NULL, &hints, &list);
	return *error ? NULL : list;
}

/* Adds the verdict unless its rule has one already. */
static size_t add(struct xs_verdict *verdicts, size_t count,
		  const struct xs_verdict *verdict)
{
	for (size_t i = 0; i < count; i++)
		if (verdicts[i].rule == verdict->rule)
			return count;
	verdicts[count] = *verdict;
	return count + 1;
}

/* The verdicts about the addresses that the name has. */
static size_t decide_addresses(const struct xs_check_destination *to,
			       const struct xs_rules *rules,
			       struct xs_verdict *verdicts, int *error)
{
	struct xs_verdict verdict = { .name = to->name };
	struct addrinfo *list = look_up(to->name, error);
	size_t count = 0;

	for (struct addrinfo *at = list;
	     at && count < XS_CHECK_DESTINATION_ADDRESSES; at = at->ai_next) {
		if (!xs_address_from(&verdict.address, at->ai_addr,
				     at->ai_addrlen))
			continue;
		xs_address_set_port(&verdict.address, to->port);
		verdict.rule =
			xs_match(rules, to->udp, &verdict.address, to->name);
		count = add(verdicts, count, &verdict);
	}
	if (list)
		freeaddrinfo(list);
	return count;
}

static size_t decide_name(const struct xs_check_destination *to,
			  const struct xs_rules *rules,
			  struct xs_verdict *verdicts, char *note, size_t size)
{
	struct xs_verdict verdict = { .name = to->name };
	size_t count;
	int error;

	xs_address_set_port(&verdict.address, to->port);
	verdict.rule = xs_match(rules, to->udp, &verdict.address, to->name);
	if (!have_networks(rules, verdict.rule))
		return add(verdicts, 0, &verdict);
	count = decide_addresses(to, rules, verdicts, &error);
	if (count > 0)
		return count;
	snprintf(note, size,
		 "the name has no address here (%s), so rules for networks "
		 "are left out",
		 gai_strerror(error));
	return add(verdicts, 0, &verdict);
}

/* True when the name has that address now. */
static bool has_address(const char *name, const struct xs_address *address)
{
	int error;
	struct addrinfo *list = look_up(name, &error);
	bool found = false;

	for (struct addrinfo *at = list; at && !found; at = at->ai_next) {
		struct xs_address one;

		found = xs_address_from(&one, at->ai_addr, at->ai_addrlen) &&
			xs_address_same_ip(&one, address);
	}
	if (list)
		freeaddrinfo(list);
	return found;
}

/* The strictest rule of the names that have the address: what the library does
 * with an address that nobody looked up. */
static void decide_by_rules_names(const struct xs_check_destination *to,
				  const struct xs_rules *rules,
				  struct xs_verdict *verdict, char *note,
				  size_t size)
{
	const struct xs_rule *named;
	const char *last = "";
	size_t at = 0, lookups = 0;

	while ((named = xs_match_next_named(rules, to->udp, to->port, &at))) {
		const char *name = named->pattern.name;
		const struct xs_rule *rule;

		if (strcmp(name, last) == 0)
			continue;
		last = name;
		if (lookups++ == LOOKUPS_MAX) {
			snprintf(note, size,
				 "only the first %d names of the rules were "
				 "looked up",
				 LOOKUPS_MAX);
			return;
		}
		if (!has_address(name, &to->address))
			continue;
		rule = xs_match(rules, to->udp, &to->address, name);
		if (verdict->found &&
		    xs_match_strictness(rule) <=
			    xs_match_strictness(verdict->rule))
			continue;
		verdict->rule = rule;
		verdict->name = name;
		verdict->found = true;
	}
}

size_t xs_check_destination_decide(
	const struct xs_check_destination *destination,
	const struct xs_rules *rules,
	struct xs_verdict verdicts[XS_CHECK_DESTINATION_ADDRESSES], char *note,
	size_t size)
{
	struct xs_verdict verdict = { .address = destination->address };

	note[0] = '\0';
	if (destination->name)
		return decide_name(destination, rules, verdicts, note, size);
	decide_by_rules_names(destination, rules, &verdict, note, size);
	if (!verdict.found)
		verdict.rule = xs_match(rules, destination->udp,
					&destination->address, NULL);
	return add(verdicts, 0, &verdict);
}
