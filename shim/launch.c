/* Starting the relay; see launch.h. */
#include "launch.h"

#include "keep.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer puts its own clone(2) in front, which takes the child for a
 * fork of its program. */
#ifdef __GLIBC__
__typeof__(clone) __clone;
#define clone __clone
#endif

/* _exit(2), of which sanitizers make the end of their program. */
__attribute__((noreturn)) static void leave(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* Where the relay is, seen from the folder of the library: in the build tree,
 * in PREFIX/lib, in PREFIX/lib/x86_64-linux-gnu. */
static const char *const beside[] = {
	"/xsock-relay",
	"/../libexec/xsock-relay",
	"/../../libexec/xsock-relay",
};

static bool is_executable(const char *path, struct stat *file)
{
	return stat(path, file) == 0 && S_ISREG(file->st_mode) &&
	       (file->st_mode & 0111);
}

/* The file of this library; NULL: not known (yet). */
static const char *own_file;

void xs_launch_prepare(void)
{
	Dl_info info;

	if (dladdr((void *)xs_launch_prepare, &info))
		own_file = info.dli_fname;
}

/* The folder of this library, as far as it can be told. */
static bool own_folder(char folder[PATH_MAX])
{
	char *slash;

	if (!own_file)
		xs_launch_prepare();
	if (!own_file || !realpath(own_file, folder))
		return false;
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	return true;
}

static bool locate_beside(char path[PATH_MAX])
{
	char folder[PATH_MAX];
	struct stat file;

	if (!own_folder(folder))
		return false;
	for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++)
		if (snprintf(path, PATH_MAX, "%s%s", folder, beside[i]) <
			    PATH_MAX &&
		    is_executable(path, &file))
			return true;
	return false;
}

void xs_launch_locate(const char *given, const char *cwd, char path[PATH_MAX])
{
	int len;

	if (given) {
		len = given[0] == '/' || !cwd ?
			      snprintf(path, PATH_MAX, "%s", given) :
			      snprintf(path, PATH_MAX, "%s/%s", cwd, given);
		if (len >= PATH_MAX)
			path[0] = '\0';
	} else if (!locate_beside(path)) {
		snprintf(path, PATH_MAX, "%s", XS_LIBEXECDIR "/xsock-relay");
	}
}

int xs_launch_check(const char *path, struct stat *file, struct xs_error *err)
{
	errno = EACCES;
	if (is_executable(path, file))
		return 0;
	return xs_error_set(err, XS_ERR_RELAY, errno,
			    "cannot start the relay %.200s: %s (it should be "
			    "beside the library or in its libexec, or "
			    "XSOCK_RELAY must name it; if the program changed "
			    "its root directory, inside of that)",
			    path, xs_error_name(errno));
}

/* No copied memory; no signal at the end; and not for the debugger of the
 * application (strace -f), which would wait for the relay. */
enum { UNSEEN = CLONE_VM | CLONE_VFORK | CLONE_UNTRACED };

/* What the child needs; it shares the parent's memory until exec. */
struct start {
	const char *path;
	int listener;
	char *const *argv;
	char *const *envp;
	char *stack_end; /* of the second child */
	int failed;	 /* errno of the step that failed */
};

/* Out of reach of the terminal: no key and no hang-up is meant for the relay.
 * Not by setsid(2), which makes a scheduling group, too (autogroup in sched(7)):
 * then the relay and the program that it works for would be weighed against
 * each other, and each answer of the relay would have to wait for its turn.  But
 * where /dev/tty cannot be had it is the only way. */
static void leave_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	/* ENXIO: there is no terminal. */
	if (fd < 0 && errno != ENXIO) {
		setsid();
		return;
	}
	setpgid(0, 0);
	if (fd >= 0) {
		ioctl(fd, TIOCNOTTY);
		close(fd);
	}
}

/* Becomes the relay.  Runs on a stack of its own, in the parent's memory:
 * system calls only. */
static int second_child(void *arg)
{
	struct start *start = arg;
	int null;

	leave_terminal();
	if (chdir("/") < 0) {
		start->failed = errno;
		leave(127);
	}
	/* Out of the way of 0 to 3. */
	start->listener = fcntl(start->listener, F_DUPFD_CLOEXEC, 10);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (start->listener < 0 || dup2(start->listener, 3) < 0) {
		start->failed = errno;
		leave(127);
	}
	/* Without /dev/null, 0 to 2 may be the application's. */
	if (null < 0)
		syscall(SYS_close_range, 0, 2, 0);
	else if (null <= 2)
		fcntl(null, F_SETFD, 0);
	if (syscall(SYS_close_range, 4, ~0U, 0) < 0)
		for (int fd = 4; fd < 65536; fd++)
			close(fd);
	execve(start->path, start->argv, start->envp);
	start->failed = errno;
	leave(127);
}

/* Starts the relay.  Returns its PID, or an errno made negative. */
static int start_relay(void *arg)
{
	struct start *start = arg;
	int pid = clone(second_child, start->stack_end, UNSEEN, start);

	if (pid < 0)
		return -errno;
	if (!start->failed)
		return pid;
	waitpid(pid, NULL, __WALL);
	return -start->failed;
}

/* Ends at once, so that the relay is nobody's child: execve(2) makes every child
 * one that sends SIGCHLD and that wait(2) sees (de_thread in fs/exec.c).  This
 * one has not called it, and is only seen with __WCLONE. */
static int first_child(void *arg)
{
	struct start *start = arg;
	int pid = start_relay(start);

	if (pid < 0)
		start->failed = -pid;
	leave(0);
}

enum { VARIABLES_MAX = 6 };

/* What the resolver must know; and in a sanitizer build, the relay's reports must
 * go where the application's go. */
static void fill_environment(char *envp[VARIABLES_MAX + 1],
			     const char *const resolver[])
{
	size_t n = 0;
#ifdef __SANITIZE_ADDRESS__
	static char lines[3][512];
	static const char *const names[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS",
					     "LSAN_OPTIONS" };

	for (size_t i = 0; i < 3; i++) {
		const char *value = getenv(names[i]);

		if (!value)
			continue;
		snprintf(lines[n], sizeof(lines[n]), "%s=%s", names[i], value);
		envp[n] = lines[n];
		n++;
	}
#endif
	while (n < VARIABLES_MAX && *resolver)
		envp[n++] = (char *)*resolver++;
	envp[n] = NULL;
}

/* The namespace in which the children of this thread are, if it is not its own
 * (unshare(2), setns(2)).  The relay would end with that one; and where it has
 * no process yet, the first child becomes its init, which must not be one of
 * ours. */
struct elsewhere {
	bool is;
	bool unborn;
	int back; /* a descriptor of it; -1: none */
};

static int leave_elsewhere(struct elsewhere *elsewhere)
{
	static const char own[] = "/proc/thread-self/ns/pid";
	static const char children[] = "/proc/thread-self/ns/pid_for_children";
	struct stat here, there;
	int fd, failed = 0;

	*elsewhere = (struct elsewhere){ .back = -1 };
	if (stat(own, &here) < 0)
		return 0;
	if (stat(children, &there) < 0)
		elsewhere->unborn = errno == ENOENT;
	if (!elsewhere->unborn && there.st_ino == here.st_ino)
		return 0;
	fd = open(own, O_RDONLY | O_CLOEXEC);
	if (!elsewhere->unborn)
		elsewhere->back = open(children, O_RDONLY | O_CLOEXEC);
	if (setns(fd, CLONE_NEWPID) == 0)
		elsewhere->is = true;
	else if (elsewhere->unborn)
		failed = errno;
	close(fd);
	return failed;
}

static void return_elsewhere(const struct elsewhere *elsewhere)
{
	if (elsewhere->is && elsewhere->unborn)
		unshare(CLONE_NEWPID);
	else if (elsewhere->is)
		setns(elsewhere->back, CLONE_NEWPID);
	if (elsewhere->back >= 0)
		close(elsewhere->back);
}

/* Without the fence of signals a handler of the application could run in the
 * child. */
static void start_child(struct start *start, char *stack_end)
{
	sigset_t all, before;
	int pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (xs_keep_needed()) {
		start->failed = xs_keep(start_relay, start);
	} else {
		pid = clone(first_child, stack_end, UNSEEN, start);
		if (pid < 0)
			start->failed = errno;
		else
			waitpid(pid, NULL, __WCLONE);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int xs_launch(const char *path, int listener, int idle,
	      const char *const resolver[], struct xs_error *err)
{
	enum { STACK = 64 * 1024 };
	char idle_text[32] = "--idle=30";
	char *argv[] = { "xsock-relay", "--listen-fd=3", idle_text, NULL };
	char *envp[VARIABLES_MAX + 1];
	struct start start = { .path = path,
			       .listener = listener,
			       .argv = argv,
			       .envp = envp };
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	struct elsewhere elsewhere;

	fill_environment(envp, resolver);
	if (stack == MAP_FAILED)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "no memory to start the relay");
	if (idle >= 0)
		snprintf(idle_text, sizeof(idle_text), "--idle=%d", idle);
	else
		argv[2] = NULL;
	start.stack_end = stack + STACK / 2;
	start.failed = leave_elsewhere(&elsewhere);
	if (!start.failed) {
		start_child(&start, stack + STACK);
		return_elsewhere(&elsewhere);
	}
	munmap(stack, STACK);
	if (!start.failed)
		return 0;
	return xs_error_set(err, XS_ERR_RELAY, start.failed,
			    "cannot start the relay %.200s: %s", path,
			    xs_error_name(start.failed));
}
