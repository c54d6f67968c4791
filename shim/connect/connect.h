/* What the hooks do with a connect: decide (decide.h, announced.h), then let it
 * pass, refuse it, redirect it (redirect.h) or wrap it (wrap.h).
 *
 * Needs no locks; callable from any thread, a signal handler, a vfork child.
 */
#ifndef XS_CONNECT_H
#define XS_CONNECT_H

#include <sys/socket.h>

/* As connect(2), under the rules of this process. */
int xs_connect(int fd, const struct sockaddr *to, socklen_t len);

#endif
