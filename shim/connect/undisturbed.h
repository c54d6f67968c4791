/* A stretch of code that no signal and no cancellation may leave half done.
 *
 * A signal handler may jump out of connect(2) (siglongjmp, as wget's time limit
 * does), and pthread_cancel(3) may unwind it.  Descriptors that the library has
 * open for a moment would stay open then, and its lock locked.  So both wait
 * until the stretch is over.  It must not wait for the network.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_UNDISTURBED_H
#define XS_UNDISTURBED_H

#include <poll.h>
#include <signal.h>

/* What was before. */
struct xs_undisturbed {
	sigset_t signals;
	int cancel;
};

/* Begins the stretch, and ends it; errno is kept.  They nest. */
void xs_undisturbed_begin(struct xs_undisturbed *before);
void xs_undisturbed_end(const struct xs_undisturbed *before);

/* In the stretch: poll(2) for milliseconds, with the signals and the
 * cancellation of before.  What waited for the stretch to end comes here, and
 * is EINTR.  The caller holds nothing that must not be left behind. */
int xs_undisturbed_poll(const struct xs_undisturbed *before,
			struct pollfd *ready, int milliseconds);

#endif
