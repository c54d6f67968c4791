/* A socket like the application's; see clone_socket.h.
 *
 * An option that another program has set on a socket before exec(2), and that
 * this one never sets, is left out, unless it says where the connection goes.
 * What cannot be read from a socket cannot be given to another: keys of
 * TCP_MD5SIG, the label that setsockcreatecon(3) gave.
 */
#include "connect/clone_socket.h"

#include "base/address.h"
#include "base/descriptor.h"
#include "base/peer_filter.h"
#include "connect/behalf.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Newer than some headers. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

enum {
	MUST = 1, /* without it the connection would go elsewhere, or not */
	HALF = 2, /* the kernel doubles what it is told (socket(7)) */
	IPV6 = 4, /* only IPv6 sockets have it */
	VALUE_MAX = 64,
	OPTION_NAME = 28, /* "TCP_THIN_LINEAR_TIMEOUTS" */
};

/* SO_RCVLOWAT, SO_OOBINLINE and the time-outs are for the pair, which has
 * them. */
#define OPTION(level, option, how)                                             \
	{                                                                      \
		level, option, how, #option                                    \
	}
static const struct {
	int level, option, how;
	char name[OPTION_NAME];
} options[] = {
	OPTION(SOL_SOCKET, SO_REUSEADDR, 0),
	OPTION(SOL_SOCKET, SO_REUSEPORT, 0),
	OPTION(SOL_SOCKET, SO_KEEPALIVE, 0),
	OPTION(SOL_SOCKET, SO_BROADCAST, 0),
	OPTION(SOL_SOCKET, SO_LINGER, 0),
	OPTION(SOL_SOCKET, SO_PRIORITY, 0),
	OPTION(SOL_SOCKET, SO_RCVBUF, HALF),
	OPTION(SOL_SOCKET, SO_SNDBUF, HALF),
	OPTION(SOL_SOCKET, SO_DONTROUTE, MUST),
	OPTION(SOL_SOCKET, SO_MARK, MUST),
	OPTION(SOL_SOCKET, SO_BINDTODEVICE, MUST),
	OPTION(SOL_SOCKET, SO_BUSY_POLL, 0),
	OPTION(SOL_SOCKET, SO_MAX_PACING_RATE, 0),
	OPTION(SOL_SOCKET, SO_PASSCRED, 0),
	OPTION(SOL_SOCKET, SO_PASSSEC, 0),
	OPTION(SOL_SOCKET, SO_TIMESTAMP, 0),
	OPTION(SOL_SOCKET, SO_TIMESTAMPNS, 0),
	OPTION(SOL_SOCKET, SO_TIMESTAMPING, 0),
#ifdef SO_PASSPIDFD /* Linux 6.5 */
	OPTION(SOL_SOCKET, SO_PASSPIDFD, 0),
#endif
	OPTION(IPPROTO_IP, IP_TOS, 0),
	OPTION(IPPROTO_IP, IP_TTL, 0),
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER, 0),
	OPTION(IPPROTO_IP, IP_RECVERR, 0),
	OPTION(IPPROTO_IP, IP_PKTINFO, 0),
	OPTION(IPPROTO_IP, IP_RECVTTL, 0),
	OPTION(IPPROTO_IP, IP_RECVTOS, 0),
	OPTION(IPPROTO_IP, IP_FREEBIND, MUST),
	OPTION(IPPROTO_IP, IP_TRANSPARENT, MUST),
	OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0),
	OPTION(IPPROTO_IP, IP_LOCAL_PORT_RANGE, MUST),
	OPTION(IPPROTO_IP, IP_MINTTL, 0),
	OPTION(IPPROTO_IP, IP_UNICAST_IF, MUST),
	OPTION(IPPROTO_IP, IP_OPTIONS, MUST),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_TCLASS, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_RECVERR, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_RECVTCLASS, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_DONTFRAG, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, IPV6),
	OPTION(IPPROTO_IPV6, IPV6_FREEBIND, IPV6 | MUST),
	OPTION(IPPROTO_IPV6, IPV6_TRANSPARENT, IPV6 | MUST),
	OPTION(IPPROTO_TCP, TCP_NODELAY, 0),
	OPTION(IPPROTO_TCP, TCP_CORK, 0),
	OPTION(IPPROTO_TCP, TCP_MAXSEG, 0),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE, 0),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL, 0),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT, 0),
	OPTION(IPPROTO_TCP, TCP_SYNCNT, 0),
	OPTION(IPPROTO_TCP, TCP_LINGER2, 0),
	OPTION(IPPROTO_TCP, TCP_WINDOW_CLAMP, 0),
	OPTION(IPPROTO_TCP, TCP_CONGESTION, 0),
	OPTION(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, 0),
	OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0),
	OPTION(IPPROTO_TCP, TCP_QUICKACK, 0),
};

struct value {
	char bytes[VALUE_MAX];
	socklen_t len; /* 0: the kernel does not know the option */
};

static void read_option(int fd, size_t at, struct value *value)
{
	memset(value, 0, sizeof(*value));
	value->len = sizeof(value->bytes);
	if (getsockopt(fd, options[at].level, options[at].option, value->bytes,
		       &value->len) < 0)
		value->len = 0;
}

static bool same(const struct value *a, const struct value *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void halve(struct value *value)
{
	int number;

	memcpy(&number, value->bytes, sizeof(number));
	number /= 2;
	memcpy(value->bytes, &number, sizeof(number));
}

enum { OPTIONS = sizeof(options) / sizeof(*options) };

/* The kinds of sockets. */
enum { IS_IPV6 = 1, IS_UDP = 2, KINDS = 4 };

/* What a new socket of each kind has; read once, from the first.  All threads
 * read the same. */
static struct value defaults[KINDS][OPTIONS];
static bool known[KINDS];

static const struct value *defaults_of(int made, int kind)
{
	if (!__atomic_load_n(&known[kind], __ATOMIC_ACQUIRE)) {
		for (size_t i = 0; i < OPTIONS; i++)
			read_option(made, i, &defaults[kind][i]);
		__atomic_store_n(&known[kind], true, __ATOMIC_RELEASE);
	}
	return defaults[kind];
}

/* Each getsockopt(2) costs a connect a quarter of a microsecond. */
static bool ever_set[OPTIONS];

void xs_clone_socket_note(int level, int option)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].level == level && options[i].option == option)
			__atomic_store_n(&ever_set[i], true, __ATOMIC_RELAXED);
}

static bool may_be_set(size_t at)
{
	/* What another process sets nobody tells. */
	return (options[at].how & MUST) || xs_behalf ||
	       __atomic_load_n(&ever_set[at], __ATOMIC_RELAXED);
}

/* False when the socket must have the option and does not take it. */
static bool copy_option(int made, size_t at, const struct value *want)
{
	struct value have = *want;

	if (options[at].how & HALF)
		halve(&have);
	setsockopt(made, options[at].level, options[at].option, have.bytes,
		   have.len);
	if (!(options[at].how & MUST))
		return true;
	read_option(made, at, &have);
	return same(want, &have);
}

/* Returns the name of the option that the new socket does not take; NULL: it
 * takes all. */
static const char *copy_options(int own, int made, int kind)
{
	const struct value *usual = defaults_of(made, kind);

	for (size_t i = 0; i < OPTIONS; i++) {
		struct value want;

		if (((options[i].how & IPV6) && !(kind & IS_IPV6)) ||
		    ((kind & IS_UDP) && options[i].level == IPPROTO_TCP) ||
		    !may_be_set(i))
			continue;
		read_option(own, i, &want);
		if (!same(&want, &usual[i]) && !copy_option(made, i, &want))
			return options[i].name;
	}
	return NULL;
}

/* A socket stays in the network namespace in which it was made. */
static bool in_same_network(int a, int b)
{
	uint64_t cookie[2] = { 0, 0 };
	socklen_t len = sizeof(*cookie);

	getsockopt(a, SOL_SOCKET, SO_NETNS_COOKIE, &cookie[0], &len);
	len = sizeof(*cookie);
	getsockopt(b, SOL_SOCKET, SO_NETNS_COOKIE, &cookie[1], &len);
	return cookie[0] == cookie[1];
}

/* A state of TCP (netinet/tcp.h), or -1 with errno. */
static int state_of(int fd)
{
	uint8_t state = 0;
	socklen_t len = sizeof(state);

	_Static_assert(offsetof(struct tcp_info, tcpi_state) == 0,
		       "the first byte is the state");
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &len) == 0 ? state
									: -1;
}

/* What connect(2) says of a socket in that state (__inet_stream_connect in
 * net/ipv4/af_inet.c). */
static int error_of(int state)
{
	return state == TCP_SYN_SENT || state == TCP_SYN_RECV ? EALREADY
							      : EISCONN;
}

static bool is_bound(const struct xs_address *local)
{
	if (xs_address_port(local))
		return true;
	return local->any.sa_family == AF_INET
		       ? local->v4.sin_addr.s_addr != INADDR_ANY
		       : !IN6_IS_ADDR_UNSPECIFIED(&local->v6.sin6_addr);
}

static int reuse(int fd, int on)
{
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/* After a connect that failed, getsockname(2) still tells the port that the
 * kernel had chosen, and somebody else may have it by now.  Only a socket that
 * has its port gets EINVAL here (__inet_bind in net/ipv4/af_inet.c); another
 * one gets the answer that the clone got. */
static bool has_port(int own, const struct xs_address *local)
{
	return bind(own, &local->any, local->len) < 0 && errno == EINVAL;
}

/* Where own has left its port to others, the kernel chooses one in connect(2),
 * and only the address counts. */
static bool bind_other_port(int made, struct xs_address *local)
{
	xs_address_set_port(local, 0);
	return !is_bound(local) || bind(made, &local->any, local->len) == 0;
}

/* Binds made to what own is bound to, if it is.  The kernel lets two sockets
 * have one port when both say SO_REUSEADDR and none listens
 * (inet_csk_bind_conflict in net/ipv4/inet_connection_sock.c). */
static bool copy_bind(int own, int made)
{
	struct xs_address local = { .len = sizeof(local.v6) };
	int before, error;

	if (getsockname(own, &local.any, &local.len) < 0)
		return false;
	if (!is_bound(&local))
		return true;
	before = xs_socket_int(own, SOL_SOCKET, SO_REUSEADDR);
	if (!before)
		reuse(own, 1);
	reuse(made, 1);
	error = bind(made, &local.any, local.len) == 0 ? 0 : errno;
	reuse(made, before);
	if (!before)
		reuse(own, 0);
	return !error || (error == EADDRINUSE && !has_port(own, &local) &&
			  bind_other_port(made, &local));
}

/* Can this process read everything that a socket like own must have?  False
 * with the reason. */
static bool is_known(int own, int family, int protocol, int state,
		     char why[XS_CLONE_WHY_MAX])
{
	if (family < 0 || protocol < 0)
		snprintf(why, XS_CLONE_WHY_MAX,
			 "the kernel does not tell its kind (SO_DOMAIN, "
			 "SO_PROTOCOL)");
	else if (state < 0)
		snprintf(why, XS_CLONE_WHY_MAX,
			 "the kernel does not tell its state (TCP_INFO)");
	else if (xs_peer_filter_is_other(own))
		snprintf(why, XS_CLONE_WHY_MAX,
			 "it has a filter (SO_ATTACH_FILTER)");
	else
		return true;
	return false;
}

/* The same of giving it to made. */
static bool give(int own, int made, int kind, char why[XS_CLONE_WHY_MAX])
{
	const char *refused;

	if (!in_same_network(own, made)) {
		snprintf(why, XS_CLONE_WHY_MAX,
			 "it is of another network namespace");
		return false;
	}
	refused = copy_options(own, made, kind);
	if (refused) {
		snprintf(why, XS_CLONE_WHY_MAX,
			 "this process may not set %s, which it has", refused);
		return false;
	}
	if (copy_bind(own, made))
		return true;
	snprintf(why, XS_CLONE_WHY_MAX,
		 "this process may not bind another one to its port or "
		 "address");
	return false;
}

int xs_clone_socket(int own, char why[XS_CLONE_WHY_MAX])
{
	int family = xs_socket_int(own, SOL_SOCKET, SO_DOMAIN);
	int protocol = xs_socket_int(own, SOL_SOCKET, SO_PROTOCOL);
	bool udp = xs_socket_int(own, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM;
	/* A connected UDP socket may be connected again. */
	int state = udp ? TCP_CLOSE : state_of(own), made;
	int kind = (family == AF_INET6 ? IS_IPV6 : 0) | (udp ? IS_UDP : 0);

	if (state >= 0 && state != TCP_CLOSE) {
		errno = error_of(state);
		return -1;
	}
	if (!is_known(own, family, protocol, state, why)) {
		errno = 0;
		return -1;
	}
	made = xs_above_stdio(socket(family,
				     (udp ? SOCK_DGRAM : SOCK_STREAM) |
					     SOCK_CLOEXEC | SOCK_NONBLOCK,
				     protocol));
	if (made < 0)
		return -1;
	if (give(own, made, kind, why))
		return made;
	close(made);
	errno = 0;
	return -1;
}
