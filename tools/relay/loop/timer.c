/* Deadlines of one worker; see timer.h.
 *
 * A pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986) whose nodes lie in
 * the things that wait: setting is constant time, cancelling and expiring are
 * O(log n) amortised.  The list of children is doubly linked, where the link
 * back of the first child is its parent: that is what makes cancelling cheap.
 */
#include "relay/loop/timer.h"

#include <limits.h>
#include <stddef.h>
#include <time.h>

int64_t xs_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Makes one heap of two roots without siblings; either may be NULL. */
static struct xs_timer *meld(struct xs_timer *a, struct xs_timer *b)
{
	struct xs_timer *top, *below;

	if (!a || !b)
		return a ? a : b;
	top = b->due < a->due ? b : a;
	below = top == a ? b : a;
	below->parent = top;
	below->next = top->child;
	if (top->child)
		top->child->parent = below;
	top->child = below;
	return top;
}

/* Cuts the first root off a list of siblings. */
static struct xs_timer *cut_first(struct xs_timer **list)
{
	struct xs_timer *first = *list;

	if (!first)
		return NULL;
	*list = first->next;
	first->next = NULL;
	first->parent = NULL;
	return first;
}

/* Makes one heap of a list of siblings: pairs from the left, then those
 * together from the right. */
static struct xs_timer *meld_siblings(struct xs_timer *list)
{
	struct xs_timer *pairs = NULL, *all = NULL;

	while (list) {
		struct xs_timer *a = cut_first(&list);
		struct xs_timer *b = cut_first(&list);
		struct xs_timer *pair = meld(a, b);

		pair->next = pairs;
		pairs = pair;
	}
	while (pairs)
		all = meld(all, cut_first(&pairs));
	return all;
}

void xs_timer_set(struct xs_timers *timers, struct xs_timer *timer, int64_t due)
{
	xs_timer_cancel(timers, timer);
	timer->due = due;
	timer->set = true;
	timer->parent = timer->child = timer->next = NULL;
	timers->first = meld(timers->first, timer);
}

void xs_timer_cancel(struct xs_timers *timers, struct xs_timer *timer)
{
	struct xs_timer *below;

	if (!timer->set)
		return;
	timer->set = false;
	below = meld_siblings(timer->child);
	timer->child = NULL;
	if (timers->first == timer) {
		timers->first = below;
		return;
	}
	if (timer->parent->child == timer)
		timer->parent->child = timer->next;
	else
		timer->parent->next = timer->next;
	if (timer->next)
		timer->next->parent = timer->parent;
	timers->first = meld(timers->first, below);
}

int xs_timers_wait(const struct xs_timers *timers, int64_t now)
{
	int64_t left;

	if (!timers->first)
		return -1;
	left = timers->first->due - now;
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void xs_timers_run(struct xs_timers *timers, int64_t now)
{
	struct xs_timer *timer;

	while ((timer = timers->first) && timer->due <= now) {
		xs_timer_cancel(timers, timer);
		timer->expire(timer);
	}
}
