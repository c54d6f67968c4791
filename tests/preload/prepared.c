/* Sockets that were prepared before they connect: bound, copied, watched. */
#include "victim.h"

static void bound(const char *key, const char *ip)
{
	struct place from = place(ip, NULL), to = place(ip, "ECHO"), got;
	int fd = socket(from.any.sa_family, SOCK_STREAM, 0);
	uint16_t port;

	printf("%s\n", key);
	say("  bind", bind(fd, &from.any, from.len));
	got.len = sizeof(got.storage);
	getsockname(fd, &got.any, &got.len);
	port = got.v4.sin_port;
	say("  connect", connect(fd, &to.any, to.len));
	got.len = sizeof(got.storage);
	getsockname(fd, &got.any, &got.len);
	say("  port kept", got.v4.sin_port == port);
	say_names(" ", fd);
	say_echo("  echo", fd, "bound\n");
	close(fd);
}

/* 127.0.0.2 as a source address. */
static void bound_elsewhere(void)
{
	struct place from = place("127.0.0.2", NULL);
	struct place to = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say("127.0.0.2 bind", bind(fd, &from.any, from.len));
	say("127.0.0.2 connect", connect(fd, &to.any, to.len));
	say_names("127.0.0.2", fd);
	close(fd);
}

/* A set made before connect sees the connection, level and edge. */
static void watched(const char *key, uint32_t mode)
{
	struct place p = place("127.0.0.1", "GREET");
	struct epoll_event e = { .events =
					 EPOLLIN | EPOLLOUT | EPOLLRDHUP | mode,
				 .data.u64 = 0xabcdef0123456789 };
	struct epoll_event got = { 0 };
	int set = epoll_create1(0), other = epoll_create1(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	uint32_t seen = 0;
	char line[64];

	printf("%s\n", key);
	say("  add", epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
	say("  add to another", epoll_ctl(other, EPOLL_CTL_ADD, fd, &e));
	say("  connect", connect(fd, &p.any, p.len));
	for (int i = 0; i < 100 && !(seen & EPOLLIN); i++) {
		if (epoll_wait(set, &got, 1, 200) == 1)
			seen |= got.events;
		if (seen & EPOLLOUT)
			e.events = EPOLLIN | EPOLLRDHUP | mode;
		if (got.events & EPOLLOUT)
			epoll_ctl(set, EPOLL_CTL_MOD, fd, &e);
	}
	say_text("  seen", "%s%s%s", seen & EPOLLIN ? "IN " : "",
		 seen & EPOLLOUT ? "OUT " : "", seen & EPOLLERR ? "ERR " : "");
	say("  data", got.data.u64 == 0xabcdef0123456789);
	say("  another set wakes", epoll_wait(other, &got, 1, 1000));
	say("  another set, data", got.data.u64 == 0xabcdef0123456789);
	say_so_error("  SO_ERROR", fd);
	say("  read", read(fd, line, sizeof(line)));
	say("  del", epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL));
	say("  del again", epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL));
	say("  add again", epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
	close(fd);
	say("  closed, nothing left", epoll_wait(set, &got, 1, 0));
	close(set);
	close(other);
}

static void watched_and_refused(void)
{
	struct place p = place("127.0.0.1", "CLOSED");
	struct epoll_event e = { .events = EPOLLOUT, .data.u32 = 42 };
	int set = epoll_create1(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	say("refused, add", epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
	say("refused, connect", connect(fd, &p.any, p.len));
	memset(&e, 0, sizeof(e));
	say("refused, wait", epoll_wait(set, &e, 1, 10000));
	say_text("refused, events", "%s%s%s data %u",
		 e.events & EPOLLERR ? "ERR " : "",
		 e.events & EPOLLHUP ? "HUP " : "",
		 e.events & EPOLLOUT ? "OUT" : "", e.data.u32);
	say_so_error("refused, SO_ERROR", fd);
	close(fd);
	close(set);
}

/* A copy made before connect is the same socket afterwards. */
static void copied(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int copy = dup(fd);

	say("copy, connect", connect(fd, &p.any, p.len));
	say_names("the copy", copy);
	say_echo("the copy, echo", copy, "copied\n");
	close(fd);
	say_echo("the copy alone, echo", copy, "alone\n");
	close(copy);
}

/* dup2 onto and away from a connected descriptor. */
static void moved(void)
{
	int fd = connected("127.0.0.1", "ECHO"), other;

	other = fcntl(fd, F_DUPFD, 300);
	close(fd);
	say("moved, number", other);
	say_names("moved", other);
	say_echo("moved, echo", other, "moved\n");
	fd = open("/dev/null", O_RDWR);
	dup2(fd, other);
	say_names("replaced", other);
	close(other);
	close(fd);
}

int main(void)
{
	bound("bound, IPv4", "127.0.0.1");
	bound("bound, IPv6", "::1");
	bound_elsewhere();
	watched("watched, level", 0);
	watched("watched, edge", EPOLLET);
	watched_and_refused();
	copied();
	moved();
	return 0;
}
