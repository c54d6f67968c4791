/* Connected UDP sockets: every call that sends or receives, names and options,
 * waiting, copies of the descriptor, other processes, errors, and what comes
 * behind a second connect.
 *
 * Ports: UDP_ECHO sends every datagram back, UDP_CLOSED has nobody. */
#include "victim.h"
#include <linux/sockios.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { PATIENCE_MS = 10000 };

static int udp_to(const char *port)
{
	struct place to = place("127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (connect(fd, &to.any, to.len) < 0)
		say("connect", -1);
	return fd;
}

static void await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		puts("nothing comes");
}

/* What comes back, as text. */
static void say_next(const char *key, int fd)
{
	char data[65536] = "";
	ssize_t got;

	await(fd);
	got = recv(fd, data, sizeof(data) - 1, MSG_DONTWAIT);
	if (got < 0)
		say(key, got);
	else
		say_text(key, "%zd %.40s", got, data);
}

static const char *where(const struct place *p)
{
	if (p->len == 0)
		return "nobody";
	if (p->any.sa_family != AF_INET)
		return "another family";
	return p->v4.sin_port == htons(port_of("UDP_ECHO")) ? "ECHO" : "some";
}

/* --- names and options ---------------------------------------------------- */

static void names(void)
{
	int fd = udp_to("UDP_ECHO"), one = 1;
	struct place p = { .len = sizeof(p.storage) };

	puts("names");
	say("  getpeername", getpeername(fd, &p.any, &p.len));
	say_text("  peer", "%s (%u)", where(&p), p.len);
	p.len = sizeof(p.storage);
	say("  getsockname", getsockname(fd, &p.any, &p.len));
	say_text("  local", "%d %s %s", p.any.sa_family,
		 p.v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK) ? "loopback"
								: "elsewhere",
		 p.v4.sin_port ? "port" : "no port");
	say_number("  SO_DOMAIN", fd, SOL_SOCKET, SO_DOMAIN);
	say_number("  SO_TYPE", fd, SOL_SOCKET, SO_TYPE);
	say_number("  SO_PROTOCOL", fd, SOL_SOCKET, SO_PROTOCOL);
	say_number("  SO_ERROR", fd, SOL_SOCKET, SO_ERROR);
	say_number("  SO_ACCEPTCONN", fd, SOL_SOCKET, SO_ACCEPTCONN);
	say_number("  SO_BROADCAST", fd, SOL_SOCKET, SO_BROADCAST);
	say_number("  IP_MTU", fd, IPPROTO_IP, IP_MTU);
	say_number("  IP_TTL", fd, IPPROTO_IP, IP_TTL);
	say_number("  TCP_NODELAY", fd, IPPROTO_TCP, TCP_NODELAY);
	say("  set SO_BROADCAST",
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)));
	say_number("  SO_BROADCAST, set", fd, SOL_SOCKET, SO_BROADCAST);
	say("  set TCP_NODELAY",
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	say("  listen", listen(fd, 1));
	say("  accept", accept(fd, NULL, NULL));
	close(fd);
}

/* A program that wants to know its own address only. */
static void probe(void)
{
	struct place to = place("127.0.0.1", "UDP_ECHO"), p;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

	puts("bound before");
	p = place("127.0.0.1", NULL);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	say("  bind", bind(fd, &p.any, p.len));
	getsockname(fd, &p.any, &p.len);
	say("  connect", connect(fd, &to.any, to.len));
	to.len = sizeof(to.storage);
	getsockname(fd, &to.any, &to.len);
	say_text("  local port", "%s",
		 to.v4.sin_port == p.v4.sin_port ? "the same" : "another");
	say("  send", send(fd, "bound", 5, 0));
	say_next("  echo", fd);
	close(fd);
}

/* --- sending and receiving ------------------------------------------------ */

static void sends(void)
{
	struct place to = place("127.0.0.1", "UDP_ECHO");
	struct iovec parts[2] = { { "two ", 4 }, { "parts", 5 } };
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };
	int fd = udp_to("UDP_ECHO");
	FILE *file;

	puts("sends");
	say("  send", send(fd, "send", 4, 0));
	say_next("  echo of send", fd);
	say("  write", write(fd, "write", 5));
	say_next("  echo of write", fd);
	say("  writev", writev(fd, parts, 2));
	say_next("  echo of writev", fd);
	say("  sendmsg", sendmsg(fd, &msg, 0));
	say_next("  echo of sendmsg", fd);
	say("  sendto, no address", sendto(fd, "sendto", 6, 0, NULL, 0));
	say_next("  echo of sendto", fd);
	say("  sendto, the peer",
	    sendto(fd, "the peer", 8, 0, &to.any, to.len));
	say_next("  echo of sendto, the peer", fd);
	msg.msg_name = &to.any;
	msg.msg_namelen = to.len;
	say("  sendmsg, the peer", sendmsg(fd, &msg, 0));
	say_next("  echo of sendmsg, the peer", fd);
	say("  send MSG_MORE", send(fd, "more", 4, MSG_MORE));
	say("  send behind it", send(fd, " and less", 9, 0));
	close(fd);

	fd = udp_to("UDP_ECHO");
	file = fdopen(dup(fd), "w");
	say("  fprintf", fprintf(file, "by a FILE"));
	say("  fclose", fclose(file));
	say_next("  echo of the FILE", fd);
	close(fd);
}

static void empty(void)
{
	int fd = udp_to("UDP_ECHO");

	puts("empty");
	say("  send", send(fd, "", 0, 0));
	say("  send behind", send(fd, "behind", 6, 0));
	say_next("  first", fd);
	close(fd);
}

static void large(void)
{
	static char data[70000];
	int fd = udp_to("UDP_ECHO");

	puts("large");
	memset(data, 'x', sizeof(data));
	say("  1200", send(fd, data, 1200, 0));
	say_next("  echo of 1200", fd);
	say("  16000", write(fd, data, 16000));
	say_next("  echo of 16000", fd);
	say("  65508", send(fd, data, 65508, 0));
	say("  70000", write(fd, data, 70000));
	say("  behind", send(fd, "behind", 6, 0));
	say_next("  echo of behind", fd);
	close(fd);
}

static void many(void)
{
	struct mmsghdr list[3] = { 0 };
	struct iovec part[3];
	struct place from[3];
	char data[3][16] = { "first", "second", "third" };
	int fd = udp_to("UDP_ECHO"), got = 0;

	puts("lists");
	for (int i = 0; i < 3; i++) {
		part[i] = (struct iovec){ data[i], strlen(data[i]) };
		list[i].msg_hdr.msg_iov = &part[i];
		list[i].msg_hdr.msg_iovlen = 1;
	}
	say("  sendmmsg", sendmmsg(fd, list, 3, 0));
	say_text("  lengths", "%u %u %u", list[0].msg_len, list[1].msg_len,
		 list[2].msg_len);
	for (int i = 0; i < 3; i++) {
		part[i] = (struct iovec){ data[i], sizeof(data[i]) };
		list[i].msg_hdr.msg_name = &from[i];
		list[i].msg_hdr.msg_namelen = sizeof(from[i].storage);
	}
	while (got < 3) {
		await(fd);
		int more = recvmmsg(fd, list + got, (unsigned)(3 - got),
				    MSG_DONTWAIT, NULL);

		if (more <= 0)
			break;
		got += more;
	}
	say("  recvmmsg", got);
	for (int i = 0; i < got; i++) {
		from[i].len = list[i].msg_hdr.msg_namelen;
		say_text(i == 0	  ? "  one"
			 : i == 1 ? "  two"
				  : "  three",
			 "%.*s from %s", (int)list[i].msg_len, data[i],
			 where(&from[i]));
	}
	say("  recvmmsg, nothing there",
	    recvmmsg(fd, list, 3, MSG_DONTWAIT, NULL));
	close(fd);
}

static void receives(void)
{
	char data[64] = "";
	struct iovec parts[2] = { { data, 3 }, { data + 8, 20 } };
	struct place from = { .len = sizeof(from.storage) };
	struct msghdr msg = { .msg_iov = parts,
			      .msg_iovlen = 2,
			      .msg_name = &from,
			      .msg_namelen = sizeof(from.storage) };
	int fd = udp_to("UDP_ECHO"), there = -1;

	puts("receives");
	say("  nothing there", recv(fd, data, 9, MSG_DONTWAIT));
	send(fd, "0123456789", 10, 0);
	send(fd, "abcdef", 6, 0);
	await(fd);
	usleep(100000);
	say("  ioctl FIONREAD", ioctl(fd, FIONREAD, &there));
	say("  FIONREAD", there);
	say("  peek", recv(fd, data, 4, MSG_PEEK));
	say("  peek with MSG_TRUNC", recv(fd, data, 4, MSG_PEEK | MSG_TRUNC));
	say("  MSG_TRUNC", recv(fd, data, 4, MSG_TRUNC));
	say("  the next, cut", recvfrom(fd, data, 4, 0, &from.any, &from.len));
	say_text("  from", "%s (%u)", where(&from), from.len);
	say("  nothing left", recv(fd, data, 4, MSG_DONTWAIT));
	send(fd, "recvmsg", 7, 0);
	await(fd);
	say("  recvmsg", recvmsg(fd, &msg, 0));
	from.len = msg.msg_namelen;
	say_text("  recvmsg gives", "%.3s %.4s from %s flags %d", data,
		 data + 8, where(&from), msg.msg_flags);
	send(fd, "recvmsg cut", 11, 0);
	await(fd);
	parts[1].iov_len = 4;
	say("  recvmsg, cut", recvmsg(fd, &msg, 0));
	say_text("  recvmsg, cut, flags", "%d", msg.msg_flags);
	send(fd, "read", 4, 0);
	await(fd);
	say("  read", read(fd, data, sizeof(data)));
	send(fd, "readv", 5, 0);
	await(fd);
	say("  readv", readv(fd, parts, 2));
	from.len = 4;
	send(fd, "short", 5, 0);
	await(fd);
	say("  recvfrom, little room for the name",
	    recvfrom(fd, data, 9, 0, &from.any, &from.len));
	say("  its length", from.len);
	say("  MSG_ERRQUEUE", recv(fd, data, 9, MSG_ERRQUEUE));
	say("  MSG_OOB", recv(fd, data, 9, MSG_OOB | MSG_DONTWAIT));
	close(fd);
}

/* --- waiting -------------------------------------------------------------- */

static void waits(void)
{
	struct timeval limit = { .tv_usec = 50000 };
	int fd = udp_to("UDP_ECHO"), set = epoll_create1(0);
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	char data[16];
	fd_set reads;

	puts("waits");
	say("  poll", poll(&p, 1, 0));
	say("  revents", p.revents);
	epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
	say("  epoll", epoll_wait(set, &event, 1, 0));
	say("  events", event.events);
	say("  set SO_RCVTIMEO",
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	say("  recv in time", recv(fd, data, sizeof(data), 0));
	send(fd, "x", 1, 0);
	await(fd);
	FD_ZERO(&reads);
	FD_SET(fd, &reads);
	say("  select", select(fd + 1, &reads, NULL, NULL, NULL));
	say("  epoll, something there",
	    epoll_wait(set, &event, 1, PATIENCE_MS) > 0 &&
		    (event.events & EPOLLIN));
	say("  recv", recv(fd, data, sizeof(data), 0));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	say("  recv, non-blocking", recv(fd, data, sizeof(data), 0));
	close(set);
	close(fd);
}

/* Watched before it is connected. */
static void watched(void)
{
	struct place to = place("127.0.0.1", "UDP_ECHO");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int set = epoll_create1(0), copy = dup(fd);
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 7 };

	puts("watched");
	epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
	say("  connect", connect(fd, &to.any, to.len));
	say("  send by the copy", send(copy, "copy", 4, 0));
	say("  epoll", epoll_wait(set, &event, 1, PATIENCE_MS));
	say("  data", event.data.u32);
	say_next("  echo", fd);
	say("  flags", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	close(set);
	close(copy);
	close(fd);
}

/* --- other processes ------------------------------------------------------ */

static void child_says(const char *key, int fd, const char *text)
{
	fflush(stdout);
	if (fork() == 0) {
		say_text(key, "%zd", send(fd, text, strlen(text), 0));
		_exit(0);
	}
	wait(NULL);
}

static void pass_on(int by, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} part = { .head = { .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS,
			     .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec data = { "", 1 };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &part,
			      .msg_controllen = sizeof(part) };

	memcpy(CMSG_DATA(&part.head), &fd, sizeof(fd));
	sendmsg(by, &msg, 0);
}

static int take(int by)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} part;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &part,
			      .msg_controllen = sizeof(part) };
	int fd = -1;

	if (recvmsg(by, &msg, 0) == 1)
		memcpy(&fd, CMSG_DATA(&part.head), sizeof(fd));
	return fd;
}

static void processes(const char *self)
{
	int fd = udp_to("UDP_ECHO"), by[2], other;
	char number[16];

	puts("processes");
	child_says("  child", fd, "by a child");
	say_next("  echo of the child", fd);
	socketpair(AF_UNIX, SOCK_STREAM, 0, by);
	fflush(stdout);
	if (fork() == 0) {
		close(fd);
		other = take(by[1]);
		say("  SCM_RIGHTS", send(other, "by rights", 9, 0));
		_exit(0);
	}
	pass_on(by[0], fd);
	wait(NULL);
	say_next("  echo of the rights", fd);
	fcntl(fd, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", fd);
	fflush(stdout);
	if (fork() == 0) {
		execl(self, self, number, NULL);
		_exit(127);
	}
	wait(NULL);
	say_next("  echo of the program", fd);
	close(fd);
}

/* What another program does with a socket that it inherits. */
static int inherited(int fd)
{
	struct place p = { .len = sizeof(p.storage) };

	say_number("  program: SO_TYPE", fd, SOL_SOCKET, SO_TYPE);
	say("  program: getpeername", getpeername(fd, &p.any, &p.len));
	say_text("  program: peer", "%s", where(&p));
	say("  program: send", send(fd, "by a program", 12, 0));
	return 0;
}

/* --- errors and ends ------------------------------------------------------ */

/* An error that has come: POLLERR. */
static void await_error(int fd)
{
	struct pollfd p = { .fd = fd };

	say("  poll for an error", poll(&p, 1, PATIENCE_MS));
	say("  POLLERR or POLLHUP", (p.revents & (POLLERR | POLLHUP)) != 0);
}

static void refused(void)
{
	char data[16];
	int fd = udp_to("UDP_CLOSED");
	struct place p = { .len = sizeof(p.storage) };

	puts("refused, told by recv");
	say("  send", send(fd, "x", 1, 0));
	await_error(fd);
	say("  recv", recv(fd, data, sizeof(data), MSG_DONTWAIT));
	say("  recv again", recv(fd, data, sizeof(data), MSG_DONTWAIT));
	say("  getpeername", getpeername(fd, &p.any, &p.len));
	puts("refused, told by send");
	say("  send again", send(fd, "x", 1, 0));
	await_error(fd);
	say("  write", write(fd, "y", 1));
	puts("refused, told by SO_ERROR");
	say("  write again", write(fd, "y", 1));
	await_error(fd);
	say_number("  SO_ERROR", fd, SOL_SOCKET, SO_ERROR);
	say_number("  SO_ERROR again", fd, SOL_SOCKET, SO_ERROR);
	puts("refused, told by a copy");
	say("  once more", send(fd, "x", 1, 0));
	await_error(fd);
	{
		struct msghdr msg = { 0 };

		say("  recvmsg", recvmsg(fd, &msg, MSG_DONTWAIT));
	}
	puts("refused, told by readv");
	say("  and once more", send(fd, "x", 1, 0));
	await_error(fd);
	{
		struct iovec part = { data, sizeof(data) };

		say("  readv", readv(fd, &part, 1));
	}
	close(fd);
}

static void again(void)
{
	struct place echo = place("127.0.0.1", "UDP_ECHO"), p;
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	int fd = udp_to("UDP_CLOSED");

	puts("connected again");
	say("  connect", connect(fd, &echo.any, echo.len));
	say("  send", send(fd, "again", 5, 0));
	say_next("  echo", fd);
	say("  connect to the same", connect(fd, &echo.any, echo.len));
	say("  send to the same", send(fd, "same", 4, 0));
	say_next("  echo of the same", fd);
	say("  dissolve", connect(fd, &nowhere, sizeof(nowhere)));
	p.len = sizeof(p.storage);
	say("  getpeername", getpeername(fd, &p.any, &p.len));
	say("  send to nobody", send(fd, "nobody", 6, 0));
	say("  connect once more", connect(fd, &echo.any, echo.len));
	say("  send once more", send(fd, "more", 4, 0));
	say_next("  echo once more", fd);
	close(fd);
}

static void shut(void)
{
	char data[16];
	int fd = udp_to("UDP_ECHO");

	puts("shut down");
	send(fd, "before", 6, 0);
	say("  SHUT_WR", shutdown(fd, SHUT_WR));
	say("  send", send(fd, "behind", 6, 0));
	say_next("  echo", fd);
	say("  SHUT_RD", shutdown(fd, SHUT_RD));
	say("  recv", recv(fd, data, sizeof(data), 0));
	say("  send behind both", send(fd, "behind", 6, 0));
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return inherited(atoi(argv[1]));
	names();
	probe();
	sends();
	empty();
	large();
	many();
	receives();
	waits();
	watched();
	processes(argv[0]);
	refused();
	again();
	shut();
	return 0;
}
