/* See moved_clock.h.  What a program defines, the loader takes before libc's.
 */
#include "moved_clock.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000 };

int64_t moved_us;

#pragma GCC visibility push(default) /* they stand in for libc's */

int clock_gettime(clockid_t id, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, id, now);
	int64_t us = now->tv_nsec / 1000 + moved_us;

	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) {
		now->tv_sec += us / SECOND;
		now->tv_nsec = us % SECOND * 1000 + now->tv_nsec % 1000;
	}
	return result;
}

time_t time(time_t *at)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return 0;
}

#pragma GCC visibility pop
