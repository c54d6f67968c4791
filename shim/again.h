/* A connect on a descriptor that is wrapped already.
 *
 * What the kernel says to a second connect on a TCP socket: EALREADY while the
 * first is under way (a blocking one waits for it), the outcome of the first
 * once, then EISCONN; after a failure the socket can be used afresh.
 */
#ifndef XS_AGAIN_H
#define XS_AGAIN_H

#include "pair.h"

/* connect(2) with an Internet address on the pair that fd is. */
int xs_again_connect(int fd, struct xs_pair_info *pair);

/* connect(2) with AF_UNSPEC, which dissolves a TCP connection. */
int xs_again_disconnect(int fd, const struct xs_pair_info *pair);

/* A connect that was not waited for: its success is still to be collected by
 * a second connect.  (wrap.c) */
void xs_again_mark(int app_end);

#endif
