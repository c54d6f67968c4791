/* A socket like the application's; see fresh.h.
 *
 * An option that another program has set on a socket before exec(2), and that
 * this one never sets, is left out, unless it says where the connection goes.
 * What cannot be read from a socket cannot be given to another: keys of
 * TCP_MD5SIG, the label that setsockcreatecon(3) gave.
 */
#include "fresh.h"

#include "address.h"
#include "replace.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
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
};

/* SO_RCVLOWAT, SO_OOBINLINE and the time-outs are for the pair, which has
 * them. */
static const struct {
	int level, option, how;
} options[] = {
	{ SOL_SOCKET, SO_REUSEADDR, 0 },
	{ SOL_SOCKET, SO_REUSEPORT, 0 },
	{ SOL_SOCKET, SO_KEEPALIVE, 0 },
	{ SOL_SOCKET, SO_BROADCAST, 0 },
	{ SOL_SOCKET, SO_LINGER, 0 },
	{ SOL_SOCKET, SO_PRIORITY, 0 },
	{ SOL_SOCKET, SO_RCVBUF, HALF },
	{ SOL_SOCKET, SO_SNDBUF, HALF },
	{ SOL_SOCKET, SO_DONTROUTE, MUST },
	{ SOL_SOCKET, SO_MARK, MUST },
	{ SOL_SOCKET, SO_BINDTODEVICE, MUST },
	{ SOL_SOCKET, SO_BUSY_POLL, 0 },
	{ SOL_SOCKET, SO_MAX_PACING_RATE, 0 },
	{ IPPROTO_IP, IP_TOS, 0 },
	{ IPPROTO_IP, IP_TTL, 0 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, 0 },
	{ IPPROTO_IP, IP_RECVERR, 0 },
	{ IPPROTO_IP, IP_FREEBIND, MUST },
	{ IPPROTO_IP, IP_TRANSPARENT, MUST },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0 },
	{ IPPROTO_IP, IP_LOCAL_PORT_RANGE, MUST },
	{ IPPROTO_IP, IP_MINTTL, 0 },
	{ IPPROTO_IP, IP_UNICAST_IF, MUST },
	{ IPPROTO_IP, IP_OPTIONS, MUST },
	{ IPPROTO_IPV6, IPV6_V6ONLY, IPV6 },
	{ IPPROTO_IPV6, IPV6_TCLASS, IPV6 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6 },
	{ IPPROTO_IPV6, IPV6_RECVERR, IPV6 },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, IPV6 },
	{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, IPV6 },
	{ IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, IPV6 },
	{ IPPROTO_IPV6, IPV6_FREEBIND, IPV6 | MUST },
	{ IPPROTO_IPV6, IPV6_TRANSPARENT, IPV6 | MUST },
	{ IPPROTO_TCP, TCP_NODELAY, 0 },
	{ IPPROTO_TCP, TCP_CORK, 0 },
	{ IPPROTO_TCP, TCP_MAXSEG, 0 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 0 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 0 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 0 },
	{ IPPROTO_TCP, TCP_SYNCNT, 0 },
	{ IPPROTO_TCP, TCP_LINGER2, 0 },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 0 },
	{ IPPROTO_TCP, TCP_CONGESTION, 0 },
	{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0 },
	{ IPPROTO_TCP, TCP_QUICKACK, 0 },
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

/* What a new socket has, IPv4 and IPv6; read once, from the first.  All threads
 * read the same. */
static struct value defaults[2][OPTIONS];
static bool known[2];

static const struct value *defaults_of(int fresh, bool ipv6)
{
	if (!__atomic_load_n(&known[ipv6], __ATOMIC_ACQUIRE)) {
		for (size_t i = 0; i < OPTIONS; i++)
			read_option(fresh, i, &defaults[ipv6][i]);
		__atomic_store_n(&known[ipv6], true, __ATOMIC_RELEASE);
	}
	return defaults[ipv6];
}

/* Each getsockopt(2) costs a connect a quarter of a microsecond. */
static bool ever_set[OPTIONS];

void xs_fresh_note(int level, int option)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].level == level && options[i].option == option)
			__atomic_store_n(&ever_set[i], true, __ATOMIC_RELAXED);
}

static bool may_be_set(size_t at)
{
	return (options[at].how & MUST) ||
	       __atomic_load_n(&ever_set[at], __ATOMIC_RELAXED);
}

/* False when the socket must have the option and does not take it. */
static bool copy_option(int fresh, size_t at, const struct value *want)
{
	struct value have = *want;

	if (options[at].how & HALF)
		halve(&have);
	setsockopt(fresh, options[at].level, options[at].option, have.bytes,
		   have.len);
	if (!(options[at].how & MUST))
		return true;
	read_option(fresh, at, &have);
	return same(want, &have);
}

static bool copy_options(int own, int fresh, bool ipv6)
{
	const struct value *usual = defaults_of(fresh, ipv6);

	for (size_t i = 0; i < OPTIONS; i++) {
		struct value want;

		if (((options[i].how & IPV6) && !ipv6) || !may_be_set(i))
			continue;
		read_option(own, i, &want);
		if (!same(&want, &usual[i]) && !copy_option(fresh, i, &want))
			return false;
	}
	return true;
}

static int number_of(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value
								     : -1;
}

/* A program may have been attached, which cannot be read in every case. */
static bool has_filter(int fd)
{
	socklen_t len = 0;

	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len) < 0 ||
	       len > 0;
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

/* Not connected, not connecting, not listening. */
static bool is_unused(int fd)
{
	uint8_t state = 0;
	socklen_t len = sizeof(state);

	_Static_assert(offsetof(struct tcp_info, tcpi_state) == 0,
		       "the first byte is the state");
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &len) == 0 &&
	       state == TCP_CLOSE;
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

/* Binds fresh to what own is bound to, if it is.  The kernel lets two sockets
 * have one port when both say SO_REUSEADDR and none listens
 * (inet_csk_bind_conflict in net/ipv4/inet_connection_sock.c). */
static bool copy_bind(int own, int fresh)
{
	struct xs_address local = { .len = sizeof(local.v6) };
	int before;
	bool done;

	if (getsockname(own, &local.any, &local.len) < 0)
		return false;
	if (!is_bound(&local))
		return true;
	before = number_of(own, SO_REUSEADDR);
	if (!before)
		reuse(own, 1);
	reuse(fresh, 1);
	done = bind(fresh, &local.any, local.len) == 0;
	reuse(fresh, before);
	if (!before)
		reuse(own, 0);
	return done;
}

int xs_fresh(int own)
{
	int family = number_of(own, SO_DOMAIN);
	int protocol = number_of(own, SO_PROTOCOL), fresh;

	if (!is_unused(own) || has_filter(own)) {
		errno = 0;
		return -1;
	}
	fresh = xs_above_stdio(
		socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       protocol));
	if (fresh < 0)
		return -1;
	if (in_same_network(own, fresh) &&
	    copy_options(own, fresh, family == AF_INET6) &&
	    copy_bind(own, fresh))
		return fresh;
	close(fresh);
	errno = 0;
	return -1;
}
