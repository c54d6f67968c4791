/* Signals and cancellation wait; see undisturbed.h. */
#include "connect/undisturbed.h"

#include <errno.h>
#include <pthread.h>

void xs_undisturbed_begin(struct xs_undisturbed *before)
{
	int saved = errno;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before->signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before->cancel);
	errno = saved;
}

void xs_undisturbed_end(const struct xs_undisturbed *before)
{
	int saved = errno;

	pthread_setcancelstate(before->cancel, NULL);
	pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
	errno = saved;
}

int xs_undisturbed_poll(const struct xs_undisturbed *before,
			struct pollfd *ready, int milliseconds)
{
	const struct timespec limit = { .tv_sec = milliseconds / 1000,
					.tv_nsec = milliseconds % 1000 *
						   1000000L };
	int got;

	pthread_setcancelstate(before->cancel, NULL);
	got = ppoll(ready, 1, &limit, &before->signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return got;
}
