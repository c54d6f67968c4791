/* What the relay must not call; see filter.h.
 *
 * The kernel remembers which calls are allowed whatever their arguments (since
 * Linux 5.11): those of the data path cost what they cost without a filter.
 * Older kernels run the filter, so they come first.
 */
#include "relay/base/filter.h"

#include "base/seccomp_code.h"
#include "relay/base/allowed.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif

#ifdef MACHINE

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif

/* The same numbers on all machines; newer than some headers. */
enum {
	IO_URING_SETUP = 425,
	IO_URING_ENTER = 426,
	IO_URING_REGISTER = 427,
	PIDFD_SEND_SIGNAL = 424,
	OPEN_TREE = 428,
	MOVE_MOUNT = 429,
	FSOPEN = 430,
	FSCONFIG = 431,
	FSMOUNT = 432,
	FSPICK = 433,
	CLONE3 = 435,
	PROCESS_MADVISE = 440,
	MOUNT_SETATTR = 442,
	QUOTACTL_FD = 443,
	PROCESS_MRELEASE = 448,
	FCHMODAT2 = 452,
	LSM_SET_SELF_ATTR = 460,
	SETXATTRAT = 463,
	REMOVEXATTRAT = 466,
	OPEN_TREE_ATTR = 467,
	FILE_SETATTR = 469,
	/* Of Linux 6.18.  Whoever raises it has judged those below. */
	NEWEST = 469,
};

/* The data path. */
static const int first[] = {
	SYS_recvfrom,	SYS_sendto,	 SYS_recvmsg,  SYS_sendmsg,
	SYS_read,	SYS_write,	 SYS_writev,   SYS_epoll_pwait,
	SYS_ioctl,	SYS_sched_yield, SYS_recvmmsg, SYS_sendmmsg,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
};

/* Other processes.  A sanitizer makes one when it looks for leaks. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
static const int refused_unless_sanitized[] = {
	SYS_ptrace,
	SYS_kill,
#ifdef SYS_fork
	SYS_fork,
	SYS_vfork,
#endif
};

static const int refused[] = {
	/* Other programs. */
	SYS_execve,
	SYS_execveat,
	/* Other processes. */
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_tkill,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	PIDFD_SEND_SIGNAL,
	PROCESS_MADVISE,
	PROCESS_MRELEASE,
	/* Other users. */
	SYS_setuid,
	SYS_setgid,
	SYS_setreuid,
	SYS_setregid,
	SYS_setresuid,
	SYS_setresgid,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_setgroups,
	SYS_capset,
	SYS_personality,
	LSM_SET_SELF_ATTR,
	/* Other namespaces, roots and mounts. */
	SYS_unshare,
	SYS_setns,
	SYS_chroot,
	SYS_pivot_root,
	SYS_mount,
	SYS_umount2,
	SYS_swapon,
	SYS_swapoff,
	SYS_quotactl,
	QUOTACTL_FD,
	OPEN_TREE,
	OPEN_TREE_ATTR,
	MOVE_MOUNT,
	MOUNT_SETATTR,
	FSOPEN,
	FSCONFIG,
	FSMOUNT,
	FSPICK,
	/* The kernel, and its large surfaces. */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_kexec_file_load,
	SYS_reboot,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	IO_URING_SETUP,
	IO_URING_ENTER,
	IO_URING_REGISTER,
	SYS_acct,
	SYS_syslog,
	SYS_vhangup,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_adjtimex,
	SYS_clock_adjtime,
	/* Files without a name, and what a file is to others. */
	SYS_open_by_handle_at,
	SYS_fanotify_init,
	SYS_mknodat,
	SYS_linkat,
	SYS_symlinkat,
	SYS_fchmod,
	SYS_fchmodat,
	FCHMODAT2,
	SYS_fchown,
	SYS_fchownat,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_fsetxattr,
	SETXATTRAT,
	SYS_removexattr,
	SYS_lremovexattr,
	SYS_fremovexattr,
	REMOVEXATTRAT,
	FILE_SETATTR,
#ifdef __x86_64__
	/* The same by older names, and this processor's own. */
	SYS_mknod,
	SYS_link,
	SYS_symlink,
	SYS_chmod,
	SYS_chown,
	SYS_lchown,
	SYS_uselib,
	SYS_modify_ldt,
	SYS_iopl,
	SYS_ioperm,
#endif
};

enum {
	FIRST = sizeof(first) / sizeof(*first),
	REFUSED = sizeof(refused) / sizeof(*refused),
	UNLESS_SANITIZED = sizeof(refused_unless_sanitized) /
			   sizeof(*refused_unless_sanitized),
};
_Static_assert(2 * (FIRST + REFUSED + UNLESS_SANITIZED) + 64 <=
		       XS_SECCOMP_CODE_MAX,
	       "two steps for each row, and the rest");

static void fail(struct xs_seccomp_code *code, uint32_t errnum)
{
	xs_seccomp_give(code, SECCOMP_RET_ERRNO | errnum);
}

static void answer_if(struct xs_seccomp_code *code, uint16_t test,
		      uint32_t value, uint32_t answer)
{
	unsigned short block = xs_seccomp_begin_block(code, test, value);

	xs_seccomp_give(code, answer);
	xs_seccomp_end_block(code, block);
}

static void allow_if(struct xs_seccomp_code *code, uint16_t test,
		     uint32_t value)
{
	answer_if(code, test, value, SECCOMP_RET_ALLOW);
}

static void fail_if(struct xs_seccomp_code *code, uint16_t test, uint32_t value,
		    uint32_t errnum)
{
	answer_if(code, test, value, SECCOMP_RET_ERRNO | errnum);
}

/* Another processor's numbers (int $0x80, an arm program's) mean other calls.
 * Those of x32 are above all others. */
static void add_numbers(struct xs_seccomp_code *code)
{
	xs_seccomp_load(code, offsetof(struct seccomp_data, arch));
	xs_seccomp_add(code, (struct sock_filter)BPF_JUMP(
				     BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0));
	fail(code, ENOSYS);
	xs_seccomp_load(code, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < FIRST; i++)
		allow_if(code, BPF_JEQ, (uint32_t)first[i]);
	fail_if(code, BPF_JGT, NEWEST, ENOSYS);
	for (int i = 0; i < REFUSED; i++)
		fail_if(code, BPF_JEQ, (uint32_t)refused[i], EPERM);
}

/* Threads, no processes.  The flags of clone3(2) are out of reach, and libc
 * takes clone(2) where there is no other. */
static void add_processes(struct xs_seccomp_code *code)
{
	unsigned short call;

	for (int i = 0; i < UNLESS_SANITIZED; i++)
		fail_if(code, BPF_JEQ, (uint32_t)refused_unless_sanitized[i],
			EPERM);
	fail_if(code, BPF_JEQ, CLONE3, ENOSYS);
	call = xs_seccomp_begin_block(code, BPF_JEQ, SYS_clone);
	xs_seccomp_load_argument(code, 0);
	allow_if(code, BPF_JSET, CLONE_THREAD);
	fail(code, EPERM);
	xs_seccomp_end_block(code, call);
}

/* abort(3) and raise(3) are for this process. */
static void add_tgkill(struct xs_seccomp_code *code)
{
	unsigned short call = xs_seccomp_begin_block(code, BPF_JEQ, SYS_tgkill);

	xs_seccomp_load_argument(code, 0);
	allow_if(code, BPF_JEQ, (uint32_t)getpid());
	fail(code, EPERM);
	xs_seccomp_end_block(code, call);
}

/* TCP and UDP, but no raw packets. */
static void add_internet(struct xs_seccomp_code *code, uint32_t family)
{
	enum { TYPE_MASK = 0xf };
	unsigned short block = xs_seccomp_begin_block(code, BPF_JEQ, family);

	xs_seccomp_load_argument(code, 1);
	xs_seccomp_add(code, (struct sock_filter)BPF_STMT(
				     BPF_ALU | BPF_AND | BPF_K, TYPE_MASK));
	allow_if(code, BPF_JEQ, SOCK_STREAM);
	allow_if(code, BPF_JEQ, SOCK_DGRAM);
	fail(code, EPERM);
	xs_seccomp_end_block(code, block);
}

/* What getaddrinfo(3) asks about interfaces, and libusb hears. */
static void add_netlink(struct xs_seccomp_code *code)
{
	unsigned short block =
		xs_seccomp_begin_block(code, BPF_JEQ, AF_NETLINK);

	xs_seccomp_load_argument(code, 2);
	allow_if(code, BPF_JEQ, NETLINK_ROUTE);
	allow_if(code, BPF_JEQ, NETLINK_KOBJECT_UEVENT);
	fail(code, EPROTONOSUPPORT);
	xs_seccomp_end_block(code, block);
}

static void add_socket(struct xs_seccomp_code *code)
{
	unsigned short call = xs_seccomp_begin_block(code, BPF_JEQ, SYS_socket);

	xs_seccomp_load_argument(code, 0);
	allow_if(code, BPF_JEQ, AF_UNIX);
	allow_if(code, BPF_JEQ, AF_VSOCK); /* tokens (p11-kit) */
	add_internet(code, AF_INET);
	add_internet(code, AF_INET6);
	add_netlink(code);
	fail(code, EAFNOSUPPORT);
	xs_seccomp_end_block(code, call);
}

/* Speculation is left as it is: to switch it off, as older kernels do with a
 * filter, is for those who run code of others, and slow. */
static int install(struct xs_seccomp_code *code)
{
	struct sock_fprog program = { .len = code->len, .filter = code->at };

	if (xs_allowed(XS_CALL_SECCOMP) &&
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0)
		return 0;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return 0;
	return errno;
}

int xs_filter_install(void)
{
	struct xs_seccomp_code code = { .len = 0 };

	add_numbers(&code);
	if (!SANITIZED)
		add_processes(&code);
	add_tgkill(&code);
	add_socket(&code);
	xs_seccomp_give(&code, SECCOMP_RET_ALLOW);
	return install(&code);
}

#else

int xs_filter_install(void)
{
	return ENOSYS;
}

#endif
