/* The filter that drops what comes in the name of a peer. */
#include "base/peer_filter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int udp(const char *ip, struct xs_address *local)
{
	int fd;

	cr_assert(xs_address_parse(local, ip));
	fd = socket(local->any.sa_family, SOCK_DGRAM, 0);
	cr_assert(bind(fd, &local->any, local->len) == 0);
	cr_assert(getsockname(fd, &local->any, &local->len) == 0);
	return fd;
}

/* Does a datagram of the sender's reach the receiver? */
static bool reaches(int sender, const char *ip, int receiver)
{
	struct xs_address local = { .len = sizeof(local.v6) }, to;
	struct pollfd come = { .fd = receiver, .events = POLLIN };
	char byte;

	getsockname(receiver, &local.any, &local.len);
	cr_assert(xs_address_parse(&to, ip));
	xs_address_set_port(&to, xs_address_port(&local));
	cr_assert(sendto(sender, "x", 1, 0, &to.any, to.len) == 1);
	/* On loopback it is there when the send returns. */
	if (poll(&come, 1, 0) != 1)
		return false;
	cr_assert(recv(receiver, &byte, 1, 0) == 1);
	return true;
}

Test(peer_filter, drops_peers_only)
{
	struct xs_address local, peers[4];
	int receiver = udp("::", &local);
	int four = udp("127.0.0.1", &peers[0]), six = udp("::1", &peers[1]);
	int port = udp("127.0.0.1", &local), address = udp("127.0.0.2", &local);
	int later = udp("127.0.0.3", &peers[3]);

	/* As an application with an IPv6 socket names a peer of IPv4. */
	peers[2] = peers[0];
	xs_address_set_port(&peers[2], 9);
	cr_assert(xs_address_to_family(&peers[0], AF_INET6));
	cr_assert(xs_peer_filter_put(receiver, peers, 3) == 0);
	cr_assert(!reaches(four, "127.0.0.1", receiver));
	cr_assert(!reaches(six, "::1", receiver));
	cr_assert(reaches(port, "127.0.0.1", receiver));
	cr_assert(reaches(address, "127.0.0.1", receiver));
	cr_assert(reaches(later, "127.0.0.1", receiver));
	/* A new one in the place of it. */
	cr_assert(!xs_peer_filter_is_other(receiver));
	cr_assert(xs_peer_filter_put(receiver, peers, 4) == 0);
	cr_assert(!reaches(later, "127.0.0.1", receiver));
	cr_assert(!reaches(four, "127.0.0.1", receiver));
	cr_assert(reaches(port, "127.0.0.1", receiver));
}

Test(peer_filter, leaves_the_programs_own)
{
	struct sock_filter all = { BPF_RET | BPF_K, 0, 0, 0x7fffffff };
	struct sock_fprog own = { .len = 1, .filter = &all };
	struct xs_address local, peer;
	int receiver = udp("127.0.0.1", &local), sender;

	sender = udp("127.0.0.1", &peer);
	cr_assert(!xs_peer_filter_is_other(receiver));
	cr_assert(setsockopt(receiver, SOL_SOCKET, SO_ATTACH_FILTER, &own,
			     sizeof(own)) == 0);
	cr_assert(xs_peer_filter_is_other(receiver));
	cr_assert(xs_peer_filter_put(receiver, &peer, 1) < 0 &&
		  errno == EEXIST);
	cr_assert(reaches(sender, "127.0.0.1", receiver));
}

Test(peer_filter, as_many_as_fit)
{
	struct xs_address peers[XS_PEER_FILTER_MOST], local;
	int receiver = udp("::", &local);
	int last = udp("::1", &peers[XS_PEER_FILTER_MOST - 1]);
	int other = udp("::1", &local);

	for (size_t i = 0; i < XS_PEER_FILTER_MOST - 1; i++) {
		peers[i] = peers[XS_PEER_FILTER_MOST - 1];
		peers[i].v6.sin6_addr.s6_addr[0] = (uint8_t)(i + 1);
	}
	cr_assert(xs_peer_filter_put(receiver, peers, XS_PEER_FILTER_MOST) ==
		  0);
	cr_assert(!reaches(last, "::1", receiver));
	cr_assert(reaches(other, "::1", receiver));
}
