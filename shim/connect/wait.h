/* A blocking connect that waits for the relay's verdict.
 *
 * Whoever waits holds nothing: no descriptor, no lock.  What it waits for is in
 * the kernel, in the pair that the application's descriptor is by now.  So a
 * signal handler that jumps out of here leaves nothing behind, nor does a
 * thread that is cancelled.
 *
 * What ends the wait:
 *
 *   - the relay has named its end, "connected" or "failed".  With the second it
 *     has put the TCP socket into the pair, and that goes back to its place;
 *   - the relay has closed its end without a name: it was killed;
 *   - another thread has shut the descriptor down, dissolved the connect, or
 *     put something else there;
 *   - a signal, where the kernel would interrupt connect(2) as well;
 *   - SO_SNDTIMEO (socket(7)): the connect goes on without us;
 *   - the rule's time, and a little more: the relay, which has the same limit,
 *     has not kept it.  It is stopped.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_WAIT_H
#define XS_WAIT_H

#include "base/error.h"
#include "connect/swap.h"
#include "connect/undisturbed.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

struct xs_wait {
	struct xs_swap *swap; /* of the descriptor; its sockets are closed */
	uint32_t id;	      /* the pair's */
	int family;	      /* of the application's socket */
	struct timeval limit; /* its SO_SNDTIMEO; 0: none */
	double timeout;	      /* the rule's, in seconds */
	pid_t relay;	      /* its process; 0: not known */
	const char *key;      /* the relay's */
	const struct xs_undisturbed *before; /* the stretch that it is in */
};

/* Waits.  As connect(2), 0 or -1 with errno; *err is set when the relay has not
 * told the reason. */
int xs_wait(const struct xs_wait *wait, struct xs_error *err);

/* Has the relay gone that has the other end of this connecting pair?  (The
 * application's own shutdown(2) is no sign of that.) */
bool xs_wait_is_lost(int fd);

/* The TCP socket that the relay put into the pair fd when it told a failure;
 * -1 when there is none.  It is the caller's. */
int xs_wait_take_socket(int fd);

#endif
