/* What getpeername(2) and getsockname(2) say of a wrapped descriptor.
 *
 * The names of the pair say what a TCP socket would have said: the peer is the
 * address that the application asked for, as with a NAT; the local address is
 * that of the real TCP socket.
 *
 * Any thread, any signal context.
 */
#ifndef XS_NAME_H
#define XS_NAME_H

#include "base/pair.h"

/* Has the pair's end fd a peer?  Returns 0, and the peer is pair->asked; or -1
 * with ENOTCONN. */
int xs_name_peer(int fd, const struct xs_pair_info *pair);

/* The local address in the family of the application's socket.  When the relay
 * resolves the name and has not connected yet, or had to use the other family,
 * there is none: the unspecified address, with the port if it is known. */
struct xs_address xs_name_local(int fd, const struct xs_pair_info *pair);

#endif
