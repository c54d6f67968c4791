/* connect(2) on a non-blocking socket: from EINPROGRESS to writable, watched
 * with poll, select and epoll, and failing. */
#include "victim.h"
#include <sys/select.h>

static int begin(const char *ip, const char *port, const char *key)
{
	struct place p = place(ip, port);
	int fd = socket(p.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	say(key, connect(fd, &p.any, p.len));
	return fd;
}

static void with_poll(const char *key, const char *ip)
{
	struct place p = place(ip, "ECHO");
	int fd;

	printf("%s\n", key);
	fd = begin(ip, "ECHO", "  connect");
	say_poll("  poll", fd, POLLOUT, 10000);
	say_so_error("  SO_ERROR", fd);
	say("  connect, first after success", connect(fd, &p.any, p.len));
	say("  connect, second after success", connect(fd, &p.any, p.len));
	say_names(" ", fd);
	say_poll("  poll to read", fd, POLLIN | POLLRDHUP, 0);
	say("  read", read(fd, &p, 1));
	say_echo("  echo", fd, "non-blocking\n");
	say_text("  still non-blocking", "%s",
		 fcntl(fd, F_GETFL) & O_NONBLOCK ? "yes" : "no");
	close(fd);
}

static void with_select(void)
{
	struct timeval limit = { .tv_sec = 10 };
	fd_set out, in;
	int fd = begin("127.0.0.1", "ECHO", "select, connect");

	FD_ZERO(&out);
	FD_ZERO(&in);
	FD_SET(fd, &out);
	FD_SET(fd, &in);
	say("select", select(fd + 1, &in, &out, NULL, &limit));
	say("select, in", FD_ISSET(fd, &in) != 0);
	say("select, out", FD_ISSET(fd, &out) != 0);
	say_so_error("select, SO_ERROR", fd);
	say_echo("select, echo", fd, "selected\n");
	close(fd);
}

static void say_epoll(const char *key, int set, int timeout)
{
	struct epoll_event e = { 0 };
	int n = epoll_wait(set, &e, 1, timeout);

	if (n < 0)
		say(key, -1);
	else
		say_text(key, "%s%s%s%s%s%s", n == 0 ? "nothing" : "epoll",
			 e.events & EPOLLIN ? " IN" : "",
			 e.events & EPOLLOUT ? " OUT" : "",
			 e.events & EPOLLERR ? " ERR" : "",
			 e.events & EPOLLHUP ? " HUP" : "",
			 n > 0 && e.data.u64 != 0x1234567890 ? " WRONG DATA"
							     : "");
}

static void with_epoll(const char *key, uint32_t mode)
{
	struct epoll_event e = { .events = EPOLLOUT | EPOLLIN | mode,
				 .data.u64 = 0x1234567890 };
	int set = epoll_create1(0);
	int fd;

	printf("%s\n", key);
	fd = begin("127.0.0.1", "ECHO", "  connect");
	say("  add", epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
	say_epoll("  wait", set, 10000);
	say_so_error("  SO_ERROR", fd);
	/* A second wake-up would come a little later. */
	usleep(20000);
	say_epoll("  wait again", set, 0);
	say_echo("  echo", fd, "epolled\n");
	say("  del", epoll_ctl(set, EPOLL_CTL_DEL, fd, &e));
	close(fd);
	close(set);
}

/* The end of a pair is told in two steps, first its end, then that the bytes in
 * it are gone: what poll says when both are done. */
static void say_failed_poll(const char *key, int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };

	poll(&p, 1, 10000);
	usleep(20000);
	say_poll(key, fd, events, 0);
}

static void refused(const char *key, const char *ip)
{
	struct place p = place(ip, "ECHO");
	int fd;

	printf("%s\n", key);
	fd = begin(ip, "CLOSED", "  connect");
	say_failed_poll("  poll", fd, POLLIN | POLLOUT);
	say_names(" ", fd);
	say_so_error("  SO_ERROR", fd);
	say_so_error("  SO_ERROR again", fd);
	say("  then good, first connect", connect(fd, &p.any, p.len));
	say("  then good, second connect", connect(fd, &p.any, p.len));
	say_poll("  then good, poll", fd, POLLOUT, 10000);
	say_so_error("  then good, SO_ERROR", fd);
	say_echo("  then good, echo", fd, "after all\n");
	close(fd);

	/* The other ways to learn the error. */
	p = place(ip, "CLOSED");
	fd = begin(ip, "CLOSED", "  by read, begin");
	say_failed_poll("  by read, poll", fd, POLLOUT);
	say("  by read", read(fd, &p, 1));
	close(fd);
	fd = begin(ip, "CLOSED", "  by name and read, begin");
	say_failed_poll("  by name and read, poll", fd, POLLOUT);
	say("  by name and read, name", getpeername(fd, &p.any, &p.len));
	say("  by name and read", read(fd, &p, 1));
	say("  by name and read, again", read(fd, &p, 1));
	close(fd);
	p = place(ip, "CLOSED");
	fd = begin(ip, "CLOSED", "  by recv, begin");
	say_failed_poll("  by recv, poll", fd, POLLOUT);
	say("  by recv", recv(fd, &p, 1, 0));
	say("  by recv, again", recv(fd, &p, 1, 0));
	close(fd);
	p = place(ip, "CLOSED");
	fd = begin(ip, "CLOSED", "  by connect, begin");
	say_failed_poll("  by connect, poll", fd, POLLOUT);
	say("  by connect", connect(fd, &p.any, p.len));
	close(fd);
}

/* While it is under way. */
static void pending(const char *key, const char *ip)
{
	struct place p = place(ip, "PENDING");
	struct epoll_event e = { .events = EPOLLOUT, .data.u64 = 0x1234567890 };
	int set = epoll_create1(0);
	int fd;
	char c;

	printf("%s\n", key);
	fd = begin(ip, "PENDING", "  connect");
	say("  connect again", connect(fd, &p.any, p.len));
	say_poll("  poll", fd, POLLOUT | POLLIN, 200);
	epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
	say_epoll("  epoll", set, 100);
	say_so_error("  SO_ERROR", fd);
	say("  write", write(fd, "x", 1));
	say("  read", read(fd, &c, 1));
	say("  recv, peeking", recv(fd, &c, 1, MSG_PEEK));
	say_names(" ", fd);
	say("  connect yet again", connect(fd, &p.any, p.len));
	say("  close", close(fd));
	close(set);
}

/* Waiting for a connect that was begun without blocking. */
static void becomes_blocking(void)
{
	char line[64] = "";
	int fd = begin("127.0.0.1", "GREET", "blocking later, connect");

	fcntl(fd, F_SETFL, 0);
	/* Nothing may be read before the server has spoken. */
	say("blocking later, read", read(fd, line, sizeof(line)));
	say_text("blocking later, line", "%.9s", line);
	say_names("blocking later", fd);
	say_echo("blocking later, echo", fd, "patient\n");
	close(fd);
}

int main(void)
{
	with_poll("poll, IPv4", "127.0.0.1");
	with_poll("poll, IPv6", "::1");
	with_poll("poll, IPv4-mapped", "::ffff:127.0.0.1");
	with_select();
	with_epoll("epoll, level", 0);
	with_epoll("epoll, edge", EPOLLET);
	with_epoll("epoll, one shot", EPOLLONESHOT);
	refused("refused, IPv4", "127.0.0.1");
	refused("refused, IPv6", "::1");
	pending("pending, IPv4", "127.0.0.1");
	pending("pending, IPv6", "::1");
	becomes_blocking();
	return 0;
}
