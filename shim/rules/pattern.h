/* The left side of a rule: which connections it is about. */
#ifndef XS_PATTERN_H
#define XS_PATTERN_H

#include "base/address.h"
#include "base/parse.h"
#include "rules/ports.h"

enum xs_host_kind {
	XS_HOST_ANY,	 /* "*" */
	XS_HOST_NAME,	 /* an exact name, lower case, no trailing dot */
	XS_HOST_GLOB,	 /* a name with "*" or "?" in it */
	XS_HOST_NETWORK, /* an IP address with a number of bits */
};

struct xs_pattern {
	bool udp; /* "udp://" in front: datagram sockets only; without it
		     stream sockets only */
	enum xs_host_kind kind;
	const char *name;	   /* NAME, GLOB */
	struct xs_address network; /* NETWORK: no bit behind bits is set, and
				      never an IPv4-mapped one */
	unsigned bits;
	const struct xs_port_range *ports; /* nports of them; 0: every port */
	size_t nports;
};

/* Reads what stands left of "=".  Bits that are set behind a network's prefix
 * are cleared: 192.0.2.1/24 is 192.0.2.0/24.  Returns 0, or -1 with the error
 * set. */
int xs_pattern_read(struct xs_parse *parse, struct xs_span text,
		    struct xs_pattern *pattern);

#endif
