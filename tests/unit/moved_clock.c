/* See moved_clock.h.  What a program defines, the loader takes before libc's.
 */
#include "moved_clock.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000 };

int64_t moved_us;
bool clock_stands;

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
	static int64_t stood; /* since */
	struct timespec now;
	int64_t us;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	us = (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
	if (clock_stands && !stood)
		stood = us - moved_us;
	if (clock_stands)
		us = stood + moved_us;
	at->tv_sec = us / SECOND;
	at->tv_usec = us % SECOND;
	return 0;
}

#pragma GCC visibility pop
