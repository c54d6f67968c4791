/* Starts a program by each function of libc that can, with an environment that
 * has everything or next to nothing.
 *
 *     start FUNCTION full|clean|twice PROGRAM [ARGUMENT]
 *
 * "twice": everything, and behind it another LD_PRELOAD.
 * Prints "NAME: ERRNO" when it cannot; else what the program prints, and ends
 * with its status.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *function, *program, *argument;
static char **envp;

static int fail(int error)
{
	printf("%s: %s\n", function, strerrorname_np(error));
	return 3;
}

static int ended(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

static int wait_for(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? ended(status) : 4;
}

static int is(const char *name)
{
	return strcmp(function, name) == 0;
}

/* Those of the family that replace this process. */
static void execute(char *const argv[])
{
	if (is("execve"))
		execve(program, argv, envp);
	else if (is("execv"))
		execv(program, argv);
	else if (is("execvp"))
		execvp(program, argv);
	else if (is("execvpe"))
		execvpe(program, argv, envp);
	else if (is("execl"))
		execl(program, program, argument, NULL);
	else if (is("execlp"))
		execlp(program, program, argument, NULL);
	else if (is("execle") && argument)
		execle(program, program, argument, NULL, envp);
	else if (is("execle"))
		execle(program, program, NULL, envp);
	else if (is("fexecve"))
		fexecve(open(program, O_RDONLY), argv, envp);
	else if (is("fexecve-path"))
		fexecve(open(program, O_PATH), argv, envp);
	else if (is("fexecve-none"))
		fexecve(1000, argv, envp);
	else if (is("execveat"))
		execveat(AT_FDCWD, program, argv, envp, 0);
	else if (is("execveat-fd"))
		execveat(open(program, O_PATH), "", argv, envp, AT_EMPTY_PATH);
	else
		errno = ENOSYS;
}

/* From another folder: the program without its first slash, from "/". */
static int spawn_moved(char *const argv[])
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int failed;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	failed = posix_spawn(&pid, program + 1, &actions, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&actions);
	return failed ? fail(failed) : wait_for(pid);
}

static pid_t spawned;
static volatile int spawn_failed = ECANCELED;

static void *spawn_canceled(void *argv)
{
	pthread_cancel(pthread_self());
	spawn_failed = posix_spawn(&spawned, program, NULL, NULL, argv, envp);
	return NULL;
}

/* posix_spawn(3) is no cancellation point. */
static int spawn_in_canceled_thread(char *const argv[])
{
	pthread_t thread;

	pthread_create(&thread, NULL, spawn_canceled, (void *)argv);
	pthread_join(thread, NULL);
	return spawn_failed ? fail(spawn_failed) : wait_for(spawned);
}

static int spawn(char *const argv[])
{
	pid_t pid;
	int failed =
		is("posix_spawnp")
			? posix_spawnp(&pid, program, NULL, NULL, argv, envp)
			: posix_spawn(&pid, program, NULL, NULL, argv, envp);

	return failed ? fail(failed) : wait_for(pid);
}

/* A child that shares the memory; what it says must come from the parent. */
static int vforked(char *const argv[])
{
	volatile int failed = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(program, argv, envp);
		failed = errno;
		_exit(127);
	}
	return failed ? (waitpid(pid, NULL, 0), fail(failed)) : wait_for(pid);
}

static int by_shell(void)
{
	char line[1024];
	FILE *pipe;
	int status;

	snprintf(line, sizeof(line), "exec %s %s", program,
		 argument ? argument : "");
	if (is("system")) {
		status = system(line);
		return status < 0 ? fail(errno) : ended(status);
	}
	pipe = popen(line, "r");
	if (!pipe)
		return fail(errno);
	while (fgets(line, sizeof(line), pipe))
		fputs(line, stdout);
	return ended(pclose(pipe));
}

/* The environment, and behind it another LD_PRELOAD. */
static char **with_second_preload(void)
{
	static char *list[1024];
	size_t n = 0;

	for (; environ[n] && n < 1022; n++)
		list[n] = environ[n];
	list[n] = "LD_PRELOAD=none.so";
	return list;
}

int main(int argc, char **argv)
{
	static char *clean[] = { "PATH=/usr/bin:/bin", NULL };
	char *arguments[3];

	if (argc < 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	function = argv[1];
	program = argv[3];
	argument = argv[4];
	if (strcmp(argv[2], "clean") == 0)
		environ = clean;
	envp = strcmp(argv[2], "twice") == 0 ? with_second_preload() : environ;
	arguments[0] = argv[3];
	arguments[1] = argv[4];
	arguments[2] = NULL;
	if (is("spawn-moved"))
		return spawn_moved(arguments);
	if (is("spawn-canceled"))
		return spawn_in_canceled_thread(arguments);
	if (strncmp(function, "posix_spawn", 11) == 0)
		return spawn(arguments);
	if (is("vfork"))
		return vforked(arguments);
	if (is("system") || is("popen"))
		return by_shell();
	execute(arguments);
	return fail(errno);
}
