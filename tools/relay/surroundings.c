/* What the relay has of its starter's; see surroundings.h. */
#include "relay/surroundings.h"

#include "base/relay_capability.h"
#include "relay/base/allowed.h"
#include "relay/base/filter.h"
#include "relay/base/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The soft limits go up to these, or to the hard ones. */
static const struct {
	int limit;
	rlim_t wanted;
} limits[] = {
	{ RLIMIT_AS, RLIM_INFINITY },
	{ RLIMIT_CPU, RLIM_INFINITY },
	{ RLIMIT_DATA, RLIM_INFINITY },
	{ RLIMIT_FSIZE, RLIM_INFINITY },
	{ RLIMIT_NPROC, RLIM_INFINITY },
	/* Two descriptors for each connection. */
	{ RLIMIT_NOFILE, RLIM_INFINITY },
	{ RLIMIT_MEMLOCK, RLIM_INFINITY },
	/* Each thread has a stack of this size (pthread_create(3)). */
	{ RLIMIT_STACK, 8 << 20 },
	/* Keys and plaintext lie in its memory. */
	{ RLIMIT_CORE, 0 },
};

static void reset_limits(void)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct rlimit limit;

		if (getrlimit(limits[i].limit, &limit) < 0)
			continue;
		limit.rlim_cur = limits[i].wanted < limit.rlim_max
					 ? limits[i].wanted
					 : limit.rlim_max;
		if (!limits[i].wanted)
			limit.rlim_max = 0;
		setrlimit(limits[i].limit, &limit);
	}
	/* A log that has become too large loses lines, and the connections of
	 * others go on.  (The processor time of the hard limit kills.) */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGXCPU, SIG_IGN);
}

/* To real-time programs the relay is one of many; nor does it stand behind
 * where it can be helped. */
static void reset_scheduling(void)
{
	enum { IOPRIO_WHO_PROCESS = 1, TIMER_SLACK_NS = 50000 };
	const struct sched_param none = { .sched_priority = 0 };
	unsigned long processors[1024 / 8 / sizeof(long)];

	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
	if (!xs_allowed(XS_CALL_SCHEDULING))
		return;
	sched_setscheduler(0, SCHED_OTHER, &none);
	if (getpriority(PRIO_PROCESS, 0) < 0)
		setpriority(PRIO_PROCESS, 0, 0);
	memset(processors, 0xff, sizeof(processors));
	syscall(SYS_sched_setaffinity, 0, sizeof(processors), processors);
	syscall(SYS_set_mempolicy, 0, NULL, 0);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0);
}

/* Writes a zero; returns 0 or an errno. */
static int write_own(const char *file)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), failed;

	failed = fd < 0 || write(fd, "0", 1) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return failed;
}

/* The kernel chooses whom to kill as if this were any process.  (It may be
 * raised by everybody; who was given more by root keeps it.) */
static void reset_oom(void)
{
	write_own("/proc/self/oom_score_adj");
}

/* A program that has taken another user's name for a while (seteuid(2)) may go
 * back; its relay may not.  (Where there is nothing to go back to, no filter
 * need allow the calls.) */
static void reset_users(void)
{
	gid_t group[3];
	uid_t user[3];

	if (getresgid(&group[0], &group[1], &group[2]) < 0 ||
	    getresuid(&user[0], &user[1], &user[2]) < 0)
		_exit(1);
	if ((group[0] != group[1] || group[2] != group[1]) &&
	    setresgid(group[1], group[1], group[1]) < 0)
		_exit(1);
	if ((user[0] != user[1] || user[2] != user[1]) &&
	    setresuid(user[1], user[1], user[1]) < 0)
		_exit(1);
}

void xs_surroundings_reset(void)
{
	umask(077);
	reset_limits();
	xs_allowed_find_out();
	reset_scheduling();
	reset_oom();
	reset_users();
}

static void keep(uint32_t set[2], uint64_t kept)
{
	set[0] &= (uint32_t)kept;
	set[1] &= (uint32_t)(kept >> 32);
}

static uint64_t bits(const uint32_t set[2])
{
	return (uint64_t)set[1] << 32 | set[0];
}

/* Returns what is left. */
static uint64_t drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct sets[2] = { { .permitted = 0 } };
	uint32_t permitted[2], effective[2];
	uint64_t had;

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, sets) < 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		permitted[i] = sets[i].permitted;
		effective[i] = sets[i].effective;
	}
	had = bits(permitted);
	keep(permitted, XS_RELAY_CAPABILITIES);
	keep(effective, XS_RELAY_CAPABILITIES);
	for (int i = 0; i < 2; i++)
		sets[i] = (struct __user_cap_data_struct){
			.permitted = permitted[i], .effective = effective[i]
		};
	errno = EPERM; /* what a seccomp filter would kill us for */
	if (xs_allowed(XS_CALL_CAPSET) && syscall(SYS_capset, &head, sets) == 0)
		return bits(permitted);
	if (had != bits(permitted))
		xs_walls_note("dropping capabilities", errno);
	return had;
}

uint64_t xs_surroundings_give_up(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		xs_walls_note("no_new_privs", errno);
	return drop_capabilities();
}

/* Whatever is to be dumped, it is not memory (core(5)): that holds for
 * debuggers that save a core file, and where the rest below is undone. */
static void keep_memory_out_of_dumps(void)
{
	struct rlimit limit;
	int failed = write_own("/proc/self/coredump_filter");

	if (!failed && getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max)
		failed = EPERM;
		/* A sanitizer needs ptrace(2). */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		failed = errno;
#endif
	xs_walls_note("keeping memory out of core files", failed);
}

void xs_surroundings_close(void)
{
	keep_memory_out_of_dumps();
	xs_walls_note("a seccomp filter of its own", xs_filter_install());
}
