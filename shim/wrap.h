/* One connect, handed to the relay.
 *
 * The order of the steps is what keeps plaintext off the wire: the pair takes
 * the place of the TCP socket before that one starts to connect, so from then
 * on nobody who writes to the descriptor, not another thread, not a signal
 * handler that jumps out of connect(), can reach the TCP socket.  What connects
 * is another one like it (fresh.h), so that nobody can who has it some other
 * way.  When a blocking connect fails, the application's goes back to its
 * place, so that the application sees what libc would have left.
 */
#ifndef XS_WRAP_H
#define XS_WRAP_H

#include "decide.h"
#include "error.h"

#include <errno.h>
#include "expected.h"

/* Where a connection that matches a rule goes. */
struct xs_destination {
	struct xs_address asked; /* by the application, in its socket's family */
	int family;		 /* of the application's socket */
	const struct xs_decision *decision;
	const struct xs_expected *expected; /* what decides instead, or NULL */
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

/* Another thread has put a pair behind fd, which has no name yet, so that nobody
 * knows it for one: waits until it has.  True when it is worth to look
 * again. */
bool xs_wrap_wait(int fd);

/* errno of xs_wrap for the thread that comes second. */
#define XS_WRAP_LOST ECANCELED

/* Connects fd through the relay: as connect(2), 0 or -1 with errno.  *err is
 * set when the reason was found here and not by the relay, which reports by
 * itself. */
int xs_wrap(int fd, const struct xs_destination *where, struct xs_error *err);

#endif
