/* A second connect; see again.h. */
#include "again.h"

#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value :
								       -1;
}

/* Waits, as a second blocking connect does, until the first one has ended.
 * Returns 0, or -1 with errno. */
static int wait_for_end(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	struct timeval limit = { .tv_sec = 0 };
	socklen_t len = sizeof(limit);
	int wait = -1;
	int got;

	getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &len);
	if (limit.tv_sec || limit.tv_usec)
		wait = (int)(limit.tv_sec * 1000 + limit.tv_usec / 1000);
	got = poll(&ready, 1, wait);
	if (got == 0)
		errno = EALREADY;
	return got == 1 ? 0 : -1;
}

/* A new TCP socket for a descriptor whose connection has failed or is given
 * up: the kernel lets a TCP socket start afresh then, a pair cannot.  It is new:
 * to keep the old one for that, somebody would have to hold it after close(2),
 * and its bound port with it. */
static int start_afresh(int fd, const struct xs_pair_info *pair)
{
	struct xs_flags flags;
	int fresh = socket(pair->asked.any.sa_family,
			   SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	int done = -1;

	if (fresh < 0)
		return -1;
	if (xs_flags_read(fd, &flags) == 0 &&
	    xs_flags_carry(fd, fresh, &flags) == 0)
		done = xs_replace(fd, fresh, &flags);
	close(fresh);
	return done;
}

/* The success of a connect that was not waited for is reported once by the
 * next connect (inet_stream_connect in net/ipv4/af_inet.c), then EISCONN.  The
 * one bit that this needs is kept in the socket: its priority, which has no
 * other meaning for AF_UNIX. */
static void set_uncollected(int app_end, int uncollected)
{
	setsockopt(app_end, SOL_SOCKET, SO_PRIORITY, &uncollected,
		   sizeof(uncollected));
}

void xs_again_mark(int app_end)
{
	set_uncollected(app_end, 1);
}

static int again_connected(int fd)
{
	if (option_of(fd, SO_PRIORITY) == 1) {
		set_uncollected(fd, 0);
		return 0;
	}
	errno = EISCONN;
	return -1;
}

static int again_failed(int fd, const struct xs_pair_info *pair)
{
	/* SO_ERROR is cleared by reading; then the kernel says this. */
	int reason = option_of(fd, SO_ERROR) > 0 ? pair->errnum : ECONNABORTED;

	if (start_afresh(fd, pair) == 0)
		errno = reason;
	return -1;
}

int xs_again_connect(int fd, struct xs_pair_info *pair)
{
	int status = fcntl(fd, F_GETFL);

	if (pair->state == XS_PAIR_CONNECTING) {
		errno = EALREADY;
		if ((status & O_NONBLOCK) || wait_for_end(fd) < 0 ||
		    !xs_pair_read(fd, pair))
			return -1;
	}
	if (pair->state == XS_PAIR_CONNECTED)
		return again_connected(fd);
	if (pair->state == XS_PAIR_FAILED)
		return again_failed(fd, pair);
	/* The relay has gone without a word. */
	pair->errnum = ECONNABORTED;
	return again_failed(fd, pair);
}

int xs_again_disconnect(int fd, const struct xs_pair_info *pair)
{
	return start_afresh(fd, pair);
}
