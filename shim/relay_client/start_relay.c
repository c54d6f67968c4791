/* Starting the relay; see start_relay.h. */
#include "relay_client/start_relay.h"

#include "base/descriptor.h"
#include "base/relay_variable.h"
#include "relay_client/find_relay.h"
#include "relay_client/identity.h"
#include "relay_client/relay_parent.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
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

/* Where the relay is, seen from so many folders above that of the library: in
 * the build tree, in PREFIX/lib, in PREFIX/lib/x86_64-linux-gnu. */
static const struct {
	int up;
	const char *path;
} beside[] = {
	{ 0, "/xsock-relay" },
	{ 1, "/libexec/xsock-relay" },
	{ 2, "/libexec/xsock-relay" },
};

static bool is_executable(const char *path, struct stat *file)
{
	return stat(path, file) == 0 && S_ISREG(file->st_mode) &&
	       (file->st_mode & 0111);
}

/* The file of this library; NULL: not known (yet). */
static const char *own_file;

void xs_start_relay_prepare(void)
{
	Dl_info info;

	if (dladdr((void *)xs_start_relay_prepare, &info))
		own_file = info.dli_fname;
}

void xs_start_relay_beside(const char *library)
{
	own_file = library;
}

static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/* The folder of this library, as far as it can be told, without links. */
static bool own_folder(char folder[PATH_MAX])
{
	if (!own_file)
		xs_start_relay_prepare();
	if (!own_file || !realpath(own_file, folder))
		return false;
	cut_last(folder);
	return true;
}

static bool locate_beside(char path[PATH_MAX])
{
	char folder[PATH_MAX];
	struct stat file;

	if (!own_folder(folder))
		return false;
	for (size_t i = 0, up = 0; i < sizeof(beside) / sizeof(*beside); i++) {
		for (; up < (size_t)beside[i].up; up++)
			cut_last(folder);
		if (snprintf(path, PATH_MAX, "%s%s", folder, beside[i].path) <
			    PATH_MAX &&
		    is_executable(path, &file))
			return true;
	}
	return false;
}

void xs_start_relay_locate(const char *given, const char *cwd,
			   char path[PATH_MAX])
{
	int len;

	if (given) {
		len = given[0] == '/' || !cwd
			      ? snprintf(path, PATH_MAX, "%s", given)
			      : snprintf(path, PATH_MAX, "%s/%s", cwd, given);
		if (len >= PATH_MAX)
			path[0] = '\0';
	} else if (!locate_beside(path)) {
		snprintf(path, PATH_MAX, "%s", XS_LIBEXECDIR "/xsock-relay");
	}
}

int xs_start_relay_check(const char *path, struct stat *file,
			 struct xs_error *err)
{
	errno = EACCES;
	if (is_executable(path, file))
		return 0;
	return xs_error_set(err, XS_ERR_RELAY, errno,
			    "cannot start the relay %.200s: %s (it should be "
			    "beside the library or in its libexec, or "
			    "XSOCK_RELAY must name it; if the program changed "
			    "its root directory (chroot), it must be inside "
			    "of that, with the libraries that ldd lists for "
			    "it, the CA certificates and the rule's files)",
			    path, xs_error_name(errno));
}

/* No copied memory; no signal at the end; and not for the debugger of the
 * application (strace -f), which would wait for the relay. */
enum { UNSEEN = CLONE_VM | CLONE_VFORK | CLONE_UNTRACED };

/* What the child needs; it shares the parent's memory until exec. */
struct start {
	const char *path;
	int listener;
	int words; /* the pipe's end for its standard error */
	char *const *argv;
	char *const *envp;
	char *stack_end; /* of the second child */
	int failed;	 /* errno of the step that failed */
	int pid;	 /* of the relay */
};

/* Out of reach of the terminal: no key and no hang-up is meant for the relay.
 * Not by setsid(2), which makes a scheduling group, too (autogroup in
 * sched(7)): then the relay and the program that it works for would be weighed
 * against each other, and each answer of the relay would have to wait for its
 * turn.  But where /dev/tty cannot be had it is the only way. */
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
	/* setarch(8): addresses that are not random, an older kernel's name. */
	syscall(SYS_personality, 0);
	/* Out of the way of 0 to 3. */
	start->listener = fcntl(start->listener, F_DUPFD_CLOEXEC, 10);
	start->words = fcntl(start->words, F_DUPFD_CLOEXEC, 10);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= 1; fd++)
		dup2(null, fd);
	if (start->listener < 0 || start->words < 0 ||
	    dup2(start->listener, 3) < 0 || dup2(start->words, 2) < 0) {
		start->failed = errno;
		leave(127);
	}
	/* Without /dev/null, 0 and 1 may be the application's. */
	if (null < 0)
		syscall(SYS_close_range, 0, 1, 0);
	else if (null <= 1)
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
		return start->pid = pid;
	waitpid(pid, NULL, __WALL);
	return -start->failed;
}

/* Ends at once, so that the relay is nobody's child: execve(2) makes every
 * child one that sends SIGCHLD and that wait(2) sees (de_thread in fs/exec.c).
 * This one has not called it, and is only seen with __WCLONE. */
static int first_child(void *arg)
{
	struct start *start = arg;
	int pid = start_relay(start);

	if (pid < 0)
		start->failed = -pid;
	leave(0);
}

enum { VARIABLES_MAX = XS_RELAY_VARIABLES + 4 };

/* What cannot be told otherwise (relay_variable.h); and in a sanitizer build,
 * the relay's reports must go where the application's go. */
static void fill_environment(char *envp[VARIABLES_MAX + 1],
			     const char *const variables[])
{
	size_t n = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	static char lines[4][512];
	static const char *const names[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS",
					     "LSAN_OPTIONS", "TSAN_OPTIONS" };

	for (size_t i = 0; i < 4; i++) {
		const char *value = getenv(names[i]);

		if (!value)
			continue;
		snprintf(lines[n], sizeof(lines[n]), "%s=%s", names[i], value);
		envp[n] = lines[n];
		n++;
	}
#endif
	while (n < VARIABLES_MAX && *variables)
		envp[n++] = (char *)*variables++;
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
	if (xs_relay_parent_needed()) {
		pid = xs_relay_parent(start_relay, start);
		if (pid < 0)
			start->failed = -pid;
		else
			start->pid = pid;
	} else {
		pid = clone(first_child, stack_end, UNSEEN, start);
		if (pid < 0)
			start->failed = errno;
		else
			waitpid(pid, NULL, __WCLONE);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* What the relay is told: who starts it, and whom it is for. */
struct words {
	char idle[32], starter[32], label[256 + 16];
	char *argv[8];
};

static void fill_arguments(struct words *words, bool alone)
{
	static char name[] = "xsock-relay", listen[] = "--listen-fd=3",
		    private[] = "--private";
	size_t n = 0;
	const size_t prefix = strlen("--label=");

	words->argv[n++] = name;
	words->argv[n++] = listen;
	snprintf(words->starter, sizeof(words->starter), "--starter=%d",
		 (int)getpid());
	words->argv[n++] = words->starter;
	if (alone)
		words->argv[n++] = private;
	memcpy(words->label, "--label=", prefix);
	if (xs_identity_label(words->label + prefix,
			      sizeof(words->label) - prefix))
		words->argv[n++] = words->label;
	snprintf(words->idle, sizeof(words->idle), "--idle=%d",
		 xs_relay_settings.idle);
	if (xs_relay_settings.idle >= 0)
		words->argv[n++] = words->idle;
	words->argv[n] = NULL;
}

/* Reads what the relay writes, until it writes the zero that says that it
 * serves, ends, or the time is over.  Returns 1, 0 or -1; text has what stood
 * before. */
static int hear(int fd, char *text, size_t size)
{
	enum { SERVES_MS = 5000 };
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	for (;;) {
		ssize_t got;
		int polled = poll(&ready, 1, SERVES_MS);

		text[len] = '\0';
		if (polled < 0 && errno == EINTR)
			continue;
		if (polled <= 0)
			return -1;
		got = read(fd, text + len, size - 1 - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		if (memchr(text + len, '\0', (size_t)got))
			return 1;
		len += (size_t)got;
		if (len == size - 1)
			len = size / 2;
	}
}

/* For one line of the log. */
static void make_line(char *text)
{
	size_t len = strlen(text);

	while (len && (unsigned char)text[len - 1] <= ' ')
		text[--len] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

static enum xs_start judge(struct start *start, int fd, pid_t *pid,
			   struct xs_error *err)
{
	char text[512];
	int heard = hear(fd, text, sizeof(text));

	*pid = heard > 0 ? start->pid : getpid();
	if (heard)
		return XS_STARTED;
	make_line(text);
	xs_error_set(err, XS_ERR_RELAY, EACCES,
		     "the relay %.200s ends as soon as it is started%s%.300s "
		     "(is this xsock's relay, with its libraries? XSOCK_RELAY "
		     "names another)",
		     start->path, text[0] ? ": " : ", without a word", text);
	return XS_START_ENDED;
}

/* Runs it. */
static void run(struct start *start)
{
	enum { STACK = 64 * 1024 };
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	struct elsewhere elsewhere;

	start->failed = stack == MAP_FAILED ? ENOMEM : 0;
	if (!start->failed) {
		start->stack_end = stack + STACK / 2;
		start->failed = leave_elsewhere(&elsewhere);
		if (!start->failed) {
			start_child(start, stack + STACK);
			return_elsewhere(&elsewhere);
		}
		munmap(stack, STACK);
	}
}

static void fail_start(const char *path, int errnum, struct xs_error *err)
{
	/* clone(2), and execve(2) behind a change of the user. */
	if (errnum == EAGAIN)
		xs_error_set(err, XS_ERR_RELAY, errnum,
			     "cannot start the relay %.200s: this process may "
			     "start no other one (RLIMIT_NPROC, or TasksMax= "
			     "of a systemd unit; haproxy sets RLIMIT_NPROC to "
			     "0, unless its section global has "
			     "insecure-fork-wanted)",
			     path);
	else
		xs_error_set(err, XS_ERR_RELAY, errnum,
			     "cannot start the relay %.200s: %s", path,
			     xs_error_name(errnum));
}

enum xs_start xs_start_relay(const char *path, int listener, bool alone,
			     pid_t *pid, struct xs_error *err)
{
	enum xs_start result = XS_START_FAILED;
	char *envp[VARIABLES_MAX + 1];
	struct words arguments;
	int words[2] = { -1, -1 };
	struct start start = { .path = path,
			       .listener = listener,
			       .argv = arguments.argv,
			       .envp = envp };

	fill_environment(envp, xs_relay_settings.variables);
	fill_arguments(&arguments, alone);
	if (pipe2(words, O_CLOEXEC) < 0)
		start.failed = errno;
	for (int i = 0; i < 2 && !start.failed; i++) {
		words[i] = xs_above_stdio(words[i]);
		if (words[i] < 0)
			start.failed = errno;
	}
	start.words = words[1];
	if (!start.failed)
		run(&start);
	if (words[1] >= 0)
		close(words[1]);
	if (start.failed)
		fail_start(path, start.failed, err);
	else
		result = judge(&start, words[0], pid, err);
	if (words[0] >= 0)
		close(words[0]);
	return result;
}
