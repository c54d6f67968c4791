/* Receiving where a datagram may be forged (connect/peers.h), for read(2) and
 * readv(2). */
#ifndef XS_HOOK_RECEIVE_H
#define XS_HOOK_RECEIVE_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* recvmsg(2) without flags into these parts, of what is not forged.  Any
 * thread, any signal context. */
ssize_t xs_receive_true(int fd, const struct iovec *parts, int count);

#endif
