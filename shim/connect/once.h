/* Work that is done once in a process, by the first thread that needs it.
 *
 * The others wait until it is done.  What makes that more than
 * pthread_once(3): a signal handler may need it on top of the very thread that
 * is at it; fork(2) copies the memory and not the thread that is at it; and a
 * vfork(2) child, which shares the memory, may be killed while it is at it.
 * The environment is read this way, and the rules are parsed.
 *
 * Any thread, any signal context.  errno is kept.
 */
#ifndef XS_ONCE_H
#define XS_ONCE_H

#include <stdbool.h>
#include <sys/types.h>

enum xs_once_state {
	XS_ONCE_UNTOUCHED,
	XS_ONCE_UNDER_WAY,
	XS_ONCE_DONE,
};

/* One such work, at first all zero. */
struct xs_once {
	int state; /* enum xs_once_state, atomic */
	/* xs_once_read: the process that is at it. */
	pid_t reader;
	/* xs_once_parse: not zero where the work was begun in this memory.
	 * fork(2) makes it zero in the copy (MADV_WIPEONFORK), vfork(2) does
	 * not.  NULL: not mapped yet. */
	int *begun_here;
};

static inline bool xs_once_is_done(const struct xs_once *once)
{
	return __atomic_load_n(&once->state, __ATOMIC_ACQUIRE) == XS_ONCE_DONE;
}

/* For short work, of which a process that was forked in the middle can do
 * without the rest: runs work() unless another thread has, and waits for that
 * one.  Returns while it is not done where this very thread is at it, or where
 * the thread that was at it has not been copied by fork(2). */
void xs_once_read(struct xs_once *once, void (*work)(void));

/* For longer work, which must be complete: runs work() unless another thread
 * has, and waits for that one.  In a child that was forked while another
 * thread was at it, calls forget(), which leaves what there is of the work, and
 * begins anew.  False when it is not done: this very thread is at it, or
 * nobody ends it for seconds. */
bool xs_once_parse(struct xs_once *once, void (*work)(void),
		   void (*forget)(void));

#endif
