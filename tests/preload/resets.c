/* A server that resets the connection: what was sent before is read, the rest
 * of the program learns that this was no end. */
#include "victim.h"

#include <sys/resource.h>
#include <sys/uio.h>

/* Writes, and waits until the server has answered with its reset. */
static int reset(const char *port)
{
	int fd = connected("127.0.0.1", port);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	/* What has not left the server yet goes with the reset. */
	if (strcmp(port, "LAST") == 0)
		poll(&p, 1, 10000);
	p.events = 0;
	if (write(fd, "x", 1) != 1)
		say("write", -1);
	if (poll(&p, 1, 10000) != 1)
		say("no reset", -1);
	return fd;
}

static void by_read(const char *key, const char *port)
{
	int fd = reset(port);
	char line[64] = "";

	printf("%s\n", key);
	say_poll("  poll", fd, POLLIN | POLLOUT | POLLRDHUP, 10000);
	if (strcmp(port, "LAST") == 0) {
		say("  read", read(fd, line, sizeof(line)));
		say_text("  read gives", "%.10s", line);
	}
	say("  read, the reset", read(fd, line, sizeof(line)));
	say("  read, behind it", read(fd, line, sizeof(line)));
	say_so_error("  SO_ERROR, behind it", fd);
	say("  write, behind it", send(fd, "x", 1, MSG_NOSIGNAL));
	say_poll("  poll, behind it", fd, POLLIN | POLLOUT | POLLRDHUP, 10000);
	say("  close", close(fd));
}

static void by_error(void)
{
	int fd = reset("RESET");
	char c;

	say_so_error("by SO_ERROR", fd);
	say_so_error("by SO_ERROR, again", fd);
	say("by SO_ERROR, read", read(fd, &c, 1));
	close(fd);
}

static void by_write(void)
{
	int fd = reset("RESET");

	say("by write", send(fd, "x", 1, MSG_NOSIGNAL));
	say("by write, again", send(fd, "x", 1, MSG_NOSIGNAL));
	close(fd);
}

/* The second write ends a program that does nothing about SIGPIPE. */
static void by_signal(void)
{
	int fd = reset("RESET"), status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		read(fd, &status, 1);
		_exit(write(fd, "x", 1) == 1);
	}
	waitpid(child, &status, 0);
	say_text("SIGPIPE", "%s",
		 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no");
	close(fd);
}

/* --- the first send behind a reset ------------------------------------------
 */

static struct iovec byte = { "x", 1 };

static ssize_t by_plain_write(int fd)
{
	return write(fd, "x", 1);
}
static ssize_t by_writev(int fd)
{
	return writev(fd, &byte, 1);
}
static ssize_t by_send(int fd)
{
	return send(fd, "x", 1, 0);
}
static ssize_t by_sendto(int fd)
{
	return sendto(fd, "x", 1, 0, NULL, 0);
}
static ssize_t by_sendmsg(int fd)
{
	struct msghdr m = { .msg_iov = &byte, .msg_iovlen = 1 };

	return sendmsg(fd, &m, 0);
}
static ssize_t by_sendmmsg(int fd)
{
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &byte, .msg_iovlen = 1 } };

	return sendmmsg(fd, &m, 1, 0);
}
/* By the same socket's copy with a number that few programs have. */
static ssize_t by_high_number(int fd)
{
	return write(fcntl(fd, F_DUPFD, 17000), "x", 1);
}

static const struct {
	const char *name;
	ssize_t (*send)(int fd);
} ways[] = {
	{ "write", by_plain_write },
	{ "writev", by_writev },
	{ "send", by_send },
	{ "sendto", by_sendto },
	{ "sendmsg", by_sendmsg },
	{ "sendmmsg", by_sendmmsg },
	{ "write above 17000", by_high_number },
};

/* In a process that does nothing about SIGPIPE: the first tells the error, the
 * second ends it. */
static void say_sends(int fd, size_t way)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		say("  first", ways[way].send(fd));
		say("  second", ways[way].send(fd));
		_exit(0);
	}
	waitpid(child, &status, 0);
	say_text("  signal", "%s",
		 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no");
	close(fd);
}

/* A connect that was not waited for and is refused. */
static int refused(void)
{
	struct place p = place("127.0.0.1", "CLOSED");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd wait = { .fd = fd, .events = POLLOUT };

	connect(fd, &p.any, p.len);
	poll(&wait, 1, 10000);
	return fd;
}

static void first_sends(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		printf("%s behind a reset\n", ways[i].name);
		fflush(stdout);
		say_sends(reset("RESET"), i);
		printf("%s behind a refused connect\n", ways[i].name);
		fflush(stdout);
		say_sends(refused(), i);
	}
}

/* --- an end -----------------------------------------------------------------
 */

/* An end in good order, and the reset only for what we write then: the end
 * stays an end. */
static void after_end(void)
{
	int fd = connected("127.0.0.1", "ECHO"), tries = 0;
	char c;

	shutdown(fd, SHUT_WR);
	say("both ended, read", read(fd, &c, 1));
	say("both ended, read again", read(fd, &c, 1));
	say_so_error("both ended, SO_ERROR", fd);
	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1 && tries++ < 5000)
		usleep(1000);
	say("both ended, write", send(fd, "x", 1, MSG_NOSIGNAL));
	close(fd);
}

/* A server that has said all and closed: one send is taken, which it answers
 * with a reset; the next one fails. */
static void closed_by_server(const char *key, int flags)
{
	int fd = connected("127.0.0.1", "BYE");
	struct pollfd p = { .fd = fd };
	char text[64];

	printf("%s\n", key);
	while (read(fd, text, sizeof(text)) > 0)
		;
	say("  send", send(fd, "x", 1, flags));
	say("  poll", poll(&p, 1, 10000));
	say("  send again", send(fd, "x", 1, flags));
	close(fd);
}

int main(void)
{
	by_read("reset", "RESET");
	by_read("data, then reset", "LAST");
	by_error();
	by_write();
	by_signal();
	first_sends();
	after_end();
	closed_by_server("closed by the server", 0);
	closed_by_server("closed by the server, urgent", MSG_OOB);
	return 0;
}
