/* The sentences for a connect that fails before TLS has a say: no address, no
 * time.  The relay tells them to the application, "xsock probe" to a person. */
#ifndef XS_OUTCOME_H
#define XS_OUTCOME_H

#include "dial.h"

enum xs_outcome_step {
	XS_OUTCOME_RESOLVE,
	XS_OUTCOME_CONNECT,
	XS_OUTCOME_HANDSHAKE,
};

/* host has no address: what getaddrinfo(3) returned (0: none of IPv4 or IPv6),
 * and errno for EAI_SYSTEM. */
void xs_outcome_unresolved(struct xs_error *err, const char *host, int error,
			   int errnum);

/* The rule's time is over in this step; dial is looked at unless it is
 * XS_OUTCOME_RESOLVE. */
void xs_outcome_timeout(struct xs_error *err, enum xs_outcome_step step,
			const char *host, const struct xs_dial *dial,
			double seconds);

/* Adds to *err, which is about the first address, how many more failed. */
void xs_outcome_add_others(struct xs_error *err, const struct xs_dial *dial);

#endif
