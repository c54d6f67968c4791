/* Answers to connect(2): the library's own connect, on a copy of the socket.
 *
 * The address is read once.  Where no rule is about it, it is the supervisor
 * that connects the copy, which is the same socket: a program that writes
 * another address meanwhile gains nothing.  Only sockets that are not for the
 * Internet are left to the kernel, because the other side of an AF_UNIX
 * connection is told who has called.
 */
#include "xsock/notify.h"

#include "base/descriptor.h"
#include "base/error.h"
#include "base/pair.h"
#include "base/pause.h"
#include "connect/connect.h"
#include "connect/report.h"
#include "connect/swap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* Two seconds, until a pair has its name. */
enum { NAME_TRIES = 20000 };

/* Is it a socket about which a rule may be, or one of ours? */
static bool is_ours(int fd, int family)
{
	struct xs_pair_info pair;

	return family == AF_INET || family == AF_INET6 ||
	       (family == AF_UNIX && xs_pair_read(fd, &pair));
}

static void fail(struct xs_notify *n, int errnum)
{
	n->result = -1;
	n->errnum = errnum;
}

/* In the order of __sys_connect (net/socket.c).  Returns 0, or -1 with
 * errno. */
static int read_address(const struct xs_notify *n, struct sockaddr_storage *to)
{
	int len = (int)n->args[2];

	memset(to, 0, sizeof(*to));
	errno = EINVAL;
	if (len < 0 || len > (int)sizeof(*to))
		return -1;
	return len ? xs_notify_read(n, n->args[1], to, (size_t)len) : 0;
}

/* The socket could not be copied. */
static void refuse(struct xs_notify *n, int errnum)
{
	char sentence[256];

	fail(n, errnum == EBADF ? EBADF : EACCES);
	if (errnum == EBADF || !xs_notify_is_valid(n))
		return;
	snprintf(sentence, sizeof(sentence),
		 "a connect is refused, because the supervisor may not take "
		 "the socket: pidfd_getfd(2): %s (has the program said "
		 "PR_SET_DUMPABLE 0, or more rights?)",
		 xs_error_name(errnum));
	xs_report_process(XS_LOG_ERROR, sentence);
}

/* Has another thread just put a pair there that has no name yet?  One of the
 * program's own answers EINVAL in any case, and does so a little later here. */
static bool may_be_nameless(const struct xs_notify *n, int family,
			    const struct sockaddr_storage *to)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);

	return (to->ss_family == AF_INET || to->ss_family == AF_INET6) &&
	       family == AF_UNIX &&
	       getpeername(n->fd, (struct sockaddr *)&name, &len) == 0 &&
	       len == sizeof(sa_family_t);
}

static void wait_for_name(const struct xs_notify *n, int family,
			  const struct sockaddr_storage *to)
{
	struct xs_pair_info pair;

	for (int tries = 0;
	     tries < NAME_TRIES && may_be_nameless(n, family, to) &&
	     !xs_pair_read(n->fd, &pair);
	     tries++)
		xs_pause(tries);
}

static void try_connect(struct xs_notify *n)
{
	struct sockaddr_storage to;
	int family;

	if (xs_notify_copy(n) < 0) {
		refuse(n, errno);
		return;
	}
	family = xs_socket_int(n->fd, SOL_SOCKET, SO_DOMAIN);
	if (family < 0) {
		fail(n, errno);
		return;
	}
	if (read_address(n, &to) < 0) {
		fail(n, errno);
		return;
	}
	wait_for_name(n, family, &to);
	if (!is_ours(n->fd, family)) {
		n->pass = true;
		return;
	}
	if (!xs_notify_is_valid(n)) {
		fail(n, EINTR);
		return;
	}
	n->result = xs_connect(n->fd, (const struct sockaddr *)&to,
			       (socklen_t)n->args[2]);
	n->errnum = n->result < 0 ? errno : 0;
}

/* Whoever comes second has a copy of the socket that was there, and takes one
 * of what the first has put there. */
static void connect_it(struct xs_notify *n)
{
	enum { TRIES = 3 };

	for (int i = 0; i < TRIES; i++) {
		try_connect(n);
		if (n->pass || n->errnum != XS_SWAP_LOST)
			return;
		xs_notify_close(n);
	}
	fail(n, EALREADY);
}

void xs_notify_connect(struct xs_notify *n)
{
	xs_notify_again_begin(n);
	connect_it(n);
	xs_notify_again_answer(n);
}
