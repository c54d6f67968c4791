/* System calls that a filter may punish; see allowed.h.
 *
 * The children are made with CLONE_VFORK, as the library makes the relay
 * itself, so that no other call is needed to wait for one.  They do not share
 * the memory: before Linux 5.16 a core dump killed all who did.
 */
#include "relay/base/allowed.h"

#include "base/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* With arguments that fail, where the call would change something. */
static void try_pidfd(void)
{
	xs_pidfd_open(-1, 0);
	xs_pidfd_getfd(-1, -1);
}

static void try_links(void)
{
	char target[2];

	if (readlink("", target, sizeof(target)) < 0)
		/* NOLINTNEXTLINE(bugprone-unused-return-value) */
		(void)access("", F_OK);
}

static void try_folders(void)
{
	char entries[64];

	syscall(SYS_getdents64, -1, entries, sizeof(entries));
}

static void try_names(void)
{
	if (rename("", "") < 0)
		unlink("");
}

static void try_yield(void)
{
	sched_yield();
}

static void try_statfs(void)
{
	struct statfs found;

	if (statfs("", &found) < 0)
		return;
}

/* A filter that lets the child live and refuses these has the same answer. */
static void try_many(void)
{
	struct mmsghdr none = { .msg_len = 0 };

	if (recvmmsg(-1, &none, 1, 0, NULL) < 0 && errno == EBADF &&
	    sendmmsg(-1, &none, 1, 0) < 0 && errno == EBADF)
		return;
	_exit(0);
}

static void try_scheduling(void)
{
	syscall(SYS_sched_setscheduler, -1, 0, NULL);
	syscall(SYS_sched_setaffinity, -1, 0, NULL);
	syscall(SYS_setpriority, -1, 0, 0);
	syscall(SYS_set_mempolicy, -1, NULL, 0);
	syscall(SYS_ioprio_set, -1, 0, 0);
}

static void try_capset(void)
{
	syscall(SYS_capset, NULL, NULL);
}

static void try_seccomp(void)
{
	syscall(SYS_seccomp, -1, 0, NULL);
}

static void (*const attempt[XS_CALLS])(void) = {
	[XS_CALL_PIDFD] = try_pidfd,	 [XS_CALL_LINKS] = try_links,
	[XS_CALL_FOLDERS] = try_folders, [XS_CALL_NAMES] = try_names,
	[XS_CALL_YIELD] = try_yield,	 [XS_CALL_STATFS] = try_statfs,
	[XS_CALL_MANY] = try_many,	 [XS_CALL_SCHEDULING] = try_scheduling,
	[XS_CALL_CAPSET] = try_capset,	 [XS_CALL_SECCOMP] = try_seccomp,
};

/* Which are forbidden, as bits. */
static unsigned forbidden;

/* A filter that asks somebody (SECCOMP_RET_USER_NOTIF) may never answer. */
enum { PATIENCE_SECONDS = 1 };

/* Makes the calls from at on, in a child; *at becomes the one that it died of,
 * or XS_CALLS.  False: there is no child. */
static bool make_calls(volatile int *at)
{
	long child = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);

	if (child != 0)
		return child > 0;
	/* No core file of it, and no report. */
	prctl(PR_SET_DUMPABLE, 0);
	alarm(PATIENCE_SECONDS);
	for (; *at < XS_CALLS; ++*at)
		attempt[*at]();
	_exit(0);
}

void xs_allowed_find_out(void)
{
	volatile int *at;
	int next = 0;

	/* A child costs the first connect 0.25 ms. */
	if (prctl(PR_GET_SECCOMP) == 0)
		return;
	at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		forbidden = ~0U;
		return;
	}
	for (*at = 0; make_calls(at) && *at < XS_CALLS; *at = next) {
		forbidden |= 1U << *at;
		next = *at + 1;
	}
	/* No process to be had. */
	if (*at < XS_CALLS)
		forbidden = ~0U;
	munmap((void *)at, sizeof(*at));
}

bool xs_allowed(enum xs_call call)
{
	return !(forbidden & 1U << call);
}
