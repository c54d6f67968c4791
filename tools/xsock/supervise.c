/* Starting a supervisor; see supervise.h.
 *
 * In this order: the supervisor is started and shows that it may look into this
 * process; then this process puts itself under the filter and hands the
 * descriptor on; then the supervisor has let go of everything else, and says
 * so.
 */
#include "xsock/supervise.h"

#include "base/descriptor.h"
#include "base/pidfd.h"
#include "base/supervised.h"
#include "base/trace.h"
#include "connect/config.h"
#include "connect/environment.h"
#include "connect/report.h"
#include "relay_client/start_relay.h"
#include "xsock/notify.h"
#include "xsock/supervise_filter.h"
#include "xsock/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Without a signal at its end, which could wait for the command. */
static pid_t fork_unseen(void)
{
	return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

__attribute__((noreturn)) static void leave(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* --- another process ------------------------------------------------------ */

/* May one process of this user read another one's memory, and take its
 * descriptors?  Returns 0, or an errno. */
static int try_process(pid_t process, int number)
{
	/* A child has it at the same place. */
	static char there;
	char here;
	struct iovec to = { .iov_base = &here, .iov_len = 1 };
	struct iovec from = { .iov_base = &there, .iov_len = 1 };
	int fd = xs_pidfd_open(process, 0);
	int copy = fd < 0 ? -1 : xs_pidfd_getfd(fd, number);
	int failed = copy < 0 ? errno : 0;

	if (!failed && process_vm_readv(process, &to, 1, &from, 1, 0) != 1)
		failed = errno;
	if (copy >= 0)
		close(copy);
	if (fd >= 0)
		close(fd);
	return failed;
}

static int fail_process(int errnum, struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_SYSTEM, errnum,
			    "the command cannot be supervised: one process of "
			    "this user may not look into another one "
			    "(pidfd_getfd(2), process_vm_readv(2); is "
			    "kernel.yama.ptrace_scope 1 or more?): %s",
			    xs_error_name(errnum));
}

/* --- the filter ----------------------------------------------------------- */

static int install(const struct xs_supervise_wish *wish)
{
	int listener = xs_supervise_filter(wish);

	if (listener >= 0 || errno != EACCES)
		return listener;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return xs_supervise_filter(wish);
}

/* Sentences about why there is no filter to be had. */
static const struct {
	int errnum; /* 0: any other */
	const char *sentence;
} missing[] = {
	{ EBUSY, "a supervisor of somebody else's is there already (another "
		 "xsock run --supervise, or a container's)" },
	{ EPERM, "seccomp(2) is forbidden here (by a container, or by "
		 "SystemCallFilter= of a systemd unit)" },
	{ ENOTTY, "this kernel's seccomp(2) cannot put descriptors into "
		  "another process (Linux 5.9 can)" },
	{ EINVAL, "this kernel's seccomp(2) has no listener (Linux 5.9 has)" },
	{ ENOSYS, "this kernel or machine has no seccomp(2) filter with a "
		  "listener (Linux 5.9 on x86-64 or arm64 has)" },
	{ 0, NULL },
};

static int fail_filter(int errnum, struct xs_error *err)
{
	size_t i = 0;

	while (missing[i].errnum && missing[i].errnum != errnum)
		i++;
	return xs_error_set(err, XS_ERR_SYSTEM, errnum,
			    "the command cannot be supervised: %s",
			    missing[i].sentence ? missing[i].sentence
						: xs_error_name(errnum));
}

/* Ends with 0, or an errno. */
__attribute__((noreturn)) static void try_filter(void)
{
	struct seccomp_notif_addfd nothing = { .id = 0 };
	const struct xs_supervise_wish wish = { .rules = 0 };
	int fd = install(&wish);

	if (fd < 0)
		leave(errno);
	/* There is no such call; a kernel that does not know the request says
	 * EINVAL. */
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &nothing) < 0 &&
	    errno != ENOENT)
		leave(ENOTTY);
	leave(0);
}

static int ended_with(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, __WALL) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

/* The errno with which that ended in a child; number is one of this process's
 * descriptors. */
static int try_in_child(bool filter, int number)
{
	pid_t process = getpid(), child = fork_unseen();

	if (child == 0 && filter)
		try_filter();
	if (child == 0)
		leave(try_process(process, number));
	return child < 0 ? errno : ended_with(child);
}

int xs_supervise_check(struct xs_error *err)
{
	int any = xs_nothing();
	int failed = any < 0 ? errno : try_in_child(false, any);

	if (any >= 0)
		close(any);
	if (failed)
		return fail_process(failed, err);
	failed = try_in_child(true, -1);
	return failed ? fail_filter(failed, err) : 0;
}

/* --- between the two ------------------------------------------------------ */

static bool say(int to, int number)
{
	return send(to, &number, sizeof(number), MSG_NOSIGNAL) ==
	       sizeof(number);
}

/* EPIPE: there is nobody who says anything. */
static int hear(int from)
{
	int errnum = 0;
	ssize_t got;

	do
		got = recv(from, &errnum, sizeof(errnum), 0);
	while (got < 0 && errno == EINTR);
	return got == sizeof(errnum) ? errnum : EPIPE;
}

/* The supervisor takes it, as it takes the command's sockets: what sends a
 * descriptor, sendmsg(2), may be waiting for the supervisor by now. */
static bool hand_on(int to, int listener)
{
	return say(to, listener);
}

static int take_over(int from, pid_t command)
{
	int number = -1, fd, listener = -1;

	if (recv(from, &number, sizeof(number), 0) != sizeof(number))
		return -1;
	fd = xs_pidfd_open(command, 0);
	if (fd >= 0) {
		listener = xs_pidfd_getfd(fd, number);
		close(fd);
	}
	return listener;
}

/* --- the supervisor's side ------------------------------------------------ */

/* What is sent to the command, its group or its unit is not for the supervisor:
 * while the command ends, it may connect.  No signal of a terminal, either. */
static void ignore_signals(void)
{
	static const int others[] = { SIGHUP,  SIGINT,	SIGQUIT, SIGTERM,
				      SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE,
				      SIGALRM, SIGUSR2, SIGCHLD };
	sigset_t none;

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		signal(others[i], others[i] == SIGCHLD ? SIG_DFL : SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
}

/* Another process's descriptors need as many numbers. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Keeps the descriptors kept[0] and kept[1], which become 3 and 4, and nothing
 * else. */
static bool let_go(int kept[2])
{
	int nothing = xs_nothing();

	kept[0] = fcntl(kept[0], F_DUPFD_CLOEXEC, 10);
	kept[1] = fcntl(kept[1], F_DUPFD_CLOEXEC, 10);
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(nothing, fd) < 0)
			return false;
	for (int i = 0; i < 2; i++)
		if (dup3(kept[i], 3 + i, O_CLOEXEC) < 0)
			return false;
	kept[0] = 3;
	kept[1] = 4;
	return syscall(SYS_close_range, 5, ~0U, 0) == 0 && chdir("/") == 0;
}

__attribute__((noreturn)) static void supervise(pid_t command, int to, int own)
{
	int kept[2] = { own, -1 };

	ignore_signals();
	prctl(PR_SET_NAME, "xsock-supervise");
	/* Which it has open as well. */
	if (!say(own, try_process(command, to)))
		leave(1);
	close(to);
	kept[1] = take_over(own, command);
	if (kept[1] < 0 || !let_go(kept))
		leave(1);
	raise_limit();
	xs_notify_command = xs_pidfd_open(command, 0);
	if (!say(kept[0], 0))
		leave(1);
	close(kept[0]);
	xs_supervisor_run(kept[1]);
}

/* A child of a child is nobody's in this process: the command shall find no
 * child that it has not started. */
static int start(int ends[2])
{
	pid_t command = getpid(), child = fork_unseen(), supervisor;

	if (child == 0) {
		supervisor = fork();
		if (supervisor == 0)
			supervise(command, ends[0], ends[1]);
		leave(supervisor < 0 ? errno : 0);
	}
	return child < 0 ? errno : ended_with(child);
}

/* --- the command's side --------------------------------------------------- */

static int fail(int errnum, const char *what, struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_SYSTEM, errnum,
			    "the command cannot be supervised: %s: %s", what,
			    xs_error_name(errnum));
}

/* Whoever has CAP_SYS_ADMIN does without, and another one may have it before.
 */
static void tell_no_new_privs(int before)
{
	if (before == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		xs_report_process(
			XS_LOG_INFO,
			"is supervised without CAP_SYS_ADMIN, so it has "
			"no_new_privs: set-user-ID, set-group-ID programs and "
			"those with file capabilities, as sudo and ping, get "
			"no other rights (start xsock run as root)");
}

static int go_under(int to, struct xs_error *err)
{
	const struct xs_supervise_wish wish = {
		.rules = xs_supervised_rules(xs_environment.rules,
					     xs_environment.options),
		.look_on = strcmp(xs_environment.rules, XS_TRACE_NO_RULES) == 0,
		.datagrams = xs_config_datagrams,
	};
	int before = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	int listener, failed = hear(to);
	bool done;

	if (failed)
		return fail_process(failed, err);
	listener = install(&wish);
	if (listener < 0)
		return fail_filter(errno, err);
	done = hand_on(to, listener);
	failed = done ? hear(to) : EPIPE;
	close(listener);
	if (failed)
		return fail(failed, "the supervisor has ended", err);
	tell_no_new_privs(before);
	return 0;
}

int xs_supervise_begin(const char *library, struct xs_error *err)
{
	int ends[2], failed, result;

	xs_start_relay_beside(library);
	if (!xs_config_active() || !xs_config_rules())
		return xs_error_set(err, XS_ERR_RULES, EINVAL,
				    "the command cannot be supervised: the "
				    "rules cannot be read");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return fail(errno, "socketpair(2)", err);
	failed = start(ends);
	close(ends[1]);
	result = failed ? fail(failed, "fork(2)", err) : go_under(ends[0], err);
	close(ends[0]);
	return result;
}
