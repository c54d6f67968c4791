/* Tests: tools/relay/loop/timer.c.
 *
 * Timers, compared with a plain list, in random order. */
#include "relay/loop/timer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { COUNT = 500 };

struct waiter {
	struct xs_timer timer; /* first: the cast below */
	int expired;
};

static struct xs_timers timers;
static struct waiter waiter[COUNT];
static int64_t last_due;

static void expire(struct xs_timer *timer)
{
	struct waiter *w = (struct waiter *)timer;

	cr_assert(!timer->set);
	cr_assert(timer->due >= last_due, "out of order");
	last_due = timer->due;
	w->expired++;
}

static int64_t first_due(void)
{
	int64_t first = -1;

	for (int i = 0; i < COUNT; i++)
		if (waiter[i].timer.set &&
		    (first < 0 || waiter[i].timer.due < first))
			first = waiter[i].timer.due;
	return first;
}

Test(relay_timer, none)
{
	struct xs_timers none = { NULL };
	struct xs_timer timer = { .expire = expire };

	cr_assert_eq(xs_timers_wait(&none, 0), -1);
	xs_timer_cancel(&none, &timer);
	xs_timers_run(&none, 1000);
}

Test(relay_timer, random)
{
	srand(1);
	for (int i = 0; i < COUNT; i++)
		waiter[i].timer.expire = expire;
	for (int round = 0; round < 20000; round++) {
		struct xs_timer *timer = &waiter[rand() % COUNT].timer;

		if (rand() % 3)
			xs_timer_set(&timers, timer, 1 + rand() % 1000);
		else
			xs_timer_cancel(&timers, timer);
		if (round % 100 == 0 && first_due() >= 0)
			cr_assert_eq(xs_timers_wait(&timers, 0), first_due());
	}
	for (int64_t now = 0; now <= 1000; now += 50) {
		xs_timers_run(&timers, now);
		cr_assert(first_due() < 0 || first_due() > now);
	}
	cr_assert_eq(xs_timers_wait(&timers, 0), -1);
}

static void set_again(struct xs_timer *timer)
{
	struct waiter *w = (struct waiter *)timer;

	if (++w->expired < 3)
		xs_timer_set(&timers, timer, timer->due + 10);
}

Test(relay_timer, set_again_while_expiring)
{
	waiter[0].timer.expire = set_again;
	xs_timer_set(&timers, &waiter[0].timer, 10);
	cr_assert_eq(xs_timers_wait(&timers, 4), 6);
	cr_assert_eq(xs_timers_wait(&timers, 40), 0);
	xs_timers_run(&timers, 25);
	cr_assert_eq(waiter[0].expired, 2);
	xs_timers_run(&timers, 30);
	cr_assert_eq(waiter[0].expired, 3);
	cr_assert(!waiter[0].timer.set);
}
