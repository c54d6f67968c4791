/* A moment in a wait for another thread, which ends it in a few system calls as
 * a rule: a loop that counts its tries calls this after each.  At first only
 * the processor is given away, later 0.1 ms are slept, so that 20000 tries are
 * two seconds.  Async-signal-safe; errno may change.
 */
#ifndef XS_PAUSE_H
#define XS_PAUSE_H

#include <sched.h>
#include <time.h>

static inline void xs_pause(int tries)
{
	const struct timespec moment = { .tv_nsec = 100000 };

	if (tries < 100)
		sched_yield();
	else
		nanosleep(&moment, NULL);
}

#endif
