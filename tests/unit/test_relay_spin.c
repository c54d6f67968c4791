/* Tests: tools/relay/loop/spin.c.
 *
 * The active wait before a sleep. It must not lose an event, and must not take
 * the processor for longer than its budget allows. */
#include "relay/loop/spin.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int set, event_fd;
static struct epoll_event event;

static void begin(void)
{
	struct epoll_event watched = { .events = EPOLLIN, .data.u32 = 7 };

	set = epoll_create1(EPOLL_CLOEXEC);
	event_fd = eventfd(0, EFD_CLOEXEC);
	cr_assert_eq(epoll_ctl(set, EPOLL_CTL_ADD, event_fd, &watched), 0);
	xs_spin_prepare();
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void signal_event(void)
{
	const uint64_t one = 1;

	cr_assert_eq(write(event_fd, &one, sizeof(one)), sizeof(one));
}

static void *signal_later(void *microseconds)
{
	usleep(*(unsigned *)microseconds);
	signal_event();
	return NULL;
}

TestSuite(relay_spin, .init = begin);

Test(relay_spin, what_is_there_is_told)
{
	struct xs_spin spin = { 0 };

	signal_event();
	cr_assert_eq(xs_spin_wait(&spin, set, &event, 1, -1), 1);
	cr_assert_eq(event.data.u32, 7);
}

Test(relay_spin, what_comes_is_told)
{
	static unsigned after[] = { 0, 20, 60, 1000, 20000 };

	for (size_t i = 0; i < sizeof(after) / sizeof(*after); i++) {
		struct xs_spin spin = { 0 };
		pthread_t thread;
		uint64_t count;

		pthread_create(&thread, NULL, signal_later, &after[i]);
		cr_assert_eq(xs_spin_wait(&spin, set, &event, 1, -1), 1);
		cr_assert_eq(event.data.u32, 7);
		pthread_join(thread, NULL);
		cr_assert_eq(read(event_fd, &count, sizeof(count)),
			     sizeof(count));
	}
}

Test(relay_spin, time_is_up)
{
	struct xs_spin spin = { 0 };
	double start = seconds(CLOCK_MONOTONIC);

	cr_assert_eq(xs_spin_wait(&spin, set, &event, 1, 0), 0);
	cr_assert_eq(xs_spin_wait(&spin, set, &event, 1, 30), 0);
	cr_assert_geq(seconds(CLOCK_MONOTONIC) - start, 0.029);
}

static int64_t now_ns(void)
{
	return (int64_t)(seconds(CLOCK_MONOTONIC) * 1e9);
}

Test(relay_spin, waiting_in_vain_is_paid_for)
{
	struct xs_spin spin = { .budget = 600000, .filled = now_ns() };
	cpu_set_t mine;

	cr_assert_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
	cr_assert_eq(xs_spin_wait(&spin, set, &event, 1, 1), 0);
	/* One processor: nobody waits so. */
	if (CPU_COUNT(&mine) < 2)
		cr_assert_geq(spin.budget, 600000);
	else
		cr_assert_leq(spin.budget, 600000 - 10000);
}

Test(relay_spin, who_has_no_budget_sleeps)
{
	struct xs_spin spin = { .budget = -1000000000, .filled = now_ns() };
	int64_t before = spin.budget;

	cr_assert_eq(xs_spin_wait(&spin, set, &event, 1, 20), 0);
	cr_assert_geq(spin.budget, before);
	before = spin.budget;
	cr_assert_eq(xs_spin_wait(&spin, set, &event, 1, 1), 0);
	/* A thirtieth of the 20 ms. */
	cr_assert_geq(spin.budget, before + 600000);
}
