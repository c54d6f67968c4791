/* The error queue of a wrapped UDP socket (IP_RECVERR of ip(7)).
 *
 * A program that has asked for errors reads them with MSG_ERRQUEUE.  A pair has
 * no such queue; the relay tells why it has given an association up, and that
 * is the one error that there can be.  It is told once: by this, or by another
 * call (datagram.h).  ECONNREFUSED looks as ICMP brings it; everything else is
 * an error of this machine, as a certificate that is not accepted.  Of the
 * datagram that it is about nothing is told.
 *
 * Any thread, any signal context.
 */
#ifndef XS_ERROR_QUEUE_H
#define XS_ERROR_QUEUE_H

#include "base/pair.h"

#include <sys/socket.h>
#include <sys/types.h>

/* recvmsg(2) with MSG_ERRQUEUE of the pair of datagrams fd.  *msg is readable.
 * Returns 0, for a datagram of which nothing is left, or -1 with errno. */
ssize_t xs_error_queue_read(int fd, const struct xs_pair_info *pair,
			    struct msghdr *msg);

#endif
