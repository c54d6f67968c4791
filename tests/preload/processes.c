/* One connection in several processes: inherited over exec by programs with
 * the library and without, standard input and output of another, used by two at
 * once, traced; and programs that clean their environment. */
#include "victim.h"
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

extern char **environ;

static const char *self;

/* What a program says about a connection that it was started with. */
static int inherited(int fd)
{
	say_names("  heir", fd);
	say("  heir, getsockopt",
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 0 },
		       &(socklen_t){ sizeof(int) }));
	return say_echo("  heir, echo", fd, "from the heir\n") ? 0 : 1;
}

static void wait_for(const char *key, pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	say(key, status);
}

/* exec of this program, with the library or without. */
static void over_exec(const char *key, bool without)
{
	int fd = connected("127.0.0.1", "ECHO");
	char number[16];
	pid_t child;

	printf("%s\n", key);
	fflush(stdout);
	snprintf(number, sizeof(number), "%d", fd);
	child = fork();
	if (child == 0) {
		if (without)
			unsetenv("LD_PRELOAD");
		execl(self, self, "inherited", number, (char *)NULL);
		_exit(127);
	}
	wait_for("  status", child);
	say_echo("  afterwards, echo", fd, "from the parent\n");
	close(fd);
}

static void say_back(const char *key, int fd, size_t want)
{
	char back[256] = "";

	recv(fd, back, want, MSG_WAITALL);
	back[strcspn(back, "\n")] = '\0';
	say_text(key, "%s", back);
}

/* echo(1) with the connection as standard output. */
static void by_spawn(void)
{
	static char *const argv[] = { "echo", "spawned", NULL };
	posix_spawn_file_actions_t actions;
	int fd = connected("127.0.0.1", "ECHO");
	pid_t child = -1;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, 1);
	say("posix_spawn",
	    posix_spawn(&child, "/bin/echo", &actions, NULL, argv, environ));
	wait_for("posix_spawn, status", child);
	say_back("posix_spawn, back", fd, 8);
	posix_spawn_file_actions_destroy(&actions);
	close(fd);
}

static void by_shell(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	FILE *pipe;

	/* A shell has one digit for a descriptor. */
	dup2(fd, 9);
	say("system", system("echo by system >&9"));
	say_back("system, back", fd, 10);
	pipe = popen("read line && echo \"$line\" >&9", "w");
	fputs("by popen\n", pipe);
	say("popen, status", pclose(pipe));
	say_back("popen, back", fd, 9);
	pipe = popen("echo asked >&9; read line <&9; echo \"$line\"", "r");
	say_text("popen, what it reads", "%s",
		 fgets((char[64]){ 0 }, 64, pipe) ? "a line" : "nothing");
	say("popen, reads, status", pclose(pipe));
	close(9);
	close(fd);
}

/* As inetd(8) starts a service: the connection is 0, 1 and 2. */
static void as_inetd(const char *key, const char *script)
{
	int fd = connected("127.0.0.1", "ECHO");
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		for (int i = 0; i <= 2; i++)
			dup2(fd, i);
		close(fd);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	close(fd);
	wait_for(key, child);
}

/* One writes what the other reads, both at the same time. */
static void both_directions(void)
{
	enum { BYTES = 200000 };
	static char buffer[BYTES];
	int fd = connected("127.0.0.1", "ECHO");
	size_t have = 0;
	ssize_t got;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		for (size_t i = 0; i < BYTES; i++)
			buffer[i] = (char)(i % 251);
		for (size_t i = 0; i < BYTES; i += 1000)
			if (write(fd, buffer + i, 1000) != 1000)
				_exit(1);
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	while (have < BYTES &&
	       (got = read(fd, buffer + have, BYTES - have)) > 0)
		have += (size_t)got;
	for (size_t i = 0; i < have; i++)
		if (buffer[i] != (char)(i % 251))
			have = i;
	say("the child writes, the parent reads", (long)have);
	say("the child's shutdown, the parent reads", read(fd, buffer, 1));
	wait_for("the child that writes, status", child);
	close(fd);
}

/* The child of a parent that has gone. */
static void orphan(void)
{
	int fd = connected("127.0.0.1", "ECHO"), ends[2];
	char how[16] = "";

	if (pipe(ends) < 0)
		return;
	fflush(stdout);
	if (fork() == 0) {
		if (fork())
			_exit(0);
		close(ends[0]);
		/* Until the parent has gone. */
		for (int i = 0; i < 1000 && getppid() != 1; i++)
			usleep(10000);
		if (write(fd, "orphan", 6) == 6 &&
		    recv(fd, how, 6, MSG_WAITALL) == 6 &&
		    write(ends[1], how, 6) == 6)
			_exit(0);
		_exit(1);
	}
	close(fd);
	close(ends[1]);
	wait(NULL);
	say_text("the orphan says", "%s",
		 read(ends[0], how, 6) == 6 ? how : "nothing");
	close(ends[0]);
}

/* A debugger that follows every child: it must not get the relay. */
static void traced(void)
{
	int status, stops = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		int fd;

		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		fd = connected("127.0.0.1", "ECHO");
		_exit(say_echo("traced, echo", fd, "traced\n") ? 0 : 1);
	}
	waitpid(child, &status, 0);
	ptrace(PTRACE_SETOPTIONS, child, NULL,
	       PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, child, NULL, NULL);
	for (;;) {
		pid_t who = waitpid(-1, &status, __WALL);

		if (who < 0 || WIFEXITED(status) || WIFSIGNALED(status))
			break;
		stops++;
		ptrace(PTRACE_CONT, who, NULL,
		       (void *)(long)(WSTOPSIG(status) == SIGTRAP
					      ? 0
					      : WSTOPSIG(status)));
	}
	say("traced, status", status);
	say("traced, stops", stops);
	say("traced, nobody is left", waitpid(-1, &status, __WALL));
}

/* The environment is not read again. */
static void clean_environment(void)
{
	fflush(stdout);
	if (fork() == 0) {
		struct place p = place("127.0.0.1", "ECHO");
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		clearenv();
		say("clean environment", connect(fd, &p.any, p.len));
		say_echo("clean environment, echo", fd, "clean\n");
		_exit(0);
	}
	wait(NULL);
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 3)
		return inherited(atoi(argv[2]));
	/* Before the first connect of this process: the traced one starts the
	 * relay, if there is none. */
	traced();
	over_exec("exec, with the library", false);
	over_exec("exec, without", true);
	by_spawn();
	by_shell();
	as_inetd("inetd, a shell",
		 "echo line; read line; test \"$line\" = line && exit 7");
	as_inetd("inetd, cat",
		 "echo stop | exec cat; exec head -c 5 >/dev/null");
	both_directions();
	orphan();
	clean_environment();
	return 0;
}
