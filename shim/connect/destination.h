/* Where a connection goes that a rule decides, or that has been announced.
 *
 * No I/O; any thread, any signal context.
 */
#ifndef XS_DESTINATION_H
#define XS_DESTINATION_H

#include "base/address.h"
#include "connect/decide.h"
#include "relay_client/ftp_data.h"

#include <stdint.h>

struct xs_destination {
	/* What the application asked for, in its socket's family. */
	struct xs_address asked;
	int family; /* of the application's socket */
	const struct xs_decision *decision;
	const struct xs_ftp_data *ftp_data; /* what decides instead, or NULL */
	/* Filled by xs_destination_aim: */
	struct xs_address to; /* len 0: a name has to be resolved */
	uint16_t port;
};

/* Applies the target of the rule.  An address that the socket's family cannot
 * express is left to the relay, which has sockets of both. */
void xs_destination_aim(struct xs_destination *where);

/* The host to resolve, or "" when the address is known.  Returns text or a
 * string of the rule. */
const char *xs_destination_host(const struct xs_destination *where,
				char text[XS_ADDRESS_TEXT_MAX]);

/* What the certificate is checked against, unless peer_name says otherwise: the
 * target's host, else the name that was asked for, else the address.  Not for
 * an announced connection.  Returns text or a string of the rule or of the
 * decision. */
const char *xs_destination_peer(const struct xs_destination *where,
				char text[XS_ADDRESS_TEXT_MAX]);

#endif
