/* A datagram that is sent to an address, by a socket that is connected to
 * another one or to none.
 *
 * Any thread, any signal context.
 */
#ifndef XS_UNCONNECTED_H
#define XS_UNCONNECTED_H

#include "connect/peers.h"

#include <stdbool.h>
#include <sys/socket.h>

/* May a datagram with this address be sent on fd?  Fills *peer: where the
 * stand-in has no address, libc's sendto(2) sends it, because no rule is about
 * it, or one that leaves it alone, or because fd is no UDP socket, or the pair
 * of one that is connected to this address; otherwise xs_peers_send does.
 * False with errno, and a line says why, once for each rule.  peer NULL: the
 * caller cannot send it to a stand-in, so that is refused, too. */
bool xs_unconnected_may(int fd, const struct sockaddr *to, socklen_t len,
			struct xs_peer *peer);

#endif
