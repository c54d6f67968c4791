/* One connect, handed to the relay.
 *
 * The order of the steps is what keeps plaintext off the wire.  The pair takes
 * the place of the application's TCP socket (swap.h) before anything starts to
 * connect.  From then on a write to the descriptor cannot reach a TCP socket,
 * not from another thread, and not from a signal handler that jumps out of
 * connect().  What connects is a new socket (clone_socket.h), so that a process
 * that has a copy of the application's socket cannot reach the server either.
 * When a blocking connect fails, the application's socket goes back to its
 * place, so that the application sees what libc would have left.
 *
 * A UDP socket goes the same way, and is connected at once: the relay needs no
 * answer of the server for that, and begins its handshake with the first
 * datagram.  The new socket is connected here, so that the program learns its
 * local address, or that there is no way to the server.
 */
#ifndef XS_WRAP_H
#define XS_WRAP_H

#include "base/error.h"
#include "connect/destination.h"

/* Connects fd through the relay: as connect(2), 0 or -1 with errno.  *err is
 * set when the reason was found here and not by the relay, which reports by
 * itself. */
int xs_wrap(int fd, const struct xs_destination *where, struct xs_error *err);

#endif
