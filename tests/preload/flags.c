/* What belongs to the descriptor and not to the socket is kept. */
#include "victim.h"

static void flags(const char *key, int type, int before)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM | type, 0);
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	int after;

	printf("%s\n", key);
	if (before)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | before);
	fcntl(fd, F_SETOWN, getpid());
	if (connect(fd, &p.any, p.len) < 0 && errno == EINPROGRESS)
		poll(&out, 1, 10000);
	after = fcntl(fd, F_GETFL);
	say("  FD_CLOEXEC", fcntl(fd, F_GETFD));
	say("  O_NONBLOCK", (after & O_NONBLOCK) != 0);
	say("  O_ASYNC", (after & O_ASYNC) != 0);
	say("  O_ACCMODE", after & O_ACCMODE);
	say("  F_GETOWN is me", fcntl(fd, F_GETOWN) == getpid());
	say("  F_GETSIG", fcntl(fd, F_GETSIG));
	say_echo("  echo", fd, "flagged\n");
	close(fd);
}

/* The same number, whatever it is. */
static void high_number(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int low = socket(AF_INET, SOCK_STREAM, 0);
	int fd = fcntl(low, F_DUPFD_CLOEXEC, 500);

	close(low);
	say("high, number", fd);
	say("high, connect", connect(fd, &p.any, p.len));
	say_echo("high, echo", fd, "high\n");
	say("high, FD_CLOEXEC", fcntl(fd, F_GETFD));
	close(fd);
}

/* Standard input, output or error may be the socket: or none may be open. */
static void standard_descriptors(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		char back[8] = "";
		int keep = dup(1), fd;

		close(0);
		close(1);
		close(2);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, &p.any, p.len) < 0)
			_exit(errno);
		if (write(fd, "zero", 4) != 4 || read(fd, back, 4) != 4)
			_exit(1);
		dup2(keep, 1);
		say("as standard input, number", fd);
		say_text("as standard input", "%s", back);
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("as standard input, status", status);
}

int main(void)
{
	signal(SIGIO, SIG_IGN);
	flags("plain", 0, 0);
	flags("cloexec", SOCK_CLOEXEC, 0);
	flags("non-blocking", SOCK_NONBLOCK, 0);
	flags("both", SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	flags("async", 0, O_ASYNC);
	high_number();
	standard_descriptors();
	return 0;
}
