/* A connect on a descriptor that is wrapped already.
 *
 * What the kernel says to a second connect on a TCP socket: EALREADY while the
 * first is under way (a blocking one waits for it), the result of the first
 * once, then EISCONN; after a failure the socket can be used again.
 */
#ifndef XS_RECONNECT_H
#define XS_RECONNECT_H

#include "base/pair.h"

/* connect(2) with an Internet address on the pair that fd is. */
int xs_reconnect(int fd, struct xs_pair_info *pair);

/* connect(2) with AF_UNSPEC, which dissolves a TCP connection. */
int xs_disconnect(int fd, const struct xs_pair_info *pair);

#endif
