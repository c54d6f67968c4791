/* Waiting for events without sleep, for a while; see spin.h.
 *
 * The one surprising thing is how it notices that the processor is wanted
 * elsewhere: sched_yield(2) returns at once where nobody else is ready to run
 * on it, so one that took long has let somebody run.
 */
#include "relay/loop/spin.h"

#include "relay/base/allowed.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

enum {
	/* As long as a peer on the same machine needs to be woken and to
	 * answer. */
	WINDOW = 60000,
	/* So many windows can be saved up, … */
	SAVED = 10,
	/* … out of this part of the time. */
	SHARE = 30,
	/* A yield that took longer has let somebody else run. */
	YIELDED = 10000,
};

static int spinners_max;
static atomic_int spinners;

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void xs_spin_prepare(void)
{
	cpu_set_t set;
	int processors = sched_getaffinity(0, sizeof(set), &set) == 0
				 ? CPU_COUNT(&set)
				 : (int)sysconf(_SC_NPROCESSORS_ONLN);

	spinners_max = xs_allowed(XS_CALL_YIELD) ? processors / 2 : 0;
}

static bool begin(struct xs_spin *spin, int64_t now)
{
	spin->budget += (now - spin->filled) / SHARE;
	spin->filled = now;
	if (spin->budget > SAVED * WINDOW)
		spin->budget = SAVED * WINDOW;
	if (spin->budget < WINDOW || !spinners_max)
		return false;
	if (atomic_fetch_add_explicit(&spinners, 1, memory_order_relaxed) <
	    spinners_max)
		return true;
	atomic_fetch_sub_explicit(&spinners, 1, memory_order_relaxed);
	return false;
}

static void end(struct xs_spin *spin, int64_t spent)
{
	spin->budget -= spent;
	atomic_fetch_sub_explicit(&spinners, 1, memory_order_relaxed);
}

int xs_spin_wait(struct xs_spin *spin, int epoll_fd, struct epoll_event *events,
		 int max, int timeout)
{
	int count = epoll_wait(epoll_fd, events, max, 0);
	int64_t start, now, before;
	bool vain;

	if (count || !timeout)
		return count;
	start = now = now_ns();
	if (!begin(spin, start))
		return epoll_wait(epoll_fd, events, max, timeout);
	do {
		before = now;
		sched_yield();
		count = epoll_wait(epoll_fd, events, max, 0);
		now = now_ns();
	} while (!count && now - start < WINDOW && now - before < YIELDED);
	/* An event that somebody else's turn was waited for is late. */
	vain = !count || now - before >= YIELDED;
	end(spin, vain ? now - start : 0);
	return count ? count : epoll_wait(epoll_fd, events, max, timeout);
}
