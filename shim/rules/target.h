/* The right side of a rule, without its options: what is to happen. */
#ifndef XS_TARGET_H
#define XS_TARGET_H

#include "base/address.h"
#include "base/parse.h"

struct xs_target {
	const struct xs_scheme *scheme;
	const char *host; /* a name, lower case; NULL: none, or an address */
	struct xs_address address; /* when the host is an IP address (len > 0);
				      its own port is 0 */
	uint16_t port;		   /* 0: the original one */
};

/* Reads what stands between "=" and "?".  udp: the pattern starts with udp://,
 * which must fit.  Returns 0, or -1 with the error set. */
int xs_target_read(struct xs_parse *parse, struct xs_span text, bool udp,
		   struct xs_target *target);

#endif
