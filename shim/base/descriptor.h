/* What the library and the programs ask of a descriptor in more than one place.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_DESCRIPTOR_H
#define XS_DESCRIPTOR_H

#include <stdbool.h>

/* A descriptor of the library's own must not take the place of a standard one
 * that the application has closed.  Takes over fd (-1: stays -1) and returns
 * one above 2, or -1 with errno. */
int xs_above_stdio(int fd);

/* Opens a descriptor that stands for nothing: /dev/null, or where a root
 * directory has none, that directory, which can be neither read nor written.
 * Returns it, or -1 with errno. */
int xs_nothing(void);

/* getsockopt(2) of an option whose value is an int that is never negative.
 * Returns the value, or -1 with errno. */
int xs_socket_int(int fd, int level, int option);

/* Is it a UDP socket over IPv4 or IPv6?  A socket of ICMP or UDP-Lite is of
 * SOCK_DGRAM, too (icmp(7), udplite(7)).  Where the kernel does not tell the
 * protocol, it is one.  May change errno. */
bool xs_socket_is_udp(int fd);

/* The same of a socket of IPv4 or IPv6 that is known to be of SOCK_DGRAM. */
bool xs_socket_has_udp(int fd);

#endif
