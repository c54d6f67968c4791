/* The right side of a rule; see target.h.
 *
 * A scheme that the table has, but libssl has not, is refused here.  So is
 * "host=tls", which would by the grammar be a plaintext connection to a host
 * named "tls": whoever wrote it wanted tls://.
 */
#include "rules/target.h"

#include "base/host.h"
#include "rules/ports.h"

/* A pattern and a scheme must be about the same kind of socket. */
static int check_transport(struct xs_parse *parse, struct xs_span at,
			   const struct xs_scheme *scheme, bool udp)
{
	if (scheme->kind == XS_SCHEME_DENY ||
	    xs_scheme_is_datagram(scheme) == udp)
		return 0;
	return xs_parse_fail(parse, at.start,
			     "\"%s\" is for %s, and this pattern is for %s: "
			     "%s:// is meant, or a pattern %s udp://",
			     scheme->name, udp ? "TCP" : "UDP",
			     udp ? "UDP" : "TCP", xs_scheme_counterpart(scheme),
			     udp ? "without" : "that starts with");
}

static int check_scheme(struct xs_parse *parse, struct xs_span at,
			const struct xs_scheme *scheme, bool udp)
{
	/* First: another pattern would not help. */
	if (scheme->missing)
		return xs_parse_fail(parse, at.start, "scheme \"%s\" %s",
				     scheme->name, scheme->missing);
	return check_transport(parse, at, scheme, udp);
}

/* "host=tls" and "host=tls:443". */
static int check_bare_scheme(struct xs_parse *parse, struct xs_span host)
{
	const struct xs_scheme *scheme = xs_scheme_find_span(host);

	if (!scheme)
		return 0;
	return xs_parse_fail(parse, host.start,
			     "\"%s\" would be a host here: the transport is "
			     "written %s://, the host tcp://%s",
			     scheme->name, scheme->name, scheme->name);
}

static int read_host_port(struct xs_parse *parse, struct xs_span text, bool udp,
			  bool bare, struct xs_target *target)
{
	struct xs_host_port split;

	if (xs_host_split(parse, text, &split) < 0)
		return -1;
	if (bare && check_bare_scheme(parse, split.host) < 0)
		return -1;
	if ((split.host.start < split.host.end || split.ipv6) &&
	    xs_host_read(parse, &split, &target->address, &target->host) < 0)
		return -1;
	if (split.port.start == split.port.end)
		return 0;
	return xs_port_read(parse, split.port, udp, &target->port);
}

int xs_target_read(struct xs_parse *parse, struct xs_span text, bool udp,
		   struct xs_target *target)
{
	struct xs_span name = { text.start, text.start };
	bool bare = !xs_parse_cut_scheme(&text, &name);

	*target = (struct xs_target){
		.scheme = bare ? xs_scheme_find("tcp")
			       : xs_scheme_find_span(name),
	};
	if (!target->scheme)
		return xs_parse_unknown_scheme(parse, name);
	if (check_scheme(parse, name, target->scheme, udp) < 0)
		return -1;
	if (target->scheme->kind == XS_SCHEME_DENY && text.start < text.end)
		return xs_parse_fail(parse, text.start,
				     "deny:// takes neither host nor port");
	return read_host_port(parse, text, udp, bare, target);
}
