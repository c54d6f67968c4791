/* UDP sockets that ask for errors and for what stands beside a datagram:
 * IP_RECVERR with MSG_ERRQUEUE, options that must read back what was set, also
 * behind an error, and what recvmsg(2) gives beside the data.
 *
 * Ports: UDP_ECHO sends every datagram back, UDP_CLOSED has nobody. */
#include "victim.h"
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>
#include <sys/time.h>

enum { PATIENCE_MS = 10000 };

static const int one = 1;

static int udp(int family)
{
	return socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static struct place closed(int family)
{
	return place(family == AF_INET ? "127.0.0.1" : "::ffff:127.0.0.1",
		     "UDP_CLOSED");
}

static void await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		puts("nothing comes");
}

/* --- the error queue ------------------------------------------------------ */

static void say_error(struct msghdr *msg)
{
	struct sock_extended_err *error = NULL;
	struct place *from = msg->msg_name;
	struct cmsghdr *part;

	for (part = CMSG_FIRSTHDR(msg); part; part = CMSG_NXTHDR(msg, part))
		if ((part->cmsg_level == IPPROTO_IP &&
		     part->cmsg_type == IP_RECVERR) ||
		    (part->cmsg_level == IPPROTO_IPV6 &&
		     part->cmsg_type == IPV6_RECVERR))
			error = (void *)CMSG_DATA(part);
	say_text("  flags", "%s",
		 msg->msg_flags & MSG_ERRQUEUE ? "ERRQUEUE" : "others");
	say_text("  of", "%s",
		 from->any.sa_family == AF_INET6 ? "IPv6"
		 : from->v4.sin_port == htons(port_of("UDP_CLOSED"))
			 ? "CLOSED"
			 : "another");
	if (!error)
		puts("  no error beside it");
	else
		say_text("  error", "%s origin %d type %d code %d",
			 strerrorname_np((int)error->ee_errno),
			 error->ee_origin, error->ee_type, error->ee_code);
}

/* As programs do it: until there is none. */
static void read_errors(int fd)
{
	struct place from;
	char space[256], data[64];
	struct iovec part = { data, sizeof(data) };
	struct msghdr msg;
	int count = 0;

	for (;;) {
		msg = (struct msghdr){ .msg_name = &from,
				       .msg_namelen = sizeof(from.storage),
				       .msg_iov = &part,
				       .msg_iovlen = 1,
				       .msg_control = space,
				       .msg_controllen = sizeof(space) };
		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		if (count++ == 0)
			say_error(&msg);
	}
	say("  at the end", -1);
	say("  errors", count);
}

/* Whoever waits for an error and reads it must not be woken again and again. */
static void say_rest(int fd)
{
	struct pollfd p = { .fd = fd };
	char data[16];

	say("  poll behind it", poll(&p, 1, 0));
	say("  recv behind it", recv(fd, data, sizeof(data), MSG_DONTWAIT));
	say_so_error("  SO_ERROR behind it", fd);
}

static int connected_closed(int family)
{
	struct place to = closed(family);
	int fd = udp(family);

	say("  connect", connect(fd, &to.any, to.len));
	return fd;
}

static void by_queue(const char *heading, int family)
{
	int fd;

	puts(heading);
	fd = connected_closed(family);
	say("  IP_RECVERR",
	    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)));
	if (family == AF_INET6)
		say("  IPV6_RECVERR", setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR,
						 &one, sizeof(one)));
	say_number("  IP_RECVERR, set", fd, IPPROTO_IP, IP_RECVERR);
	read_errors(fd);
	say("  send", send(fd, "x", 1, 0));
	await(fd, 0);
	read_errors(fd);
	say_rest(fd);
	say_number("  IP_RECVERR behind it", fd, IPPROTO_IP, IP_RECVERR);
	say("  send again", send(fd, "x", 1, 0));
	await(fd, 0);
	read_errors(fd);
	close(fd);
}

static void by_call(void)
{
	char data[16];
	int fd = udp(AF_INET);
	struct place to = closed(AF_INET);

	puts("set before, told by a call");
	setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	say("  connect", connect(fd, &to.any, to.len));
	say_number("  IP_RECVERR", fd, IPPROTO_IP, IP_RECVERR);
	say("  send", send(fd, "x", 1, 0));
	await(fd, 0);
	say("  recv", recv(fd, data, sizeof(data), MSG_DONTWAIT));
	say_number("  IP_RECVERR behind it", fd, IPPROTO_IP, IP_RECVERR);
	close(fd);
}

/* What the kernel says of addresses that nothing is at. */
static void by_queue_nowhere(void)
{
	void *nowhere = (void *)(uintptr_t)8;
	struct msghdr name = { .msg_name = nowhere, .msg_namelen = 16 };
	struct msghdr beside = { .msg_control = nowhere,
				 .msg_controllen = 256 };
	int fd = connected_closed(AF_INET);

	puts("told by the queue, to nowhere");
	setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	say("  send", send(fd, "x", 1, 0));
	await(fd, 0);
	say("  name", recvmsg(fd, &name, MSG_ERRQUEUE | MSG_DONTWAIT));
	say_rest(fd);
	say("  send", send(fd, "x", 1, 0));
	await(fd, 0);
	say("  control", recvmsg(fd, &beside, MSG_ERRQUEUE | MSG_DONTWAIT));
	say_rest(fd);
	close(fd);
}

/* Without the option nothing is queued, and the error stays. */
static void without(void)
{
	char data[16];
	int fd;

	puts("without the option");
	fd = connected_closed(AF_INET);
	say("  send", send(fd, "x", 1, 0));
	await(fd, 0);
	read_errors(fd);
	say("  recv", recv(fd, data, sizeof(data), MSG_DONTWAIT));
	close(fd);
}

static void unconnected(void)
{
	struct place to = place("127.0.0.1", "UDP_ECHO");
	char data[16];
	int fd = udp(AF_INET);

	puts("unconnected");
	say("  IP_RECVERR",
	    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)));
	say("  sendto", sendto(fd, "to", 2, 0, &to.any, to.len));
	await(fd, POLLIN);
	read_errors(fd);
	say("  recv", recv(fd, data, sizeof(data), MSG_DONTWAIT));
	say_number("  IP_RECVERR, set", fd, IPPROTO_IP, IP_RECVERR);
	close(fd);
}

/* --- options -------------------------------------------------------------- */

static const struct {
	const char *key;
	int level, option, value;
} options[] = {
	{ "IP_PKTINFO", IPPROTO_IP, IP_PKTINFO, 1 },
	{ "IP_RECVTTL", IPPROTO_IP, IP_RECVTTL, 1 },
	{ "IP_RECVTOS", IPPROTO_IP, IP_RECVTOS, 1 },
	{ "IP_TOS", IPPROTO_IP, IP_TOS, 16 },
	{ "SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP, 1 },
	{ "SO_TIMESTAMPING", SOL_SOCKET, SO_TIMESTAMPING,
	  SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE },
};

enum { OPTIONS = sizeof(options) / sizeof(*options) };

static void say_options(const char *when, int fd)
{
	char key[64];

	for (size_t i = 0; i < OPTIONS; i++) {
		snprintf(key, sizeof(key), "  %s, %s", options[i].key, when);
		say_number(key, fd, options[i].level, options[i].option);
	}
}

static void set_options(int fd)
{
	char key[64];

	for (size_t i = 0; i < OPTIONS; i++) {
		snprintf(key, sizeof(key), "  set %s", options[i].key);
		say(key, setsockopt(fd, options[i].level, options[i].option,
				    &options[i].value, sizeof(int)));
	}
	say_options("set", fd);
}

/* What stands beside the echo: which kinds, not what they say. */
static void say_beside(int fd)
{
	char space[512], data[64];
	struct iovec part = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = space,
			      .msg_controllen = sizeof(space) };
	bool info = false, ttl = false, tos = false, time = false;

	await(fd, POLLIN);
	say("  recvmsg", recvmsg(fd, &msg, MSG_DONTWAIT));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c;
	     c = CMSG_NXTHDR(&msg, c)) {
		info |= c->cmsg_level == IPPROTO_IP &&
			c->cmsg_type == IP_PKTINFO;
		ttl |= c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL;
		tos |= c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS;
		time |= c->cmsg_level == SOL_SOCKET &&
			c->cmsg_type == SCM_TIMESTAMP;
	}
	say_text("  local address", "%s", info ? "yes" : "no");
	say_text("  hop limit", "%s", ttl ? "yes" : "no");
	say_text("  traffic class", "%s", tos ? "yes" : "no");
	say_text("  time", "%s", time ? "yes" : "no");
}

static void beside(bool connects)
{
	struct place to = place("127.0.0.1", "UDP_ECHO");
	struct timeval limit = { .tv_usec = 50000 };
	socklen_t len = sizeof(limit);
	char data[16];
	int fd = udp(AF_INET);

	puts(connects ? "beside, connected" : "beside, unconnected");
	if (connects)
		connect(fd, &to.any, to.len);
	set_options(fd);
	say("  sendto", sendto(fd, "beside", 6, 0, connects ? NULL : &to.any,
			       connects ? 0 : to.len));
	say_beside(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	say("  recv in time", recv(fd, data, sizeof(data), 0));
	memset(&limit, 0, sizeof(limit));
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &len);
	say_text("  SO_RCVTIMEO", "%s", limit.tv_usec ? "set" : "not set");
	close(fd);
}

/* What was set on a socket is set when an error has been told. */
static void kept(void)
{
	struct timeval limit = { .tv_sec = 1 };
	char data[16];
	int fd;

	puts("kept");
	fd = connected_closed(AF_INET);
	set_options(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	say("  send", send(fd, "x", 1, 0));
	await(fd, 0);
	say("  recv", recv(fd, data, sizeof(data), MSG_DONTWAIT));
	say("  nothing", recv(fd, data, sizeof(data), 0));
	say_number("  SO_TIMESTAMP behind it", fd, SOL_SOCKET, SO_TIMESTAMP);
	close(fd);
}

/* Before the connect, and behind one that dissolves it. */
static void set_before(void)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	struct place to = closed(AF_INET);
	int fd = udp(AF_INET);

	puts("set before");
	set_options(fd);
	say("  connect", connect(fd, &to.any, to.len));
	say_options("connected", fd);
	setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	say("  dissolve", connect(fd, &nowhere, sizeof(nowhere)));
	say_number("  IP_RECVERR, dissolved", fd, IPPROTO_IP, IP_RECVERR);
	say_number("  SO_TIMESTAMP, dissolved", fd, SOL_SOCKET, SO_TIMESTAMP);
	close(fd);
}

int main(void)
{
	by_queue("told by the queue", AF_INET);
	by_queue("told by the queue, IPv6", AF_INET6);
	by_queue_nowhere();
	by_call();
	without();
	unconnected();
	beside(true);
	beside(false);
	kept();
	set_before();
	return 0;
}
