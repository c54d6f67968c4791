/* A server that resets the connection: what was sent before is read, the rest
 * of the program learns that this was no end. */
#include "victim.h"

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
	say_poll("  poll", fd, POLLIN | POLLOUT | POLLRDHUP, 1000);
	if (strcmp(port, "LAST") == 0) {
		say("  read", read(fd, line, sizeof(line)));
		say_text("  read gives", "%.10s", line);
	}
	say("  read, the reset", read(fd, line, sizeof(line)));
	say("  read, behind it", read(fd, line, sizeof(line)));
	say_so_error("  SO_ERROR, behind it", fd);
	say("  write, behind it", send(fd, "x", 1, MSG_NOSIGNAL));
	say_poll("  poll, behind it", fd, POLLIN | POLLOUT | POLLRDHUP, 1000);
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

int main(void)
{
	by_read("reset", "RESET");
	by_read("data, then reset", "LAST");
	by_error();
	by_write();
	by_signal();
	after_end();
	return 0;
}
