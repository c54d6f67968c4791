/* Work that is done once in a process; see once.h. */
#include "connect/once.h"

#include "base/pause.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

/* This thread is at some such work: a signal handler on top of it must not wait
 * for it. */
static __thread bool mine __attribute__((tls_model("initial-exec")));

/* True when the work was untouched, and is the caller's to do now.  Otherwise
 * *was says how far it has come. */
static bool take(struct xs_once *once, int *was)
{
	*was = XS_ONCE_UNTOUCHED;
	return __atomic_compare_exchange_n(&once->state, was, XS_ONCE_UNDER_WAY,
					   false, __ATOMIC_ACQUIRE,
					   __ATOMIC_ACQUIRE);
}

static void end(struct xs_once *once)
{
	/* In this order: a signal handler in between must not wait for us. */
	__atomic_store_n(&once->state, XS_ONCE_DONE, __ATOMIC_RELEASE);
	mine = false;
}

/* --- short work ---------------------------------------------------------- */

/* Until the other thread has done it, if that one is in this process: fork(2)
 * does not copy it. */
static void wait_for_reader(const struct xs_once *once)
{
	while (!xs_once_is_done(once) &&
	       __atomic_load_n(&once->reader, __ATOMIC_RELAXED) == getpid())
		sched_yield();
}

void xs_once_read(struct xs_once *once, void (*work)(void))
{
	int was, saved = errno;
	bool above = mine; /* of such work, in a signal handler */

	if (xs_once_is_done(once))
		return;
	/* Before it is under way, so that who finds it so knows whose it is.
	 * Every thread that comes here has the same number. */
	if (__atomic_load_n(&once->state, __ATOMIC_ACQUIRE) ==
	    XS_ONCE_UNTOUCHED)
		__atomic_store_n(&once->reader, getpid(), __ATOMIC_RELAXED);
	mine = true;
	if (take(once, &was)) {
		work();
		end(once);
	}
	mine = above;
	if (!above)
		wait_for_reader(once);
	errno = saved;
}

/* --- longer work --------------------------------------------------------- */

/* Maps begun_here, if no other thread has, and sets it.  Where memory is short
 * an ordinary variable serves, which fork(2) copies as it is. */
static void mark_memory(struct xs_once *once)
{
	static int no_page = 1;
	int *page, *none = NULL;

	if (!__atomic_load_n(&once->begun_here, __ATOMIC_ACQUIRE)) {
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED)
			page = &no_page;
		else
			madvise(page, sizeof(*page), MADV_WIPEONFORK);
		if (!__atomic_compare_exchange_n(&once->begun_here, &none, page,
						 false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE) &&
		    page != &no_page)
			munmap(page, sizeof(*page));
	}
	__atomic_store_n(once->begun_here, 1, __ATOMIC_RELEASE);
}

/* A child that was forked while another thread was at it has nobody who would
 * go on with it.  True when the caller is the thread that begins anew. */
static bool take_over(struct xs_once *once, void (*forget)(void))
{
	int wiped = 0;

	if (!__atomic_compare_exchange_n(once->begun_here, &wiped, 1, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		return false;
	forget();
	return true;
}

/* Is it this thread that has to parse? */
static bool begin_parse(struct xs_once *once, void (*forget)(void))
{
	int was;

	if (__atomic_load_n(&once->state, __ATOMIC_ACQUIRE) ==
	    XS_ONCE_UNTOUCHED)
		mark_memory(once);
	mine = take(once, &was) ||
	       (was == XS_ONCE_UNDER_WAY && take_over(once, forget));
	return mine;
}

/* Whoever parses may have been killed in a vfork child. */
enum { PARSE_TRIES = 100000 };

bool xs_once_parse(struct xs_once *once, void (*work)(void),
		   void (*forget)(void))
{
	int saved = errno;
	bool done = xs_once_is_done(once);

	for (int tries = 0; !done && !mine && tries < PARSE_TRIES; tries++) {
		if (begin_parse(once, forget)) {
			work();
			end(once);
		} else {
			xs_pause(tries);
		}
		done = xs_once_is_done(once);
	}
	errno = saved;
	return done;
}
