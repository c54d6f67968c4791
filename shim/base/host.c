/* Host names, addresses and "host:port"; see host.h. */
#include "base/host.h"

#include <net/if.h>
#include <string.h>

/* "[2001:db8::1]:443": what stands between and behind the brackets. */
static int split_brackets(struct xs_parse *parse, struct xs_span text,
			  struct xs_host_port *split, struct xs_span *rest)
{
	const char *close = xs_span_find(text, ']');

	if (!close)
		return xs_parse_fail(parse, text.start, "\"[\" without \"]\"");
	split->host = (struct xs_span){ text.start + 1, close };
	split->ipv6 = true;
	*rest = (struct xs_span){ close + 1, text.end };
	if (rest->start < rest->end && *rest->start == '/')
		return xs_parse_fail(parse, rest->start,
				     "the bits belong into the brackets: "
				     "[2001:db8::/32]");
	if (rest->start < rest->end && *rest->start != ':')
		return xs_parse_fail(parse, rest->start,
				     "only a port, as in [2001:db8::1]:443, "
				     "can follow \"]\"");
	return 0;
}

int xs_host_split(struct xs_parse *parse, struct xs_span text,
		  struct xs_host_port *split)
{
	struct xs_span rest = { text.end, text.end };
	const char *colon = xs_span_find(text, ':');

	*split = (struct xs_host_port){ .host = text, .port = rest };
	if (text.start < text.end && *text.start == '[') {
		if (split_brackets(parse, text, split, &rest) < 0)
			return -1;
	} else if (colon &&
		   memchr(colon + 1, ':', (size_t)(text.end - colon - 1))) {
		split->ipv6 = true;
	} else if (colon) {
		split->host.end = colon;
		rest.start = colon;
	}
	if (rest.start == rest.end)
		return 0;
	split->port = (struct xs_span){ rest.start + 1, rest.end };
	if (split->port.start == split->port.end)
		return xs_parse_fail(parse, rest.start, "no port behind \":\"");
	return 0;
}

bool xs_host_address(struct xs_span text, struct xs_address *address)
{
	char copy[XS_ADDRESS_TEXT_MAX + IF_NAMESIZE];
	size_t len = xs_span_len(text);

	*address = (struct xs_address){ .len = 0 };
	if (len == 0 || len >= sizeof(copy) || memchr(text.start, '\0', len))
		return false;
	memcpy(copy, text.start, len);
	copy[len] = '\0';
	if (xs_address_parse(address, copy))
		return true;
	*address = (struct xs_address){ .len = 0 };
	return false;
}

bool xs_host_is_glob(struct xs_span text)
{
	return xs_span_find(text, '*') || xs_span_find(text, '?');
}

static int bad_byte(struct xs_parse *parse, const char *at)
{
	struct xs_quote quote = xs_quote((struct xs_span){ at, at + 1 });

	if ((unsigned char)*at >= 0x80)
		return xs_parse_fail(parse, at,
				     "a host name is written in ASCII: use its "
				     "A-label form (xn--...)");
	if (*at == '*' || *at == '?')
		return xs_parse_fail(parse, at, "%s: a glob cannot stand here",
				     quote.text);
	if (*at == '/')
		return xs_parse_fail(parse, at,
				     "%s: neither path nor number of bits can "
				     "follow this host",
				     quote.text);
	return xs_parse_fail(parse, at, "%s cannot stand in a host name",
			     quote.text);
}

/* Judges the bytes and the labels of a name or glob. */
static int check_labels(struct xs_parse *parse, struct xs_span text, bool glob)
{
	const char *label = text.start;

	for (const char *at = text.start; at <= text.end; at++) {
		if (at == text.end || *at == '.') {
			if (at == label)
				return xs_parse_fail(parse, at,
						     "empty label in host "
						     "name %s",
						     xs_quote(text).text);
			if (at - label > XS_HOST_LABEL_MAX)
				return xs_parse_fail(
					parse, label,
					"label %s is longer than 63 bytes",
					xs_quote((struct xs_span){ label, at })
						.text);
			label = at + 1;
		} else if (!xs_is_alnum(*at) && *at != '-' && *at != '_' &&
			   !(glob && (*at == '*' || *at == '?'))) {
			return bad_byte(parse, at);
		}
	}
	return 0;
}

/* A name that ends in a number would be an address (RFC 1123, 2.1), and a glob
 * of digits hopes to match addresses, which globs do not. */
static int check_numbers(struct xs_parse *parse, struct xs_span text, bool glob)
{
	const char *dot = memrchr(text.start, '.', xs_span_len(text));
	struct xs_span last = { dot ? dot + 1 : text.start, text.end };
	bool digit = false;

	if (xs_span_is_number(last))
		return xs_parse_fail(parse, text.start,
				     "%s is not an IPv4 address",
				     xs_quote(text).text);
	if (!glob)
		return 0;
	for (const char *at = text.start; at < text.end; at++) {
		if (xs_is_digit(*at))
			digit = true;
		else if (*at != '.' && *at != '*' && *at != '?')
			return 0;
	}
	if (digit)
		return xs_parse_fail(parse, text.start,
				     "%s: a glob matches names only; for "
				     "addresses write a network such as "
				     "192.0.2.0/24",
				     xs_quote(text).text);
	return 0;
}

int xs_host_name(struct xs_parse *parse, struct xs_span text, bool glob,
		 const char **name)
{
	char *copy, *to;

	if (text.end - text.start > 1 && text.end[-1] == '.')
		text.end--;
	if (text.start == text.end)
		return xs_parse_fail(parse, text.start, "host name is empty");
	if (xs_span_len(text) > XS_HOST_LEN_MAX)
		return xs_parse_fail(parse, text.start,
				     "host name %s is longer than 253 bytes",
				     xs_quote(text).text);
	if (check_labels(parse, text, glob) < 0 ||
	    check_numbers(parse, text, glob) < 0)
		return -1;
	copy = to = xs_parse_copy(parse, text);
	if (!copy)
		return -1;
	for (const char *at = copy; *at; at++)
		if (*at != '*' || to == copy || to[-1] != '*')
			*to++ = xs_lower(*at);
	*to = '\0';
	*name = copy;
	return 0;
}

int xs_host_read(struct xs_parse *parse, const struct xs_host_port *split,
		 struct xs_address *address, const char **name)
{
	*name = NULL;
	if (xs_host_address(split->host, address) &&
	    split->ipv6 == (address->any.sa_family == AF_INET6))
		return 0;
	*address = (struct xs_address){ .len = 0 };
	if (split->ipv6)
		return xs_parse_fail(parse, split->host.start,
				     "%s is not an IPv6 address%s",
				     xs_quote(split->host).text,
				     xs_span_find(split->host, '%')
					     ? " with a known interface"
					     : "");
	return xs_host_name(parse, split->host, false, name);
}
