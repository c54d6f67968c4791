/* An application's UDP socket, of which the relay keeps no copy: is it there?
 *
 * Any thread.
 */
#ifndef XS_OWNER_H
#define XS_OWNER_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct xs_owner;

/* The owner for a copy of its socket, which the caller closes.  Given back with
 * xs_owner_put.  NULL with *err set. */
struct xs_owner *xs_owner_get(int socket, struct xs_error *err);
void xs_owner_put(struct xs_owner *owner);

/* The socket that keeps the port of a bound one on all addresses
 * (stand_in_socket.h); -1: none yet.  Closed with the owner.  For one thread at
 * a time. */
int *xs_owner_guard(struct xs_owner *owner);

/* The kernel's number of the socket, which no other socket ever has. */
uint64_t xs_owner_cookie(const struct xs_owner *owner);

/* Does any process still have the socket? */
bool xs_owner_is_there(const struct xs_owner *owner);

#endif
