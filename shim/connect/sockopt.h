/* Socket options of a wrapped descriptor: which are the pair's, which are
 * asked of the real TCP socket in the relay.
 *
 * The descriptor itself goes with the question.  So every process that holds it
 * may ask, also a child that runs as another user by now.
 */
#ifndef XS_SOCKOPT_H
#define XS_SOCKOPT_H

#include "base/pair.h"

#include <stdbool.h>
#include <sys/socket.h>

/* True for options at SOL_SOCKET that mean the descriptor's own queue or its
 * waiting, and so the pair's end: time-outs, SO_RCVLOWAT, SO_OOBINLINE … */
bool xs_sockopt_is_local(int option);

/* getsockopt(2) and setsockopt(2) on the pair's end fd, beyond what is local.
 * The kernel has seen neither the option nor the pointers yet. */
int xs_sockopt_get(int fd, const struct xs_pair_info *pair, int level,
		   int option, void *value, socklen_t *len);
int xs_sockopt_set(int fd, const struct xs_pair_info *pair, int level,
		   int option, const void *value, socklen_t len);

/* True when a TCP socket would be in the state CLOSE: both directions have
 * ended, or the connection broke. */
bool xs_sockopt_is_closed(int fd, const struct xs_pair_info *pair);

/* SIOCOUTQ or SIOCOUTQNSD (tcp(7)) of the connection behind the pair's end fd.
 * Nothing is unsent when it has ended.  Returns 0, or -1 with errno. */
int xs_sockopt_unsent(int fd, const struct xs_pair_info *pair, int request,
		      int *unsent);

/* The local address of the UDP socket behind the pair's end fd.  Leaves *local
 * as it is where nobody can tell. */
void xs_sockopt_local(int fd, const struct xs_pair_info *pair,
		      struct xs_address *local);

/* The longest datagram that goes by the pair of DTLS fd; 0: nobody knows yet;
 * -1: the relay does not answer, for which this waits a moment only.  errno is
 * kept. */
int xs_sockopt_largest(int fd, const struct xs_pair_info *pair);

/* Does the relay of the pair's end fd answer?  False, with errno ETIMEDOUT and
 * a line, when it is stopped. */
bool xs_sockopt_answers(int fd, const struct xs_pair_info *pair);

#endif
