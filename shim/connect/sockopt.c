/* Socket options across the control channel; see sockopt.h. */
#include "connect/sockopt.h"

#include "base/compat.h"
#include "base/descriptor.h"
#include "base/readable.h"
#include "base/wire.h"
#include "connect/datagram_option.h"
#include "connect/report.h"
#include "connect/undisturbed.h"
#include "relay_client/find_relay.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool xs_sockopt_is_local(int option)
{
	switch (option) {
	case SO_ACCEPTCONN:
	case SO_COOKIE:
	case SO_ERROR:
	case SO_OOBINLINE:
	case SO_PEEK_OFF:
	case SO_RCVLOWAT:
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return true;
	default:
		return false;
	}
}

/* A relay answers at once; one that does not is stopped.  A send, which waits
 * for nobody, can do without the answer. */
enum { PATIENCE_S = 5, SEND_PATIENCE_MS = 100 };

static bool is_of_send(const struct xs_wire *question)
{
	return question->head.level == XS_WIRE_IOCTL &&
	       question->head.option == XS_WIRE_LARGEST;
}

static void tell_silent(int control, int fd)
{
	struct xs_pair_info pair;
	struct ucred relay = { .pid = 0 };
	socklen_t len = sizeof(relay);

	getsockopt(control, SOL_SOCKET, SO_PEERCRED, &relay, &len);
	if (xs_pair_read(fd, &pair))
		xs_report_silent(&pair.asked, pair.key, relay.pid, PATIENCE_S);
}

/* One question and its answer.  Returns the size of the answer, 0 when the
 * relay has left, or -1 with errno. */
static ssize_t exchange(int control, int fd, const struct xs_wire *question,
			char *datagram, size_t size)
{
	const bool brief = is_of_send(question);
	const struct timeval patience = {
		.tv_sec = brief ? 0 : PATIENCE_S,
		.tv_usec = brief ? SEND_PATIENCE_MS * 1000 : 0,
	};
	ssize_t got;
	size_t nfds;

	setsockopt(control, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	if (xs_wire_send(control, question, &fd, 1) < 0)
		return -1;
	do
		got = xs_wire_receive(control, datagram, size, NULL, 0, &nfds,
				      0);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN && !brief)
		tell_silent(control, fd);
	return got;
}

static int ask_undisturbed(const char *key, int fd,
			   const struct xs_wire *question,
			   struct xs_wire *answer, char *datagram, size_t size)
{
	int control = xs_find_relay_by_key(key);
	bool silent;
	ssize_t got;

	if (control < 0) {
		if (errno == ECONNREFUSED)
			errno = ENOTCONN;
		return -1;
	}
	got = exchange(control, fd, question, datagram, size);
	silent = got < 0 && errno == EAGAIN;
	close(control);
	if (got <= 0 ||
	    xs_wire_decode(answer, datagram, (size_t)got, NULL) < 0 ||
	    answer->head.type != XS_WIRE_VALUE) {
		errno = silent ? ETIMEDOUT : ENOTCONN;
		return -1;
	}
	if (!answer->head.errnum)
		return 0;
	errno = answer->head.errnum;
	return -1;
}

/* Sends the question with the descriptor and waits for the answer, which
 * points into datagram.  Returns 0, or -1 with errno: ENOTCONN also when nobody
 * has the TCP socket any more; ETIMEDOUT when the relay is stopped. */
static int ask(const char *key, int fd, const struct xs_wire *question,
	       struct xs_wire *answer, char *datagram, size_t size)
{
	struct xs_undisturbed before;
	int result;

	xs_undisturbed_begin(&before);
	result = ask_undisturbed(key, fd, question, answer, datagram, size);
	xs_undisturbed_end(&before);
	return result;
}

static int put(void *value, socklen_t *len, const void *from, size_t size)
{
	socklen_t room = *len;

	if (room > size)
		room = (socklen_t)size;
	if (room && !xs_readable(value, room)) {
		errno = EFAULT;
		return -1;
	}
	memcpy(value, from, room);
	*len = room;
	return 0;
}

static int type_of(const struct xs_pair_info *pair)
{
	return pair->kind == XS_PAIR_TCP ? SOCK_STREAM : SOCK_DGRAM;
}

/* What the pair knows better than the TCP socket. */
static bool known(const struct xs_pair_info *pair, int option, int *value)
{
	switch (option) {
	case SO_DOMAIN:
		*value = pair->asked.any.sa_family;
		return true;
	case SO_PROTOCOL:
		*value = pair->kind == XS_PAIR_TCP ? IPPROTO_TCP : IPPROTO_UDP;
		return true;
	case SO_TYPE:
		*value = type_of(pair);
		return true;
	default:
		return false;
	}
}

/* When a connection has ended, a TCP socket still has options, for a program
 * that sets them a moment too late.  One that never was connected stands for
 * it.  Returns a descriptor, or -1 with errno. */
static int closed_socket(const struct xs_pair_info *pair)
{
	return xs_above_stdio(socket(pair->asked.any.sa_family,
				     type_of(pair) | SOCK_CLOEXEC, 0));
}

static void close_quietly(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

static int get_closed(int end, const struct xs_pair_info *pair, int level,
		      int option, void *value, socklen_t *len)
{
	int fd = closed_socket(pair);
	int result;

	if (fd < 0)
		return -1;
	if (pair->kind != XS_PAIR_TCP)
		xs_datagram_option_to_udp(end, fd);
	result = getsockopt(fd, level, option, value, len);
	close_quietly(fd);
	return result;
}

static int set_closed(const struct xs_pair_info *pair, int level, int option,
		      const void *value, socklen_t len)
{
	int fd = closed_socket(pair);
	int result;

	if (fd < 0)
		return -1;
	result = setsockopt(fd, level, option, value, len);
	close_quietly(fd);
	return result;
}

/* What only AF_UNIX sockets tell of the other side.  TCP's say that they do not
 * know it, so the relay need not be asked.  Before Linux 6.16 a TCP socket
 * keeps the options that ask for it, SO_PASSCRED and its kin: about those the
 * relay is asked. */
static bool is_of_unix(int level, int option)
{
	enum { PEERPIDFD = 77 }; /* newer than some headers */

	if (level != SOL_SOCKET)
		return false;
	return option == SO_PEERCRED || option == SO_PEERGROUPS ||
	       option == SO_PEERSEC || option == PEERPIDFD;
}

/* UDP sockets do not have these, and say so. */
static bool is_of_tcp(const struct xs_pair_info *pair, int level)
{
	return pair->kind != XS_PAIR_TCP && level == IPPROTO_TCP;
}

static bool is_nodelay(const struct xs_pair_info *pair, int level, int option)
{
	return pair->kind == XS_PAIR_TCP && level == IPPROTO_TCP &&
	       option == TCP_NODELAY;
}

/* do_tcp_setsockopt of net/ipv4/tcp.c: the length first, then the pointer. */
static int set_nodelay(int fd, const void *value, socklen_t len)
{
	int on;

	if ((int)len < (int)sizeof(on)) {
		errno = EINVAL;
		return -1;
	}
	if (!xs_readable(value, sizeof(on))) {
		errno = EFAULT;
		return -1;
	}
	memcpy(&on, value, sizeof(on));
	return xs_pair_set_nodelay(fd, on);
}

int xs_sockopt_get(int fd, const struct xs_pair_info *pair, int level,
		   int option, void *value, socklen_t *len)
{
	char datagram[4096];
	struct xs_wire question, answer;
	int number;

	if ((int)*len < 0) {
		errno = EINVAL;
		return -1;
	}
	if (level == SOL_SOCKET && known(pair, option, &number))
		return put(value, len, &number, sizeof(number));
	if (is_nodelay(pair, level, option)) {
		number = xs_pair_nodelay(fd);
		return put(value, len, &number, sizeof(number));
	}
	if (is_of_unix(level, option) || is_of_tcp(pair, level))
		return get_closed(fd, pair, level, option, value, len);
	xs_wire_init(&question, XS_WIRE_GETOPT);
	question.head.level = level;
	question.head.option = option;
	question.head.value_len =
		*len < XS_WIRE_VALUE_MAX ? *len : XS_WIRE_VALUE_MAX;
	if (ask(pair->key, fd, &question, &answer, datagram, sizeof(datagram)) <
	    0)
		return errno == ENOTCONN
			       ? get_closed(fd, pair, level, option, value, len)
			       : -1;
	return put(value, len, answer.value, answer.head.value_len);
}

int xs_sockopt_set(int fd, const struct xs_pair_info *pair, int level,
		   int option, const void *value, socklen_t len)
{
	char datagram[4096];
	struct xs_wire question, answer;

	if (is_of_unix(level, option) || is_of_tcp(pair, level))
		return set_closed(pair, level, option, value, len);
	if (is_nodelay(pair, level, option))
		return set_nodelay(fd, value, len);
	if (len > XS_WIRE_VALUE_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (len && !xs_readable(value, len)) {
		errno = EFAULT;
		return -1;
	}
	xs_wire_init(&question, XS_WIRE_SETOPT);
	question.head.level = level;
	question.head.option = option;
	question.head.value_len = len;
	question.value = value;
	if (ask(pair->key, fd, &question, &answer, datagram, sizeof(datagram)) <
	    0)
		return errno == ENOTCONN
			       ? set_closed(pair, level, option, value, len)
			       : -1;
	if (pair->kind != XS_PAIR_TCP)
		xs_datagram_option_set(fd, level, option, value, len);
	/* What the program writes waits here first.  While the gate is shut,
	 * it is the relay that sets this, when it opens it. */
	if (level == SOL_SOCKET && option == SO_SNDBUF &&
	    pair->state == XS_PAIR_CONNECTED)
		setsockopt(fd, level, option, value, len);
	return 0;
}

bool xs_sockopt_is_closed(int fd, const struct xs_pair_info *pair)
{
	struct pollfd both = { .fd = fd };
	struct tcp_info info = { .tcpi_state = TCP_CLOSE };
	socklen_t len = sizeof(info);
	int saved = errno;
	bool closed;

	/* The relay closes its end last; but the application's own
	 * shutdown(2) looks the same. */
	if (poll(&both, 1, 0) != 1 || !(both.revents & POLLHUP))
		return false;
	closed = xs_sockopt_get(fd, pair, IPPROTO_TCP, TCP_INFO, &info, &len) <
			 0 ||
		 info.tcpi_state == TCP_CLOSE;
	errno = saved;
	return closed;
}

int xs_sockopt_unsent(int fd, const struct xs_pair_info *pair, int request,
		      int *unsent)
{
	char datagram[4096];
	struct xs_wire question, answer;

	*unsent = 0;
	xs_wire_init(&question, XS_WIRE_GETOPT);
	question.head.level = XS_WIRE_IOCTL;
	question.head.option = request;
	question.head.value_len = sizeof(*unsent);
	if (ask(pair->key, fd, &question, &answer, datagram, sizeof(datagram)) <
	    0)
		return errno == ENOTCONN ? 0 : -1;
	if (answer.head.value_len == sizeof(*unsent))
		memcpy(unsent, answer.value, sizeof(*unsent));
	return 0;
}

/* Asks for what wire.h has among the ioctls: len bytes.  *value stays as it is
 * where the relay does not say it; errno in any case. */
static void ask_fact(int fd, const struct xs_pair_info *pair, int fact,
		     void *value, uint32_t len)
{
	char datagram[4096];
	struct xs_wire question, answer;
	int saved = errno;

	xs_wire_init(&question, XS_WIRE_GETOPT);
	question.head.level = XS_WIRE_IOCTL;
	question.head.option = fact;
	question.head.value_len = len;
	if (ask(pair->key, fd, &question, &answer, datagram,
		sizeof(datagram)) == 0 &&
	    answer.head.value_len == len)
		memcpy(value, answer.value, len);
	errno = saved;
}

void xs_sockopt_local(int fd, const struct xs_pair_info *pair,
		      struct xs_address *local)
{
	ask_fact(fd, pair, XS_WIRE_LOCAL, local, sizeof(*local));
}

int xs_sockopt_largest(int fd, const struct xs_pair_info *pair)
{
	int largest = -1;

	ask_fact(fd, pair, XS_WIRE_LARGEST, &largest, sizeof(largest));
	return largest;
}

bool xs_sockopt_answers(int fd, const struct xs_pair_info *pair)
{
	int unsent;

	return xs_sockopt_unsent(fd, pair, SIOCOUTQ, &unsent) == 0 ||
	       errno != ETIMEDOUT;
}
