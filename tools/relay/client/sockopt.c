/* Socket options of the real TCP socket; see sockopt.h.
 *
 * Only what is in the table is passed on.  An option that is not could hold
 * up or break the relay (SO_RCVLOWAT, TCP_REPAIR, TCP_ULP), run a program
 * (SO_ATTACH_BPF) or point into memory (TCP_ZEROCOPY_RECEIVE); what the kernel
 * adds later is refused until somebody has looked at it.
 *
 * TCP_NODELAY is the pair's (pair.h); here it is the relay's own, and stays on.
 *
 * The relay may be root's while the asking process, which inherited the
 * descriptor, is not any more: what only root may do is marked.
 */
#include "relay/client/sockopt.h"

#include "base/pair.h"
#include "relay/client/registry.h"

#include <errno.h>
#include <linux/in6.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GET = 1, SET = 2, BOTH = GET | SET, ROOT = 4 };

struct row {
	int level;
	int option;
	int allowed;
};

/* Numbers that the headers of an older kernel or libc may lack. */
enum {
	XS_SO_ORIGINAL_DST = 80, /* linux/netfilter_ipv4.h */
	XS_IPV6_FLOWINFO_SEND = 33,
	XS_IP_LOCAL_PORT_RANGE = 51,
	XS_SO_TXREHASH = 74,
	XS_SO_PASSPIDFD = 76,
};

static const struct row table[] = {
	{ SOL_SOCKET, SO_DEBUG, BOTH | ROOT },
	{ SOL_SOCKET, SO_REUSEADDR, BOTH },
	{ SOL_SOCKET, SO_REUSEPORT, BOTH },
	{ SOL_SOCKET, SO_TYPE, GET },
	{ SOL_SOCKET, SO_DOMAIN, GET },
	{ SOL_SOCKET, SO_PROTOCOL, GET },
	{ SOL_SOCKET, SO_ACCEPTCONN, GET },
	{ SOL_SOCKET, SO_DONTROUTE, BOTH },
	{ SOL_SOCKET, SO_BROADCAST, BOTH },
	{ SOL_SOCKET, SO_SNDBUF, BOTH },
	{ SOL_SOCKET, SO_RCVBUF, BOTH },
	{ SOL_SOCKET, SO_SNDBUFFORCE, SET | ROOT },
	{ SOL_SOCKET, SO_RCVBUFFORCE, SET | ROOT },
	{ SOL_SOCKET, SO_SNDLOWAT, GET },
	{ SOL_SOCKET, SO_RCVLOWAT, GET },
	{ SOL_SOCKET, SO_KEEPALIVE, BOTH },
	{ SOL_SOCKET, SO_LINGER, BOTH },
	{ SOL_SOCKET, SO_PRIORITY, BOTH | ROOT },
	{ SOL_SOCKET, SO_NO_CHECK, BOTH },
	{ SOL_SOCKET, SO_MARK, BOTH | ROOT },
	{ SOL_SOCKET, SO_BINDTODEVICE, BOTH | ROOT },
	{ SOL_SOCKET, SO_BUSY_POLL, BOTH | ROOT },
	{ SOL_SOCKET, SO_MAX_PACING_RATE, BOTH },
	{ SOL_SOCKET, SO_INCOMING_CPU, BOTH },
	{ SOL_SOCKET, SO_INCOMING_NAPI_ID, GET },
	{ SOL_SOCKET, SO_COOKIE, GET },
	{ SOL_SOCKET, SO_MEMINFO, GET },
	{ SOL_SOCKET, SO_TIMESTAMP, BOTH },
	{ SOL_SOCKET, SO_TIMESTAMPNS, BOTH },
	{ SOL_SOCKET, SO_TIMESTAMPING, BOTH },
	{ SOL_SOCKET, XS_SO_TXREHASH, BOTH },
	{ SOL_SOCKET, SO_PASSCRED, BOTH },
	{ SOL_SOCKET, SO_PASSSEC, BOTH },
	{ SOL_SOCKET, XS_SO_PASSPIDFD, BOTH },
	{ IPPROTO_TCP, TCP_MAXSEG, BOTH },
	{ IPPROTO_TCP, TCP_CORK, BOTH },
	{ IPPROTO_TCP, TCP_KEEPIDLE, BOTH },
	{ IPPROTO_TCP, TCP_KEEPINTVL, BOTH },
	{ IPPROTO_TCP, TCP_KEEPCNT, BOTH },
	{ IPPROTO_TCP, TCP_SYNCNT, BOTH },
	{ IPPROTO_TCP, TCP_LINGER2, BOTH },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, BOTH },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, BOTH },
	{ IPPROTO_TCP, TCP_INFO, GET },
	{ IPPROTO_TCP, TCP_QUICKACK, BOTH },
	{ IPPROTO_TCP, TCP_CONGESTION, BOTH },
	{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, BOTH },
	{ IPPROTO_TCP, TCP_THIN_DUPACK, BOTH },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, BOTH },
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT, GET },
	{ IPPROTO_TCP, TCP_TIMESTAMP, GET },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, BOTH },
	{ IPPROTO_TCP, TCP_CC_INFO, GET },
	{ IPPROTO_TCP, TCP_SAVE_SYN, BOTH },
	{ IPPROTO_TCP, TCP_SAVED_SYN, GET },
	{ IPPROTO_TCP, TCP_INQ, BOTH },
	{ IPPROTO_IP, IP_TOS, BOTH },
	{ IPPROTO_IP, IP_TTL, BOTH },
	{ IPPROTO_IP, IP_MTU, GET },
	{ IPPROTO_IP, IP_MTU_DISCOVER, BOTH },
	{ IPPROTO_IP, IP_RECVERR, BOTH },
	{ IPPROTO_IP, IP_RECVTOS, BOTH },
	{ IPPROTO_IP, IP_RECVTTL, BOTH },
	{ IPPROTO_IP, IP_PKTINFO, BOTH },
	{ IPPROTO_IP, IP_MINTTL, BOTH },
	{ IPPROTO_IP, IP_FREEBIND, BOTH },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, BOTH },
	{ IPPROTO_IP, IP_TRANSPARENT, BOTH | ROOT },
	{ IPPROTO_IP, XS_IP_LOCAL_PORT_RANGE, BOTH },
	{ IPPROTO_IP, XS_SO_ORIGINAL_DST, GET },
	{ IPPROTO_IPV6, IPV6_V6ONLY, GET },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, BOTH },
	{ IPPROTO_IPV6, IPV6_MTU, BOTH },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, BOTH },
	{ IPPROTO_IPV6, IPV6_RECVERR, BOTH },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, BOTH },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, BOTH },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, BOTH },
	{ IPPROTO_IPV6, IPV6_TCLASS, BOTH },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, BOTH },
	{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, BOTH },
	{ IPPROTO_IPV6, XS_IPV6_FLOWINFO_SEND, BOTH },
	{ IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, BOTH },
	{ IPPROTO_IPV6, IPV6_MINHOPCOUNT, BOTH },
	{ IPPROTO_IPV6, IPV6_FREEBIND, BOTH },
	{ IPPROTO_IPV6, IPV6_TRANSPARENT, BOTH | ROOT },
};

/* A level that TCP sockets do not have. */
static bool is_foreign(int level)
{
	return level != SOL_SOCKET && level != IPPROTO_TCP &&
	       level != IPPROTO_IP && level != IPPROTO_IPV6;
}

/* 0, or the errno that refuses: what the kernel says of an option that is not
 * there at all.  To ask about a foreign level its errno differs by family and
 * version, so it is asked; it has nothing to give. */
static int refuse(const struct xs_wire_head *head, bool privileged)
{
	int wanted = head->type == XS_WIRE_SETOPT ? SET : GET;

	if (wanted == GET && is_foreign(head->level))
		return 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct row *row = &table[i];

		if (row->level != head->level || row->option != head->option)
			continue;
		if (!(row->allowed & wanted))
			return ENOPROTOOPT;
		if (wanted == SET && (row->allowed & ROOT) && !privileged &&
		    geteuid() == 0)
			return EPERM;
		return 0;
	}
	return ENOPROTOOPT;
}

struct service {
	const struct xs_wire *question;
	struct xs_wire *answer;
	char *value;
	bool privileged;
};

static int serve_kernel(int fd, struct service *service)
{
	const struct xs_wire_head *head = &service->question->head;
	socklen_t len = head->value_len;

	if (head->type == XS_WIRE_SETOPT)
		return setsockopt(fd, head->level, head->option,
				  service->question->value, len) < 0
			       ? errno
			       : 0;
	if (getsockopt(fd, head->level, head->option, service->value, &len) < 0)
		return errno;
	service->answer->head.value_len = len;
	return 0;
}

/* What the application wrote and the server has not acknowledged, or was not
 * sent yet: in the TCP socket, and in the pair. */
static int serve_ioctl(const struct xs_registered *registered,
		       struct service *service)
{
	int option = service->question->head.option, sum = 0, waiting = 0;

	if (option != SIOCOUTQ && option != SIOCOUTQNSD)
		return EINVAL;
	if (service->question->head.value_len < sizeof(sum) ||
	    ioctl(registered->tcp_fd, (unsigned long)option, &sum) < 0)
		return EINVAL;
	if (ioctl(registered->pair_fd, FIONREAD, &waiting) == 0)
		sum += waiting - *registered->mark;
	memcpy(service->value, &sum, sizeof(sum));
	service->answer->head.value_len = sizeof(sum);
	return 0;
}

static int serve_local(const struct xs_registered *registered,
		       struct service *service)
{
	struct xs_address local = { .len = sizeof(local.v6) };

	if (service->question->head.value_len < sizeof(local) ||
	    getsockname(registered->tcp_fd, &local.any, &local.len) < 0)
		return EINVAL;
	memcpy(service->value, &local, sizeof(local));
	service->answer->head.value_len = sizeof(local);
	return 0;
}

static int serve_largest(const struct xs_registered *registered,
			 struct service *service)
{
	int largest =
		registered->largest ? (int)atomic_load(registered->largest) : 0;

	if (service->question->head.value_len < sizeof(largest))
		return EINVAL;
	memcpy(service->value, &largest, sizeof(largest));
	service->answer->head.value_len = sizeof(largest);
	return 0;
}

/* What is no option of the socket. */
static int serve_other(const struct xs_registered *registered,
		       struct service *service)
{
	switch (service->question->head.option) {
	case XS_WIRE_LOCAL:
		return serve_local(registered, service);
	case XS_WIRE_LARGEST:
		return serve_largest(registered, service);
	default:
		return serve_ioctl(registered, service);
	}
}

static void serve(struct xs_registered *registered, void *with)
{
	struct service *service = with;
	const struct xs_wire_head *head = &service->question->head;
	int error;

	if (head->type == XS_WIRE_GETOPT && head->level == XS_WIRE_IOCTL) {
		service->answer->head.errnum = serve_other(registered, service);
		return;
	}
	error = refuse(head, service->privileged);
	if (!error)
		error = serve_kernel(registered->tcp_fd, service);
	service->answer->head.errnum = error;
}

bool xs_sockopt_serve(const struct xs_wire *question, int app_fd,
		      bool privileged, struct xs_wire *answer,
		      char value[XS_WIRE_VALUE_MAX])
{
	struct service service = { question, answer, value, privileged };
	struct xs_pair_info info;
	struct stat socket;

	xs_wire_init(answer, XS_WIRE_VALUE);
	answer->head.id = question->head.id;
	answer->value = value;
	if (!xs_pair_read(app_fd, &info) || fstat(app_fd, &socket) < 0) {
		answer->head.errnum = ENOTSOCK;
		return true;
	}
	if (xs_registry_use(info.id, socket.st_dev, socket.st_ino, serve,
			    &service))
		return true;
	/* The connection has ended; its TCP socket is closed.  A UDP socket is
	 * connected before it is known here. */
	answer->head.errnum = ENOTCONN;
	return info.kind == XS_PAIR_TCP ? info.state != XS_PAIR_CONNECTING
					: info.state != XS_PAIR_CONNECTED;
}
