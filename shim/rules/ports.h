/* Port numbers, service names, ranges and lists of them. */
#ifndef XS_PORTS_H
#define XS_PORTS_H

#include "base/parse.h"

struct xs_port_range {
	uint16_t first, last;
};

/* Reads one port, "443" or "https" (of TCP, or of UDP).  Returns 0, or -1 with
 * the error set. */
int xs_port_read(struct xs_parse *parse, struct xs_span text, bool udp,
		 uint16_t *port);

/* Reads "443", "https", "8000-8010", a list of those with ",", or "*".  The
 * ranges are sorted, apart from each other, and in the arena; *count is 0 for
 * "*", every port.  Returns 0, or -1 with the error set. */
int xs_ports_read(struct xs_parse *parse, struct xs_span text, bool udp,
		  const struct xs_port_range **ranges, size_t *count);

/* True when port lies in one of the ranges, or count is 0. */
bool xs_ports_have(const struct xs_port_range *ranges, size_t count,
		   uint16_t port);

/* The ports of many such lists, one bit each. */
struct xs_port_set {
	bool all;
	uint64_t word[1024];
};

/* Adds the ports that xs_ports_have tells. */
void xs_port_set_add(struct xs_port_set *set,
		     const struct xs_port_range *ranges, size_t count);

/* NULL is the empty set. */
bool xs_port_set_has(const struct xs_port_set *set, uint16_t port);

#endif
