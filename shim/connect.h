/* What the hooks do with a connect: decide, then pass, refuse, or wrap.
 *
 * Everything the connect hook is about, but for being a hook: the decision
 * (decide.h), the hand-off (handoff.h, wire.h) and the exchange of the socket
 * behind the descriptor (replace.h).  Needs no locks; callable from any
 * thread, a signal handler, a vfork child.
 */
#ifndef XS_CONNECT_H
#define XS_CONNECT_H

#include "pair.h"

#include <stdbool.h>
#include <sys/socket.h>

/* As connect(2), under the rules of this process. */
int xs_connect(int fd, const struct sockaddr *to, socklen_t len);

/* True when the bytes at [at, at + len) can be read: the kernel answers EFAULT
 * for a bad pointer, and so must a hook that looks first. errno is kept. */
bool xs_readable(const void *at, size_t len);

#endif
