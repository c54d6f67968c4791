/* The left side of a rule; see pattern.h.
 *
 * PHP's page writes transports of either kind in front of a host.  What an
 * application opens is a TCP connection, so tls:// and its relatives in a
 * pattern mean tcp://.
 */
#include "rules/pattern.h"

#include "base/host.h"

#include <string.h>

static int read_transport(struct xs_parse *parse, struct xs_span *text,
			  bool *udp)
{
	struct xs_span name;
	const struct xs_scheme *scheme;

	*udp = false;
	if (!xs_parse_cut_scheme(text, &name))
		return 0;
	scheme = xs_scheme_find_span(name);
	if (!scheme)
		return xs_parse_unknown_scheme(parse, name);
	*udp = scheme->kind == XS_SCHEME_UDP;
	if (*udp || scheme->kind == XS_SCHEME_TCP ||
	    scheme->kind == XS_SCHEME_TLS)
		return 0;
	return xs_parse_fail(
		parse, name.start,
		"%s cannot stand in a pattern: the application "
		"uses %s",
		xs_quote(name).text,
		scheme->kind == XS_SCHEME_DTLS ? "udp://" : "tcp:// or udp://");
}

/* Clears the bits behind the prefix. */
static void mask(struct xs_address *network, unsigned bits)
{
	uint8_t *byte = network->any.sa_family == AF_INET
				? (uint8_t *)&network->v4.sin_addr
				: network->v6.sin6_addr.s6_addr;
	unsigned size = network->any.sa_family == AF_INET ? 4 : 16;

	for (unsigned i = 0; i < size; i++, bits -= bits < 8 ? bits : 8)
		if (bits < 8)
			byte[i] &= (uint8_t)(0xff00 >> bits);
}

/* Makes an IPv4-mapped network what it is.  False when it is wider than all of
 * IPv4. */
static bool unmap(struct xs_pattern *pattern)
{
	if (pattern->network.any.sa_family != AF_INET6 ||
	    !xs_address_to_family(&pattern->network, AF_INET))
		return true;
	if (pattern->bits < 96)
		return false;
	pattern->bits -= 96;
	return true;
}

/* The number behind "/"; without one, the whole address.  Returns 0, or -1
 * with the error set. */
static int read_bits(struct xs_parse *parse, struct xs_span bits,
		     struct xs_pattern *pattern)
{
	unsigned max = pattern->network.any.sa_family == AF_INET ? 32 : 128;

	pattern->bits = max;
	if (bits.start) {
		if (!xs_span_is_number(bits) || xs_span_number(bits, max) > max)
			return xs_parse_fail(parse, bits.start,
					     "%s bits: a network has 0 to %u",
					     xs_quote(bits).text, max);
		pattern->bits = (unsigned)xs_span_number(bits, max);
	}
	if (!unmap(pattern))
		return xs_parse_fail(parse, bits.start,
				     "a mapped network of less than 96 bits "
				     "is not all IPv4: write the IPv4 network");
	mask(&pattern->network, pattern->bits);
	return 0;
}

/* An address or network.  Returns 1, 0 when it is neither, or -1 with the
 * error set. */
static int read_network(struct xs_parse *parse, struct xs_host_port *split,
			bool brackets, struct xs_pattern *pattern)
{
	const char *slash = xs_span_find(split->host, '/');
	struct xs_span ip = { split->host.start,
			      slash ? slash : split->host.end };
	struct xs_span bits = { slash ? slash + 1 : NULL, split->host.end };

	if (!xs_host_address(ip, &pattern->network) ||
	    split->ipv6 != (pattern->network.any.sa_family == AF_INET6)) {
		if (slash && !split->ipv6)
			return xs_parse_fail(parse, slash,
					     "%s: only an IP address takes a "
					     "number of bits",
					     xs_quote(split->host).text);
		return 0;
	}
	if (slash && split->ipv6 && !brackets)
		return xs_parse_fail(parse, ip.start,
				     "an IPv6 network is written in "
				     "brackets: [2001:db8::/32]");
	pattern->kind = XS_HOST_NETWORK;
	return read_bits(parse, bits, pattern) < 0 ? -1 : 1;
}

static int read_host(struct xs_parse *parse, struct xs_host_port *split,
		     bool brackets, struct xs_pattern *pattern)
{
	struct xs_address none;
	bool glob = xs_host_is_glob(split->host);
	int network;

	if (xs_span_is(split->host, "*") && !brackets) {
		pattern->kind = XS_HOST_ANY;
		return 0;
	}
	if (split->host.start == split->host.end)
		return xs_parse_fail(parse, split->host.start,
				     "pattern without a host: \"*\" is every "
				     "host");
	network = read_network(parse, split, brackets, pattern);
	if (network != 0)
		return network < 0 ? -1 : 0;
	/* Tells what is wrong with an IPv6 address. */
	if (split->ipv6)
		return xs_host_read(parse, split, &none, &pattern->name);
	if (xs_host_name(parse, split->host, glob, &pattern->name) < 0)
		return -1;
	pattern->kind = glob ? XS_HOST_GLOB : XS_HOST_NAME;
	/* "**" has become "*". */
	if (strcmp(pattern->name, "*") == 0)
		*pattern = (struct xs_pattern){ .udp = pattern->udp,
						.kind = XS_HOST_ANY };
	return 0;
}

int xs_pattern_read(struct xs_parse *parse, struct xs_span text,
		    struct xs_pattern *pattern)
{
	struct xs_host_port split;
	bool brackets;

	*pattern = (struct xs_pattern){ .kind = XS_HOST_ANY };
	if (read_transport(parse, &text, &pattern->udp) < 0 ||
	    xs_host_split(parse, text, &split) < 0)
		return -1;
	brackets = text.start < text.end && *text.start == '[';
	if (read_host(parse, &split, brackets, pattern) < 0)
		return -1;
	if (split.port.start == split.port.end)
		return 0;
	return xs_ports_read(parse, split.port, pattern->udp, &pattern->ports,
			     &pattern->nports);
}
