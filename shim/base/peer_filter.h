/* A filter on an application's UDP socket that drops what comes past the relay.
 *
 * What a peer says for which the socket has a stand-in comes from the stand-in
 * (stand_in.h), and whoever can write the peer's address can send a datagram in
 * its name.  The library drops it where it sees the call; this classic BPF
 * program (SO_ATTACH_FILTER of socket(7)) does it for every call: io_uring, and
 * system calls of the program's own.  It counts for what comes from then on, so
 * the library drops what had come before.
 *
 * A stand-in's address would be as good a forgery, where another device lets
 * loopback addresses in (route_localnet without rp_filter).  What comes from
 * one by another device is dropped, too; the library could not tell it.
 *
 * A socket that has a filter already keeps it, and has no stand-ins.  Of more
 * peers than fit only the first are in it.
 *
 * No state here; any thread.
 */
#ifndef XS_PEER_FILTER_H
#define XS_PEER_FILTER_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>

enum { XS_PEER_FILTER_MOST = 128 };

/* Gives the socket a filter for these peers, in the place of an earlier one of
 * these.  count is at most XS_PEER_FILTER_MOST.  Returns 0, or -1 with errno:
 * EEXIST when it has one of the program's. */
int xs_peer_filter_put(int socket, const struct xs_address *peers,
		       size_t count);

/* Has the socket one of these? */
bool xs_peer_filter_is_there(int socket);

/* Has the socket a filter, and is it not one of these?  True also where the
 * kernel does not tell. */
bool xs_peer_filter_is_other(int socket);

#endif
