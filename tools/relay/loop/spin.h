/* A short active wait in front of a sleep.
 *
 * To be woken costs more than the relay's own work on a small message: a
 * processor without work sleeps, and in a virtual machine it takes 50 µs to
 * come back.  So a worker looks for the next event a little longer before it
 * lets the kernel put it to sleep.
 *
 * What that may cost is bounded.  Time spent in vain comes out of a budget of
 * 3 % of the time that passes.  Another thread that needs the processor gets it
 * at once.  At most every second processor waits like this.  On a machine with
 * one processor no thread does.
 *
 * Belongs to one worker's thread.
 */
#ifndef XS_SPIN_H
#define XS_SPIN_H

#include <stdint.h>
#include <sys/epoll.h>

struct xs_spin {
	int64_t budget; /* nanoseconds that may be spent in vain */
	int64_t filled; /* when it grew; nanoseconds of CLOCK_MONOTONIC */
};

/* Counts the processors that this process may use.  Once, before any thread
 * waits. */
void xs_spin_prepare(void);

/* epoll_wait(2) with the same arguments and result. */
int xs_spin_wait(struct xs_spin *spin, int epoll_fd, struct epoll_event *events,
		 int max, int timeout);

#endif
