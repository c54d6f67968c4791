/* The socket of a stand-in (bridge.h).
 *
 * Which sockets can have one, and what is done that nobody of another user has
 * their port:
 *
 * - One that is bound to the unspecified address keeps its port on all
 * addresses by itself.
 * - One that is bound to an address of IPv4 gets a guard: a socket of
 * the relay's that keeps the port on all other addresses.  Who had it there
 * could send from any address of this host (IP_PKTINFO).  When the relay ends,
 * the guard is gone.  But the stand-in has the address of the application's own
 *   socket, so what is sent there comes back to that one.
 * - One that has SO_REUSEADDR loses it.  A guard that can be bound then shows
 *   that nobody has had the port before.
 */
#ifndef XS_STAND_IN_SOCKET_H
#define XS_STAND_IN_SOCKET_H

#include "base/error.h"
#include "base/stand_in.h"
#include "relay/base/incoming.h"
#include "relay/base/outgoing.h"

/* Makes the socket for the entry at that place, beside the application's, and
 * fills entry->ip, port and bound.  Where a guard is needed and *guard is -1,
 * it is made, too, and is the caller's.  Not in two threads at once.  Returns
 * the socket, or -1 with *err set: the application's is not one that can have
 * stand-ins. */
int xs_stand_in_socket(int application, int *guard, int place,
		       struct xs_stand_in *entry, struct xs_error *err);

/* Sends datagrams of the peer's to the application.  What does not fit is lost,
 * as with UDP. */
void xs_stand_in_send(int stand_in, const struct xs_stand_in *entry,
		      const struct xs_incoming *datagrams, int count,
		      struct xs_outgoing *outgoing);

/* Is a datagram that the socket has received from the application?  If not, it
 * came from elsewhere, before the socket was connected. */
bool xs_stand_in_is_from(const struct xs_stand_in *entry,
			 const struct sockaddr_in *from);

/* How many datagrams found no room in the socket. */
uint64_t xs_stand_in_dropped(int stand_in);

#endif
