/* Waiting for the verdict; see wait.h. */
#include "connect/wait.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/pair.h"
#include "connect/replace_fd.h"
#include "connect/report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What the relay gets beyond its time, to tell by itself that it is over. */
enum { GRACE_MS = 1000 };

/* How much later or earlier the coarse clock may be. */
enum { COARSE_MS = 10 };

/* No rule waits longer: a day, as in the relay. */
enum { LONGEST_S = 86400 };

bool xs_wait_is_lost(int fd)
{
	struct pollfd pair = { .fd = fd };
	int filler = 1;

	if (poll(&pair, 1, 0) != 1 || !(pair.revents & POLLHUP))
		return false;
	if (pair.revents & POLLERR)
		return true;
	/* The error may have been read.  The filler goes with its reader. */
	return ioctl(fd, SIOCOUTQ, &filler) == 0 && filler == 0;
}

/* --- the socket that goes back ------------------------------------------- */

int xs_wait_take_socket(int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} part;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &part,
			      .msg_controllen = sizeof(part) };
	int saved = errno, socket = -1;

	if (recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 1 &&
	    msg.msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    part.head.cmsg_type == SCM_RIGHTS)
		memcpy(&socket, CMSG_DATA(&part.head), sizeof(socket));
	errno = saved;
	return xs_above_stdio(socket);
}

/* Nothing may be written to what is connected still; a seccomp filter may
 * forbid to dissolve it.  Then it is closed. */
static int dissolve(int socket)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	if (connect(socket, &nowhere, sizeof(nowhere)) == 0)
		return socket;
	shutdown(socket, SHUT_RDWR);
	close(socket);
	return -1;
}

/* The one that tried, so that its options and its local port are what they
 * were; or, where the relay has given none, or none that
 * can be dissolved, a new one. */
static int socket_to_give(const struct xs_wait *wait)
{
	int made = xs_wait_take_socket(wait->swap->fd);

	if (made >= 0)
		made = dissolve(made);
	if (made < 0)
		made = xs_above_stdio(socket(
			wait->family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
	return made;
}

/* Gives the application a TCP socket back, unconnected. */
static void give_back(const struct xs_wait *wait)
{
	int saved = errno, socket = socket_to_give(wait);

	if (socket >= 0 &&
	    xs_flags_carry(wait->swap->fd, socket, &wait->swap->flags) == 0 &&
	    fcntl(socket, F_SETFL, wait->swap->flags.status & ~O_ASYNC) == 0)
		xs_swap_back(wait->swap, socket);
	if (socket >= 0)
		close(socket);
	errno = saved;
}

/* --- signals -------------------------------------------------------------- */

/* Those that the thread raises by itself say nothing about a wait. */
static bool is_from_within(int signal)
{
	switch (signal) {
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGSEGV:
	case SIGSYS:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

/* A handler has run.  connect(2) goes on behind one with SA_RESTART and ends
 * behind another (signal(7)); poll(2) ends behind each, and does not say which
 * it was.  A program that has one of the other kind must expect EINTR at any
 * time. */
static bool is_interrupted(const sigset_t *blocked)
{
	struct sigaction action;

	for (int signal = 1; signal <= SIGRTMAX; signal++) {
		if (is_from_within(signal) || sigismember(blocked, signal) ||
		    sigaction(signal, NULL, &action) < 0 ||
		    action.sa_handler == SIG_DFL ||
		    action.sa_handler == SIG_IGN)
			continue;
		if (!(action.sa_flags & SA_RESTART))
			return true;
	}
	return false;
}

/* --- the outcome ---------------------------------------------------------- */

static int fail_back(const struct xs_wait *wait, int errnum)
{
	give_back(wait);
	errno = errnum;
	return -1;
}

static int fail_lost(const struct xs_wait *wait, struct xs_error *err)
{
	xs_error_set(err, XS_ERR_RELAY, 0, "%s", XS_REPORT_LOST);
	return fail_back(wait, err->errnum);
}

static int fail_stopped(const struct xs_wait *wait, struct xs_error *err)
{
	xs_error_set(err, XS_ERR_RELAY, ETIMEDOUT,
		     XS_REPORT_SILENT " (the rule's timeout is over)",
		     wait->key, (int)wait->relay, wait->timeout);
	return fail_back(wait, ETIMEDOUT);
}

/* The connect goes on without us; the next connect(2) asks for its end. */
static int leave(const struct xs_wait *wait, int errnum)
{
	xs_pair_set_asker(wait->swap->fd, XS_PAIR_UNCOLLECTED);
	errno = errnum;
	return -1;
}

/* The pair is not behind the number any more.  A connect that was dissolved by
 * another, with AF_UNSPEC, says EPIPE (__inet_stream_connect, sk_disconnects).
 * After close(2) TCP's goes on to its end.  The relay ends ours, and the pair
 * that could tell more than the time is gone. */
static int fail_replaced(const struct xs_wait *wait, int64_t waited)
{
	int family = xs_socket_int(wait->swap->fd, SOL_SOCKET, SO_DOMAIN);

	if (family == wait->family)
		errno = EPIPE;
	else
		errno = (double)waited + COARSE_MS >= wait->timeout * 1000
				? ETIMEDOUT
				: ECONNABORTED;
	return -1;
}

/* Only a seccomp filter refuses what xs_pair_read asks for.  Whatever is behind
 * the number stays. */
static bool is_hidden(int fd)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);

	return getpeername(fd, (struct sockaddr *)&name, &len) < 0 &&
	       errno != EBADF && errno != ENOTSOCK && errno != ENOTCONN;
}

static int fail_hidden(struct xs_error *err)
{
	xs_error_set(err, XS_ERR_RELAY, 0,
		     "what has come of the connect cannot be read: "
		     "getpeername(2): %s (does a seccomp filter forbid it?)",
		     xs_error_name(errno));
	errno = err->errnum;
	return -1;
}

static bool read_own(const struct xs_wait *wait, struct xs_pair_info *pair)
{
	return xs_pair_read(wait->swap->fd, pair) && pair->id == wait->id;
}

/* The pair has woken us.  A TCP socket whose connect is ended by shutdown(2)
 * says ECONNRESET (tcp_disconnect). */
static int judge(const struct xs_wait *wait, int64_t waited,
		 struct xs_error *err)
{
	struct xs_pair_info pair;
	int fd = wait->swap->fd;

	if (!read_own(wait, &pair)) {
		if (is_hidden(fd))
			return fail_hidden(err);
		/* What is not hidden was perhaps refused only once. */
		if (!read_own(wait, &pair))
			return fail_replaced(wait, waited);
	}
	switch (pair.state) {
	case XS_PAIR_CONNECTED:
		xs_pair_set_asker(fd, XS_PAIR_COLLECTED);
		return 0;
	case XS_PAIR_FAILED:
		return fail_back(wait, pair.errnum);
	case XS_PAIR_CONNECTING:
		break;
	}
	return xs_wait_is_lost(fd) ? fail_lost(wait, err)
				   : fail_back(wait, ECONNRESET);
}

/* --- the wait ------------------------------------------------------------- */

static int64_t limit_ms(const struct timeval *limit)
{
	if (!limit->tv_sec && !limit->tv_usec)
		return INT64_MAX;
	return limit->tv_sec * 1000 + (limit->tv_usec + 999) / 1000;
}

static int64_t timeout_ms(double seconds)
{
	return (int64_t)((seconds < LONGEST_S ? seconds : LONGEST_S) * 1000) +
	       GRACE_MS;
}

int xs_wait(const struct xs_wait *wait, struct xs_error *err)
{
	struct pollfd pair = { .fd = wait->swap->fd, .events = POLLOUT };
	int64_t limit = limit_ms(&wait->limit);
	int64_t late = timeout_ms(wait->timeout);
	int64_t until = limit < late ? limit : late;
	int64_t began = xs_clock_coarse_ms(), waited = 0;
	int got;

	for (;;) {
		got = xs_undisturbed_poll(wait->before, &pair,
					  (int)(until - waited));
		waited = xs_clock_coarse_ms() - began;
		if (got > 0)
			return judge(wait, waited, err);
		if (waited >= limit)
			return leave(wait, EINPROGRESS);
		if (waited >= late)
			return fail_stopped(wait, err);
		/* With SO_SNDTIMEO nothing is restarted (sock_intr_errno). */
		if (got < 0 && (limit != INT64_MAX ||
				is_interrupted(&wait->before->signals)))
			return leave(wait, EINTR);
	}
}
