/* Receiving where a datagram may be forged (connect/peers.h), for read(2). */
#ifndef XS_HOOK_RECEIVE_H
#define XS_HOOK_RECEIVE_H

#include <stddef.h>
#include <sys/types.h>

/* recv(2) without flags, of what is not forged.  Any thread, any signal
 * context. */
ssize_t xs_receive_true(int fd, void *data, size_t size);

#endif
