/* Deadlines of one worker.
 *
 * A timer lives inside the thing that waits, so setting one never needs
 * memory and cannot fail.  All of it belongs to one thread.
 */
#ifndef XS_TIMER_H
#define XS_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct xs_timer {
	struct xs_timer *parent; /* the timer above, or the sibling before */
	struct xs_timer *child;
	struct xs_timer *next;
	int64_t due; /* milliseconds of xs_now_ms */
	bool set;
	void (*expire)(struct xs_timer *timer);
};

struct xs_timers {
	struct xs_timer *first; /* the next to expire; NULL: none is set */
};

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t xs_now_ms(void);

/* Sets timer, or sets it anew, to expire at due; expire is called once, with
 * the timer no longer set, and may set or free it. */
void xs_timer_set(struct xs_timers *timers, struct xs_timer *timer,
		  int64_t due);

/* Takes timer out; one that is not set stays so. */
void xs_timer_cancel(struct xs_timers *timers, struct xs_timer *timer);

/* Milliseconds from now to the next expiry, at least 0; -1 when none is set:
 * what epoll_wait(2) wants. */
int xs_timers_wait(const struct xs_timers *timers, int64_t now);

/* Expires what is due at now. */
void xs_timers_run(struct xs_timers *timers, int64_t now);

#endif
