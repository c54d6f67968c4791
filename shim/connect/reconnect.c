/* A second connect; see reconnect.h. */
#include "connect/reconnect.h"

#include "base/descriptor.h"
#include "connect/datagram_option.h"
#include "connect/replace_fd.h"
#include "connect/report.h"
#include "connect/sockopt.h"
#include "connect/undisturbed.h"
#include "connect/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* How long a relay may be silent until it is asked whether it is there. */
enum { SILENCE_MS = 5000 };

static int limit_of(int fd)
{
	struct timeval limit = { .tv_sec = 0 };
	socklen_t len = sizeof(limit);

	getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &len);
	if (limit.tv_sec || limit.tv_usec)
		return (int)(limit.tv_sec * 1000 + limit.tv_usec / 1000);
	return -1;
}

/* Waits, as a second blocking connect does, until the first one has ended.  How
 * long that may take only the relay knows, so it is asked now and then whether
 * it answers at all.  Returns 0, or -1 with errno. */
static int wait_for_end(int fd, const struct xs_pair_info *pair,
			const struct xs_undisturbed *before)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int limit = limit_of(fd), got;

	if (limit >= 0) {
		got = xs_undisturbed_poll(before, &ready, limit);
		if (got == 0)
			errno = EALREADY;
		return got == 1 ? 0 : -1;
	}
	do
		got = xs_undisturbed_poll(before, &ready, SILENCE_MS);
	while (got == 0 && xs_sockopt_answers(fd, pair));
	return got == 1 ? 0 : -1;
}

/* The socket that tried, where the relay has given it back; else a new one. */
static int find_socket(int fd, const struct xs_pair_info *pair)
{
	bool given = pair->kind == XS_PAIR_TCP && pair->state == XS_PAIR_FAILED;
	int made = given ? xs_wait_take_socket(fd) : -1;

	return made >= 0 ? made
			 : socket(pair->asked.any.sa_family,
				  (pair->kind == XS_PAIR_TCP ? SOCK_STREAM
							     : SOCK_DGRAM) |
					  SOCK_CLOEXEC,
				  0);
}

/* Puts a new TCP socket behind a descriptor whose connection has failed or is
 * given up: a TCP socket can be used again then, a pair cannot.  The old TCP
 * socket is not kept for that, because it would keep its port bound after the
 * application's close(2). */
static int put_new_socket(int fd, const struct xs_pair_info *pair)
{
	struct xs_flags flags;
	int made = find_socket(fd, pair);
	int done = -1;

	if (made < 0)
		return -1;
	if (pair->kind != XS_PAIR_TCP)
		xs_datagram_option_to_udp(fd, made);
	if (xs_flags_read(fd, &flags) == 0 &&
	    xs_flags_carry(fd, made, &flags) == 0)
		done = xs_replace_fd(fd, made, &flags);
	close(made);
	return done;
}

/* The success of a connect that was not waited for is reported once by the
 * next connect (inet_stream_connect in net/ipv4/af_inet.c), then EISCONN. */
static int connect_connected(int fd)
{
	if (xs_pair_asker(fd) != XS_PAIR_COLLECTED) {
		xs_pair_set_asker(fd, XS_PAIR_COLLECTED);
		return 0;
	}
	errno = EISCONN;
	return -1;
}

static int connect_failed(int fd, const struct xs_pair_info *pair)
{
	/* SO_ERROR is cleared by reading; then the kernel says this. */
	int reason = xs_socket_int(fd, SOL_SOCKET, SO_ERROR) > 0 ? pair->errnum
								 : ECONNABORTED;

	if (put_new_socket(fd, pair) == 0)
		errno = reason;
	return -1;
}

/* The relay has gone without a word, and cannot have told anybody. */
static int connect_lost(int fd, struct xs_pair_info *pair)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	bool told = xs_socket_int(fd, SOL_SOCKET, SO_ERROR) <= 0;

	xs_error_set(&err, XS_ERR_RELAY, 0, "%s", XS_REPORT_LOST);
	if (!told)
		xs_report_lost(&pair->asked);
	if (put_new_socket(fd, pair) == 0)
		errno = told ? ECONNABORTED : err.errnum;
	return -1;
}

/* A second connect while the first is under way. */
static int connect_again(int fd, struct xs_pair_info *pair,
			 const struct xs_undisturbed *before)
{
	if (fcntl(fd, F_GETFL) & O_NONBLOCK ||
	    wait_for_end(fd, pair, before) < 0)
		return -1;
	return xs_pair_read(fd, pair) ? 0 : -1;
}

static int reconnect(int fd, struct xs_pair_info *pair,
		     const struct xs_undisturbed *before)
{
	errno = EALREADY;
	/* The pair is asked first: it knows of a relay that was killed. */
	if (pair->state == XS_PAIR_CONNECTING && !xs_wait_is_lost(fd) &&
	    connect_again(fd, pair, before) < 0)
		return -1;
	if (pair->state == XS_PAIR_CONNECTED)
		return connect_connected(fd);
	if (pair->state == XS_PAIR_FAILED)
		return connect_failed(fd, pair);
	return connect_lost(fd, pair);
}

int xs_reconnect(int fd, struct xs_pair_info *pair)
{
	struct xs_undisturbed before;
	int result;

	xs_undisturbed_begin(&before);
	result = reconnect(fd, pair, &before);
	xs_undisturbed_end(&before);
	return result;
}

/* A thread that waits for the end of the connect has to learn of this one: it
 * looks at the pair, which has nothing to tell any more. */
static int dissolve_connecting(int fd, const struct xs_pair_info *pair)
{
	int end = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int done = put_new_socket(fd, pair);

	if (end < 0)
		return done;
	if (done == 0)
		shutdown(end, SHUT_RDWR);
	close(end);
	return done;
}

int xs_disconnect(int fd, const struct xs_pair_info *pair)
{
	struct xs_undisturbed before;
	int done;

	xs_undisturbed_begin(&before);
	done = pair->state == XS_PAIR_CONNECTING ? dissolve_connecting(fd, pair)
						 : put_new_socket(fd, pair);
	xs_undisturbed_end(&before);
	return done;
}
