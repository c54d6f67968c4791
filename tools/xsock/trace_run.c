/* Running the traced command; see trace.h.
 *
 * The command is a child of this process, in its process group, with its
 * terminal.  Who sends this process a signal means the command: it is passed
 * on.  What a terminal sends comes to both, and is ignored here.  Where the
 * command stops, this process does, so that a shell sees it.
 */
#include "xsock/command.h"
#include "xsock/trace.h"

#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LOOK_MS = 10,	  /* how often the ring is emptied */
	GOODBYE_MS = 300, /* for a supervisor to end behind the command */
};

/* As they were. */
static sigset_t old_mask;
static struct sigaction old_child;

static void enter(void *book, const struct xs_trace_event *event)
{
	xs_book_enter(book, event);
}

static void take_all(struct xs_book *book)
{
	xs_trace_take_all(enter, book);
	book->lost = xs_trace_lost();
}

int xs_trace_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		ends[i] = xs_above_stdio(ends[i]);
	if (ends[0] >= 0 && ends[1] >= 0)
		return 0;
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	errno = EMFILE;
	return -1;
}

/* --- starting ------------------------------------------------------------- */

/* The exit status goes to told, where it cannot be taken for the command's. */
__attribute__((noreturn)) static void be_command(const struct xs_become *become,
						 char **argv, int told)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	int status;

	sigaction(SIGCHLD, &old_child, NULL);
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	status = xs_become(become, argv, &err);
	fprintf(stderr, "xsock: %s\n", err.text);
	/* Nobody is there to be told that it failed. */
	(void)!write(told, &status, sizeof(status));
	_exit(status);
}

/* Waits until the command has begun: 0, or the exit status. */
static int hear_begin(int told)
{
	int status = 0;
	ssize_t got;

	do
		got = read(told, &status, sizeof(status));
	while (got < 0 && errno == EINTR);
	return got == sizeof(status) ? status : 0;
}

static pid_t begin(const struct xs_become *become, char **argv, int *failed)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	int told[2];
	sigset_t all;
	pid_t pid;

	if (xs_trace_pipe(told) < 0)
		return -1;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old_mask);
	sigaction(SIGCHLD, &usual, &old_child);
	pid = fork();
	if (pid == 0)
		be_command(become, argv, told[1]);
	close(told[1]);
	if (pid > 0)
		*failed = hear_begin(told[0]);
	close(told[0]);
	return pid;
}

/* --- while it runs -------------------------------------------------------- */

static bool is_from_process(const siginfo_t *info)
{
	return info->si_code == SI_USER || info->si_code == SI_QUEUE ||
	       info->si_code == SI_TKILL;
}

static void pass_on(pid_t pid, const siginfo_t *info)
{
	if (info->si_signo == SIGCHLD || info->si_pid == pid ||
	    !is_from_process(info))
		return;
	kill(pid, info->si_signo);
}

/* Has it ended?  Stops with it. */
static bool look(pid_t pid, int *status)
{
	pid_t got;

	while ((got = waitpid(pid, status, WNOHANG | WUNTRACED)) == pid) {
		if (!WIFSTOPPED(*status))
			return true;
		raise(SIGSTOP);
		kill(pid, SIGCONT);
	}
	return got < 0 && errno == ECHILD;
}

static void follow(pid_t pid, struct xs_book *book, int *status)
{
	const struct timespec wait = { .tv_nsec = LOOK_MS * 1000000L };
	siginfo_t info;
	sigset_t all;

	sigfillset(&all);
	while (!look(pid, status)) {
		if (sigtimedwait(&all, &info, &wait) > 0)
			pass_on(pid, &info);
		take_all(book);
	}
}

/* Events were put before the command ended.  What it has started may go on. */
static void say_goodbye(struct xs_book *book)
{
	const struct timespec wait = { .tv_nsec = LOOK_MS * 1000000L };

	for (int i = 0; i < GOODBYE_MS / LOOK_MS && xs_trace_attached() > 1;
	     i++)
		nanosleep(&wait, NULL);
	take_all(book);
	if (xs_trace_attached() > 1)
		fprintf(stderr,
			"xsock trace: something that the command has started "
			"goes on; what it does from here on is not seen\n");
}

int xs_trace_run(const struct xs_become *become, char **argv,
		 struct xs_book *book, int *status)
{
	int failed = 0;
	pid_t pid = begin(become, argv, &failed);

	if (pid < 0) {
		fprintf(stderr, "xsock trace: cannot start a process: %s\n",
			strerror(errno));
		return XS_EXIT_RUN_FAILED;
	}
	follow(pid, book, status);
	if (failed)
		return failed;
	say_goodbye(book);
	return 0;
}

bool xs_trace_interrupted(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	static bool interrupted;
	const struct timespec none = { .tv_sec = 0 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaddset(&set, ends[i]);
	if (sigtimedwait(&set, NULL, &none) > 0)
		interrupted = true;
	return interrupted;
}
