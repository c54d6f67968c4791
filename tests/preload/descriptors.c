/* Every way to have, lose and hand over a descriptor: duplicates made before
 * and after connect, the standard numbers, a program that closes
 * everything, a socket that another process goes on with. */
#include "victim.h"

/* --- duplicates --------------------------------------------------------- */

static int by_dup(int fd)
{
	return dup(fd);
}
static int by_dup2(int fd)
{
	return dup2(fd, 40);
}
static int by_dup3(int fd)
{
	return dup3(fd, 41, O_CLOEXEC);
}
static int by_fcntl(int fd)
{
	return fcntl(fd, F_DUPFD, 42);
}
static int by_cloexec(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 43);
}

static const struct {
	const char *name;
	int (*copy)(int fd);
} ways[] = {
	{ "dup", by_dup },
	{ "dup2", by_dup2 },
	{ "dup3", by_dup3 },
	{ "F_DUPFD", by_fcntl },
	{ "F_DUPFD_CLOEXEC", by_cloexec },
};

/* A copy is as good as the original, and lives on without it. */
static void check_copy(int fd, int copy)
{
	say("  FD_CLOEXEC of the copy", fcntl(copy, F_GETFD));
	say("  FD_CLOEXEC of the first", fcntl(fd, F_GETFD));
	say_names("  copy", copy);
	say_echo("  echo by the copy", copy, "by the copy\n");
	say_echo("  echo by the first", fd, "by the first\n");
	close(fd);
	say_echo("  echo by the copy alone", copy, "alone\n");
	close(copy);
}

static void duplicates(size_t way)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int copy = ways[way].copy(fd);

	printf("%s before\n", ways[way].name);
	say("  connect", connect(fd, &p.any, p.len));
	check_copy(fd, copy);

	printf("%s before, connect by the copy\n", ways[way].name);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	copy = ways[way].copy(fd);
	say("  connect", connect(copy, &p.any, p.len));
	check_copy(fd, copy);

	printf("%s before, the first is closed\n", ways[way].name);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	copy = ways[way].copy(fd);
	close(fd);
	say("  connect", connect(copy, &p.any, p.len));
	say_names(" ", copy);
	say_echo("  echo", copy, "inherited\n");
	close(copy);

	printf("%s after\n", ways[way].name);
	fd = connected("127.0.0.1", "ECHO");
	check_copy(fd, ways[way].copy(fd));
}

/* --- numbers ------------------------------------------------------------ */

/* Runs in a child, which says what came of it by its exit status. */
static int use_number(int number)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char back[8] = "";

	if (dup2(fd, number) != number)
		return 1;
	close(fd);
	if (connect(number, &p.any, p.len) < 0)
		return 2;
	if (write(number, "standard", 8) != 8 ||
	    recv(number, back, 8, MSG_WAITALL) != 8 ||
	    memcmp(back, "standard", 8) != 0)
		return 3;
	p.len = sizeof(p.storage);
	if (getpeername(number, &p.any, &p.len) < 0 ||
	    ntohs(p.v4.sin_port) != port_of("ECHO"))
		return 4;
	return fcntl(number, F_GETFD) == 0 ? 0 : 5;
}

static void say_child(const char *key, int (*run)(int), int argument)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(run(argument));
	waitpid(child, &status, 0);
	say_text(key, "%s %d", WIFEXITED(status) ? "exit" : "signal",
		 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* --- closing ------------------------------------------------------------ */

static int echoes(int fd)
{
	char back[4];

	return write(fd, "here", 4) == 4 &&
	       recv(fd, back, 4, MSG_WAITALL) == 4 &&
	       memcmp(back, "here", 4) == 0;
}

static int connects_and_echoes(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int fine = connect(fd, &p.any, p.len) == 0 && echoes(fd);

	close(fd);
	return fine;
}

/* As daemon(3) and its many hand-written cousins: everything goes, what the
 * library may have kept included. */
enum { BY_LOOP, BY_CLOSE_RANGE, BY_CLOSEFROM };

static int daemonise(int how)
{
	if (!connects_and_echoes())
		return 1;
	setsid();
	if (how == BY_LOOP)
		for (int i = 0; i < 1024; i++)
			close(i);
	else if (how == BY_CLOSE_RANGE)
		close_range(0, ~0U, 0);
	else
		closefrom(0);
	if (!connects_and_echoes())
		return 2;
	if (open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
		return 3;
	return connects_and_echoes() ? 0 : 4;
}

static int close_others(int how)
{
	int fd = connected("127.0.0.1", "ECHO");

	if (how == BY_CLOSE_RANGE)
		close_range((unsigned)fd + 1, ~0U, 0);
	else
		closefrom(fd + 1);
	if (!echoes(fd) || !connects_and_echoes())
		return 1;
	/* Now the connection itself goes; the server's end says so. */
	if (how == BY_CLOSE_RANGE)
		close_range((unsigned)fd, (unsigned)fd, 0);
	else
		closefrom(fd);
	if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
		return 2;
	return connects_and_echoes() ? 0 : 3;
}

/* close_range marks it close-on-exec instead. */
static int mark(int how)
{
	int fd = connected("127.0.0.1", "ECHO");

	(void)how;
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return 1;
	return fcntl(fd, F_GETFD) == FD_CLOEXEC && echoes(fd) ? 0 : 2;
}

/* What a child closes, the parent keeps. */
static int close_all(int fd)
{
	(void)fd;
	closefrom(3);
	return 0;
}

static void closing(void)
{
	int fd = connected("127.0.0.1", "ECHO");

	say_child("daemon, by a loop", daemonise, BY_LOOP);
	say_child("daemon, by close_range", daemonise, BY_CLOSE_RANGE);
	say_child("daemon, by closefrom", daemonise, BY_CLOSEFROM);
	say_child("close_range above", close_others, BY_CLOSE_RANGE);
	say_child("closefrom above", close_others, BY_CLOSEFROM);
	say_child("close_range, close-on-exec", mark, 0);
	say_child("a child closes everything", close_all, fd);
	say("the parent's echoes", echoes(fd));
	say("close", close(fd));
	say("close again", close(fd));
}

/* --- to another process ------------------------------------------------- */

static void pass(int way, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct iovec one = { (char *)"x", 1 };
	struct msghdr m = { .msg_iov = &one,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	say("  sendmsg", sendmsg(way, &m, 0));
	send(way, "y", 1, MSG_NOSIGNAL); /* what the other says comes behind */
}

static int receive(int way)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control;
	char byte;
	struct iovec one = { &byte, 1 };
	struct msghdr m = { .msg_iov = &one,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(way, &m, 0) == 1 && m.msg_controllen)
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return recv(way, &byte, 1, 0) == 1 ? fd : -1;
}

/* The other process: started with or without the library.  What getpeername
 * says is the library's work, so only who has it asks. */
static int go_on(const char *what)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = receive(0);

	if (fd < 0)
		return 1;
	if (strcmp(what, "connect") == 0)
		say("  connect, elsewhere", connect(fd, &p.any, p.len));
	if (strcmp(what, "use") != 0)
		say_names("  elsewhere", fd);
	say_echo("  echo, elsewhere", fd, "elsewhere\n");
	say("  shutdown, elsewhere", shutdown(fd, SHUT_WR));
	say("  end, elsewhere", recv(fd, &p, 1, MSG_WAITALL));
	return 0;
}

static void hand_over(const char *key, const char *what, int fd)
{
	int way[2], status;
	pid_t child;

	printf("%s\n", key);
	fflush(stdout);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, way);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	child = fork();
	if (child == 0) {
		dup2(way[1], 0);
		if (strcmp(what, "use") == 0)
			unsetenv("LD_PRELOAD");
		execl("/proc/self/exe", "descriptors", what, (char *)NULL);
		_exit(127);
	}
	pass(way[0], fd);
	close(fd);
	waitpid(child, &status, 0);
	say("  status", status);
	close(way[0]);
	close(way[1]);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return go_on(argv[1]);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		duplicates(i);
	say_child("connect on 0", use_number, 0);
	say_child("connect on 1", use_number, 1);
	say_child("connect on 2", use_number, 2);
	closing();
	hand_over("passed", "ask", connected("127.0.0.1", "ECHO"));
	hand_over("passed to who has no library", "use",
		  connected("127.0.0.1", "ECHO"));
	hand_over("passed unconnected", "connect",
		  socket(AF_INET, SOCK_STREAM, 0));
	return 0;
}
