/* A datagram that is sent to an address, by a socket that is connected to
 * another one or to none.
 *
 * Any thread, any signal context.
 */
#ifndef XS_UNCONNECTED_H
#define XS_UNCONNECTED_H

#include <stdbool.h>
#include <sys/socket.h>

/* May libc's sendto(2) with this address be called on fd?  True where no rule
 * is about it, or one that leaves it alone, or where fd is no UDP socket, or
 * the pair of one that is connected to this address.  Else false with errno,
 * and a line says why, once for each rule. */
bool xs_unconnected_may(int fd, const struct sockaddr *to, socklen_t len);

#endif
