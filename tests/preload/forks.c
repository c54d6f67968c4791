/* Children: both sides use the connection, wait() knows only one's own. */
#include "victim.h"

static volatile sig_atomic_t children_died;

static void on_child(int signal)
{
	(void)signal;
	children_died++;
}

/* The child talks first, then the parent, on one connection. */
static void both_sides(void)
{
	int fd = connected("127.0.0.1", "ECHO"), status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		say_echo("child, echo", fd, "from the child\n");
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("child's status", status);
	say_echo("parent, echo", fd, "from the parent\n");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	say("end after the child's shutdown", read(fd, &(char){ 0 }, 1));
	close(fd);
}

/* The parent closes, the child goes on; and the other way round. */
static void one_side(void)
{
	int fd = connected("127.0.0.1", "ECHO"), status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		usleep(100000);
		_exit(say_echo("child alone, echo", fd, "alone\n") ? 0 : 1);
	}
	close(fd);
	waitpid(child, &status, 0);
	say("child alone, status", status);
}

/* A child connects; the parent hears of one child only. */
static void in_children(void)
{
	fflush(stdout);
	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			int fd = connected("127.0.0.1", "ECHO");
			char c = 'x';

			_exit(write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1
				      ? 40
				      : 1);
		}
	for (int i = 0, good = 0;; i++) {
		int status;

		if (wait(&status) < 0) {
			say_text("children with a connection", "%d of %d", good,
				 i);
			break;
		}
		good += WIFEXITED(status) && WEXITSTATUS(status) == 40;
	}
}

/* A fork of a program that never connected before, then vfork and exec. */
static void exec_child(void)
{
	int fd = connected("127.0.0.1", "ECHO"), status;
	char back[8] = "";
	pid_t child;

	fflush(stdout);
	child = vfork();
	if (child == 0) {
		dup2(fd, 1);
		execl("/proc/self/exe", "forks", "by exec", (char *)NULL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	say("vfork and exec, status", status);
	recv(fd, back, 7, MSG_WAITALL);
	say_text("vfork and exec", "%s", back);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_child,
				    .sa_flags = SA_RESTART };
	int fd, status;

	if (argc == 2)
		return write(1, argv[1], strlen(argv[1])) < 0;
	sigaction(SIGCHLD, &action, NULL);
	fd = connected("127.0.0.1", "ECHO");
	/* A relay was started by now, if it has to be. */
	say("wait for nobody", wait(&status));
	say("waitid for nobody",
	    waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG));
	say("wait with __WALL", waitpid(-1, &status, WNOHANG | __WALL));
	usleep(50000);
	say("SIGCHLD", children_died);
	say_echo("first", fd, "childless\n");
	close(fd);
	both_sides();
	one_side();
	in_children();
	exec_child();
	say("wait for nobody, in the end", wait(&status));
	return 0;
}
