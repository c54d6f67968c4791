/* The way of datagrams between an application's UDP socket that is not
 * connected, and the pair of one of its peers (stand_in.h, pair.h).
 *
 *   application's socket   0.0.0.0:P
 *        ^ |  datagrams on loopback
 *        | v
 *   stand-in               127.x.y.z:P, connected to 127.0.0.1:P
 *        ^ |  bridge
 *        | v
 *   application's end of the pair; its other end is the association's
 *
 * That is for a socket that is bound to no address; stand_in_socket.h has what
 * is different for one that is bound to an address.
 *
 * To the association the bridge is the application: it fails as for a socket
 * that is connected, and the library makes the next pair (connect/peers.h).
 *
 * Why nobody else can read or write here:
 *
 * - The application's socket is bound to the unspecified address, without
 *   SO_REUSEADDR.  So nobody of another user can bind its port on any address:
 *   neither that of a stand-in, also after the relay has ended, nor the
 *   application's.  (The relay may because both sockets have SO_REUSEPORT for a
 *   moment; that takes the same user: inet_rcv_saddr_equal and uid_eq in
 *   udp_lib_lport_inuse.)  What is sent to a stand-in that is gone comes back
 *   to the application's own socket.
 * - The stand-in is connected, so it takes datagrams of 127.0.0.1:P alone.
 * - A network device may let in what has loopback addresses (route_localnet).
 *   Filters on the stand-in and on the application's socket drop what has one
 *   and does not come by the loopback device (peer_filter.h).
 * - The relay looks whether the application's socket is still there before it
 *   hands on what came from there, and before it sends something there: an
 *   epoll set with the socket in it, of which the relay keeps no copy, or for
 *   a moment only, in which nobody else can have the port (owner.h).  The
 *   kernel takes a socket out of it before it frees the port (__fput).  Between
 *   the look and the send there are microseconds; a datagram that the
 *   server sends at this very moment may reach whoever takes the port in that
 *   time.
 * - What lies in the stand-in when the socket is gone is handed on as far as
 *   the library has counted what it sent (stand_in.h).  That is in front of
 *   what others may have sent since.
 * - What comes to the application's socket from the peer's own address has come
 *   past the relay.  A filter on the socket drops it (peer_filter.h), and what
 *   the filter does not, the library (connect/peers.h).
 *
 * A bridge belongs to one worker.
 */
#ifndef XS_BRIDGE_H
#define XS_BRIDGE_H

#include "base/error.h"
#include "base/segment.h"
#include "relay/loop/worker.h"

/* Looks whether the sockets of this worker's bridges with that port are still
 * there, and ends those whose are not. */
void xs_bridge_look(uint32_t port);

/* Begins a bridge between a socket and the application's end of a pair, both
 * of which this takes over in any case; pair -1: only the handle is wanted.
 * Where there is a bridge already, that one stays.  handle gets the name of the
 * table of stand-ins.  Returns 0, or -1 with *err set. */
int xs_bridge_begin(struct xs_worker *worker, int socket, int pair,
		    char handle[XS_SEGMENT_HANDLE_MAX], struct xs_error *err);

#endif
