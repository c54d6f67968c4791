/* Tests: shim/base/pair.c.
 *
 * The pair that stands for a TCP connection, and what the kernel does for it.
 */
#include "base/pair.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEY "0123456789abcdef"

static struct xs_address address(const char *text)
{
	struct xs_address a;

	cr_assert(xs_address_parse_port(&a, text));
	return a;
}

static uint32_t make(int end[2], const char *asked)
{
	struct xs_pair_info info = { .key = KEY,
				     .asked = address(asked),
				     .local = address(asked) };

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, end), 0);
	cr_assert_eq(xs_pair_name_app(end[0], &info), 0);
	return info.id;
}

static short events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	poll(&p, 1, 0);
	return p.revents;
}

static int socket_error(int fd)
{
	int value = -1;
	socklen_t len = sizeof(value);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len);
	return value;
}

static const char *const asked[] = {
	"192.0.2.7:443",
	"[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
	"[fe80::1111:2222:3333:4444%4294967295]:65535",
	"[::ffff:255.255.255.255]:65535",
};

Test(pair, the_names_tell_the_state)
{
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		struct xs_address a = address(asked[i]);
		struct xs_pair_info info;
		int end[2];
		uint32_t id = make(end, asked[i]);

		cr_assert(xs_pair_read(end[0], &info));
		cr_assert_eq(info.state, XS_PAIR_CONNECTING);
		cr_assert_eq(info.id, id);
		cr_assert_str_eq(info.key, KEY);
		cr_assert_eq(info.asked.any.sa_family, a.any.sa_family);
		cr_assert(xs_address_same_ip(&info.asked, &a));
		/* Known from the start, where both fit. */
		cr_assert(info.local.len == 0 ||
			  xs_address_same_ip(&info.local, &a));
		cr_assert(info.local.len > 0 || strlen(asked[i]) > 30);
		/* Both of the longest kind: the peer is cut, not the local. */
		cr_assert_eq(xs_pair_name_connected(end[1], id, &a, &a), 0);
		cr_assert(xs_pair_read(end[0], &info));
		cr_assert_eq(info.state, XS_PAIR_CONNECTED);
		cr_assert(xs_address_same_ip(&info.local, &a));
		cr_assert_eq(xs_address_port(&info.local), xs_address_port(&a));
		/* Names outlive the end that had them. */
		close(end[1]);
		cr_assert(xs_pair_read(end[0], &info));
		cr_assert_eq(info.state, XS_PAIR_CONNECTED);
		close(end[0]);
	}
}

Test(pair, a_failure_outlives_the_relays_end)
{
	struct xs_pair_info info;
	int end[2];
	uint32_t id = make(end, asked[0]);

	cr_assert_gt(xs_pair_shut_gate(end[0]), 0);
	cr_assert_eq(xs_pair_name_failed(end[1], id, EKEYREJECTED), 0);
	close(end[1]);
	cr_assert(xs_pair_read(end[0], &info));
	cr_assert_eq(info.state, XS_PAIR_FAILED);
	cr_assert_eq(info.errnum, EKEYREJECTED);
	cr_assert_eq(events(end[0]) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	cr_assert_eq(socket_error(end[0]), ECONNRESET);
	cr_assert_eq(socket_error(end[0]), 0);
}

Test(pair, the_gate_lets_nothing_through)
{
	int end[2];
	uint32_t id = make(end, asked[0]);
	struct xs_address a = address(asked[0]);
	uint32_t filler = xs_pair_shut_gate(end[0]);
	int copy = dup(end[0]);
	char data[4096];

	cr_assert_gt(filler, 0);
	cr_assert_eq(events(end[0]), 0);
	cr_assert_eq(send(end[0], "x", 1, MSG_DONTWAIT), -1);
	cr_assert_eq(errno, EAGAIN);
	cr_assert_eq(recv(end[0], data, 1, MSG_DONTWAIT), -1);
	cr_assert_eq(errno, EAGAIN);
	cr_assert_eq(xs_pair_name_connected(end[1], id, &a, &a), 0);
	cr_assert_eq(xs_pair_unlock_gate(copy, 0), 0);
	cr_assert_eq(events(end[0]), 0);
	close(copy);
	cr_assert_eq(xs_pair_open_gate(end[1], filler), 0);
	cr_assert_eq(events(end[0]), POLLOUT);
	/* What is written now is the first that the relay reads. */
	cr_assert_eq(send(end[0], "first", 5, 0), 5);
	cr_assert_eq(recv(end[1], data, sizeof(data), MSG_DONTWAIT), 5);
	cr_assert_eq(memcmp(data, "first", 5), 0);
	/* And much fits again. */
	for (int i = 0; i < 16; i++)
		cr_assert_eq(send(end[0], data, sizeof(data), MSG_DONTWAIT),
			     sizeof(data));
}

Test(pair, edge_triggered_epoll_fires_once_the_gate_opens)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int end[2], set = epoll_create1(0);
	uint32_t id = make(end, asked[0]);
	uint32_t filler = xs_pair_shut_gate(end[0]);
	struct xs_address a = address(asked[0]);

	cr_assert_eq(epoll_ctl(set, EPOLL_CTL_ADD, end[0], &event), 0);
	cr_assert_eq(epoll_wait(set, &event, 1, 0), 0);
	xs_pair_name_connected(end[1], id, &a, &a);
	cr_assert_eq(xs_pair_unlock_gate(end[0], 0), 0);
	cr_assert_eq(epoll_wait(set, &event, 1, 0), 0);
	cr_assert_eq(xs_pair_open_gate(end[1], filler), 0);
	cr_assert_eq(epoll_wait(set, &event, 1, 0), 1);
	cr_assert(event.events & EPOLLOUT);
}

Test(pair, the_gate_opens_as_wide_as_the_application_wants)
{
	int end[2], size = 0;
	uint32_t id = make(end, asked[0]);
	uint32_t filler = xs_pair_shut_gate(end[0]);
	struct xs_address a = address(asked[0]);
	socklen_t len = sizeof(size);

	xs_pair_name_connected(end[1], id, &a, &a);
	cr_assert_eq(xs_pair_unlock_gate(end[0], 8192), 0);
	cr_assert_eq(events(end[0]), 0);
	cr_assert_eq(xs_pair_open_gate(end[1], filler), 0);
	cr_assert_eq(events(end[0]), POLLOUT);
	cr_assert_eq(getsockopt(end[0], SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
	cr_assert_eq(size, 2 * 8192);
}

static void bind_to(int fd, const char *name)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };

	memcpy(u.sun_path + 1, name, strlen(name));
	cr_assert_eq(bind(fd, (void *)&u,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				      1 + strlen(name))),
		     0);
}

/* What another program may name its sockets. */
static const char *const look_alikes[] = {
	"xsock",
	"xsock/",
	"xsock/zzzzzzzz/" KEY "/1.2.3.4:5<",
	"xsock/00000001",
	"xsock/00000002/" KEY,
	"xsock/00000003/" KEY "/",
	"xsock/00000004/" KEY "/1.2.3.4<",
	"xsock/00000005/0123/1.2.3.4:5<",
	"xsock/00000007/" KEY "/1.2.3.4:5",
	"xsock/00000008/" KEY "/1.2.3.4:5<1",
	"xsock/00000006x/" KEY "/1.2.3.4:5<",
};

Test(pair, other_sockets_are_not_pairs)
{
	struct xs_pair_info info;
	int end[2];

	cr_assert_not(xs_pair_read(-1, &info));
	cr_assert_not(xs_pair_read(0, &info));
	end[0] = socket(AF_INET, SOCK_STREAM, 0);
	errno = 4711;
	cr_assert_not(xs_pair_read(end[0], &info));
	cr_assert_eq(errno, 4711);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, end), 0);
	cr_assert_not(xs_pair_read(end[0], &info));
	for (size_t i = 0; i < sizeof(look_alikes) / sizeof(*look_alikes);
	     i++) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, end);
		bind_to(end[0], look_alikes[i]);
		cr_assert_not(xs_pair_read(end[0], &info), "%s",
			      look_alikes[i]);
	}
}

/* A peer that names itself after a pair does not make us one. */
Test(pair, a_peer_cannot_pretend)
{
	struct xs_pair_info info;
	int end[2];
	uint32_t id;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, end), 0);
	bind_to(end[1], "xsock/0badcafe=10.0.0.1:1>10.0.0.2:2");
	cr_assert_not(xs_pair_read(end[0], &info));
	/* Nor does it change one with another id. */
	make(end, asked[0]);
	bind_to(end[1], "xsock/0badcaff=10.0.0.1:1>10.0.0.2:2");
	cr_assert_not(xs_pair_read(end[0], &info));
	cr_assert_not(xs_pair_read_id(end[0], &id));
}

Test(pair, ids_differ)
{
	int a[2], b[2];

	cr_assert_neq(make(a, asked[0]), make(b, asked[0]));
}

/* The kernel's bit: it is the socket's, so every copy has it. */
Test(pair, keeps_nodelay)
{
	int end[2], copy, off[2];

	make(end, "192.0.2.7:443");
	copy = dup(end[0]);
	cr_assert_not(xs_pair_nodelay(end[0]));
	cr_assert_eq(xs_pair_set_nodelay(end[0], true), 0);
	cr_assert(xs_pair_nodelay(copy));
	cr_assert_not(xs_pair_nodelay(end[1]));
	cr_assert_eq(xs_pair_set_nodelay(copy, false), 0);
	cr_assert_not(xs_pair_nodelay(end[0]));
	cr_assert_eq(pipe(off), 0);
	cr_assert_not(xs_pair_nodelay(off[0]));
	cr_assert_eq(xs_pair_set_nodelay(off[0], true), -1);
}

/* --- datagrams ------------------------------------------------------------ */

static uint32_t make_of_datagrams(int end[2], enum xs_pair_kind kind,
				  const char *peer, const char *local)
{
	struct xs_pair_info info = { .key = KEY,
				     .kind = kind,
				     .limit = 1435,
				     .asked = address(peer),
				     .local = address(local) };

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end), 0);
	cr_assert_eq(xs_pair_name_app(end[0], &info), 0);
	return info.id;
}

Test(pair, of_datagrams_is_connected_at_once)
{
	for (int kind = XS_PAIR_UDP; kind <= XS_PAIR_DTLS; kind++) {
		struct xs_pair_info info;
		int end[2];
		uint32_t id =
			make_of_datagrams(end, (enum xs_pair_kind)kind,
					  "192.0.2.7:514", "10.0.0.1:51234");

		cr_assert(xs_pair_read(end[0], &info));
		cr_assert_eq(info.kind, (enum xs_pair_kind)kind);
		cr_assert_eq(info.state, XS_PAIR_CONNECTED);
		cr_assert_eq(info.limit, 1435);
		cr_assert_eq(info.id, id);
		cr_assert_str_eq(info.key, KEY);
		cr_assert_eq(xs_address_port(&info.asked), 514);
		cr_assert_eq(xs_address_port(&info.local), 51234);
		cr_assert_eq(xs_pair_name_failed(end[1], id, ECONNREFUSED), 0);
		close(end[1]);
		cr_assert(xs_pair_read(end[0], &info));
		cr_assert_eq(info.state, XS_PAIR_FAILED);
		cr_assert_eq(info.errnum, ECONNREFUSED);
		cr_assert_eq(info.kind, (enum xs_pair_kind)kind);
		close(end[0]);
	}
}

/* Two long addresses do not fit: the one that was asked for stays. */
Test(pair, of_datagrams_keeps_what_was_asked)
{
	const char *const longest =
		"[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
	struct xs_pair_info info;
	int end[2];

	make_of_datagrams(end, XS_PAIR_DTLS, longest, longest);
	cr_assert(xs_pair_read(end[0], &info));
	cr_assert_eq(xs_address_port(&info.asked), 65535);
	cr_assert_eq(info.local.len, 0);
	close(end[0]);
	close(end[1]);
}

/* What the library and the relay rely on. */
Test(pair, of_datagrams_keeps_them_apart)
{
	struct sockaddr_un from;
	char data[16];
	struct iovec room = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &room,
			      .msg_iovlen = 1,
			      .msg_name = &from,
			      .msg_namelen = sizeof(from) };
	int end[2];

	make_of_datagrams(end, XS_PAIR_UDP, "192.0.2.7:514", "10.0.0.1:5");
	cr_assert_eq(send(end[0], "one", 3, 0), 3);
	cr_assert_eq(send(end[0], "", 0, 0), 0);
	cr_assert_eq(recvmsg(end[1], &msg, 0), 3);
	/* An empty datagram has a sender, the end has none. */
	msg.msg_namelen = sizeof(from);
	cr_assert_eq(recvmsg(end[1], &msg, MSG_DONTWAIT), 0);
	cr_assert_gt(msg.msg_namelen, 0);
	close(end[0]);
	msg.msg_namelen = sizeof(from);
	cr_assert_eq(recvmsg(end[1], &msg, MSG_DONTWAIT), 0);
	cr_assert_eq(msg.msg_namelen, 0);
	cr_assert(events(end[1]) & POLLHUP);
	close(end[1]);
}

/* Nobody comes in the place of a relay that has gone. */
Test(pair, of_datagrams_takes_nothing_of_strangers)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_DGRAM, SOCK_STREAM };
	struct sockaddr_un name;
	socklen_t len = sizeof(name);
	int end[2];

	make_of_datagrams(end, XS_PAIR_DTLS, "192.0.2.7:514", "10.0.0.1:5");
	getsockname(end[0], (struct sockaddr *)&name, &len);
	close(end[1]);
	cr_assert_eq(send(end[0], "x", 1, MSG_NOSIGNAL), -1);
	cr_assert_eq(errno, EPIPE);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		int stranger = socket(AF_UNIX, types[i], 0);

		cr_assert_lt(connect(stranger, (struct sockaddr *)&name, len),
			     0);
		cr_assert_lt(sendto(stranger, "x", 1, 0,
				    (struct sockaddr *)&name, len),
			     0);
		close(stranger);
	}
	cr_assert_eq(recv(end[0], &len, 1, MSG_DONTWAIT), 0);
	close(end[0]);
}

Test(pair, names_that_are_none_are_refused)
{
	static const char *const names[] = {
		"xsock/00000001/" KEY "/dtls:192.0.2.7:514<",
		"xsock/00000001/" KEY "/dtls::192.0.2.7:514<",
		"xsock/00000001/" KEY "/udp:12x:192.0.2.7:514<",
		"xsock/00000001/" KEY "/sctp:12:192.0.2.7:514<",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct sockaddr_un name = { .sun_family = AF_UNIX };
		struct xs_pair_info info;
		int end[2];

		cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end), 0);
		memcpy(name.sun_path + 1, names[i], strlen(names[i]));
		cr_assert_eq(bind(end[0], (struct sockaddr *)&name,
				  (socklen_t)(offsetof(struct sockaddr_un,
						       sun_path) +
					      1 + strlen(names[i]))),
			     0);
		cr_assert_not(xs_pair_read(end[0], &info), "%s", names[i]);
		close(end[0]);
		close(end[1]);
	}
}
