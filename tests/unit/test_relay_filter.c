/* Tests: tools/relay/base/filter.c, base/walls.c, surroundings.c.
 *
 * Each in a process of its own, for a filter is for ever. */
#include "relay/base/filter.h"
#include "relay/base/walls.h"
#include "relay/surroundings.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* A kernel says ENOSYS, too, to a number that it does not know, and most know
 * none of x32.  Behind this filter such a call is EDOM, unless a filter that
 * came later has another errno for it: of several errnos, the one of the newest
 * filter counts (seccomp(2)). */
static bool mark_unknown(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 470, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(*code),
		.filter = code,
	};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The status of a process that has the filter and runs this; -SIGNAL when one
 * has ended it. */
static int behind_filter(int (*run)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		alarm(20);
		_exit(mark_unknown() && xs_filter_install() == 0 ? run() : 99);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- what is refused -------------------------------------------------- */

/* With arguments that no kernel takes. */
static const struct {
	const char *name;
	long number;
	int errnum;
} calls[] = {
	{ "execve", SYS_execve, EPERM },
	{ "execveat", SYS_execveat, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, EPERM },
	{ "process_vm_writev", SYS_process_vm_writev, EPERM },
	{ "setuid", SYS_setuid, EPERM },
	{ "setresuid", SYS_setresuid, EPERM },
	{ "setgroups", SYS_setgroups, EPERM },
	{ "capset", SYS_capset, EPERM },
	{ "unshare", SYS_unshare, EPERM },
	{ "setns", SYS_setns, EPERM },
	{ "chroot", SYS_chroot, EPERM },
	{ "pivot_root", SYS_pivot_root, EPERM },
	{ "mount", SYS_mount, EPERM },
	{ "umount2", SYS_umount2, EPERM },
	{ "fsopen", 430, EPERM },
	{ "move_mount", 429, EPERM },
	{ "init_module", SYS_init_module, EPERM },
	{ "finit_module", SYS_finit_module, EPERM },
	{ "kexec_load", SYS_kexec_load, EPERM },
	{ "bpf", SYS_bpf, EPERM },
	{ "perf_event_open", SYS_perf_event_open, EPERM },
	{ "userfaultfd", SYS_userfaultfd, EPERM },
	{ "keyctl", SYS_keyctl, EPERM },
	{ "add_key", SYS_add_key, EPERM },
	{ "io_uring_setup", 425, EPERM },
	{ "io_uring_enter", 426, EPERM },
	{ "open_by_handle_at", SYS_open_by_handle_at, EPERM },
	{ "fchmodat", SYS_fchmodat, EPERM },
	{ "fchownat", SYS_fchownat, EPERM },
	{ "linkat", SYS_linkat, EPERM },
	{ "setxattr", SYS_setxattr, EPERM },
	{ "tkill", SYS_tkill, EPERM },
	{ "tgkill of another process", SYS_tgkill, EPERM },
	/* What is newer than the list, and the numbers of x32: those of the
	 * data path, and those that only x32 has, with and without its bit,
	 * which kernels before 5.4 did not ask for. */
	{ "a new one", 470, ENOSYS },
	{ "getpid of x32", 0x40000000 | 39, ENOSYS },
	{ "read of x32", 0x40000000, ENOSYS },
	{ "execve of x32", 0x40000000 | 520, ENOSYS },
	{ "execve of x32, without the bit", 520, ENOSYS },
};
enum { CALLS = sizeof(calls) / sizeof(*calls) };

static int make_calls(void)
{
	for (int i = 0; i < CALLS; i++)
		if (syscall(calls[i].number, -1L, -1L, -1L, -1L, -1L, -1L) !=
			    -1 ||
		    errno != calls[i].errnum)
			return i + 1;
	return 0;
}

Test(relay_filter, refuses, .timeout = 60)
{
	int at = behind_filter(make_calls);

	cr_assert_eq(at, 0, "%s",
		     at > 0 && at <= CALLS ? calls[at - 1].name : "no filter");
}

/* 1: there is a process more. */
static int make_processes(void)
{
	long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (child == 0)
		_exit(0);
	if (child != -1 || errno != EPERM)
		return 1;
	/* Else libc would not take clone(2). */
	if (syscall(435, NULL, 0) != -1 || errno != ENOSYS)
		return 2;
	if (fork() != -1 || errno != EPERM)
		return 3;
	if (kill(getppid(), 0) != -1 || errno != EPERM)
		return 4;
	return syscall(SYS_ptrace, -1, -1, 0, 0) == -1 && errno == EPERM ? 0
									 : 5;
}

Test(relay_filter, makes_no_process, .timeout = 60)
{
	if (SANITIZED)
		cr_skip_test("a sanitizer needs one when it looks for leaks");
	cr_assert_eq(behind_filter(make_processes), 0);
}

static bool refuses_socket(int family, int type, int protocol, int errnum)
{
	return socket(family, type, protocol) == -1 && errno == errnum;
}

static int make_sockets(void)
{
	static const int families[] = { AF_PACKET, AF_ALG, AF_KEY,
					AF_TIPC,   AF_CAN, AF_BLUETOOTH };

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (!refuses_socket(families[i], SOCK_RAW, 0, EAFNOSUPPORT))
			return 10 + (int)i;
	if (!refuses_socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1, EPERM) ||
	    !refuses_socket(AF_INET6, SOCK_RAW, 58, EPERM))
		return 1;
	return refuses_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER,
			      EPROTONOSUPPORT)
		       ? 0
		       : 2;
}

Test(relay_filter, families, .timeout = 60)
{
	cr_assert_eq(behind_filter(make_sockets), 0);
}

#ifdef __x86_64__
/* getpid(2) by its number for 32-bit programs. */
static int call_as_32_bits(void)
{
	long result = 20;

	__asm__ volatile("int $0x80"
			 : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
	return result == -ENOSYS ? 0 : 1;
}

/* A kernel without 32-bit programs ends it. */
Test(relay_filter, other_numbers, .timeout = 60)
{
	int status = behind_filter(call_as_32_bits);

	cr_assert(status == 0 || status == -SIGSEGV, "%d", status);
}
#endif

/* --- what is not ------------------------------------------------------ */

static void *mark(void *done)
{
	*(bool *)done = true;
	return NULL;
}

static bool has_threads(void)
{
	pthread_t thread;
	bool done = false;

	return pthread_create(&thread, NULL, mark, &done) == 0 &&
	       pthread_join(thread, NULL) == 0 && done;
}

static bool has_sockets(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 &&
	       socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) >= 0 &&
	       socket(AF_INET, SOCK_DGRAM, 0) >= 0 &&
	       socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0;
}

static bool has_names(void)
{
	struct addrinfo *found;

	return getaddrinfo("localhost", "80", NULL, &found) == 0;
}

static bool has_files(void)
{
	char draft[] = "/tmp/xs-filter.XXXXXX", name[40];
	int fd = mkostemp(draft, O_CLOEXEC);
	bool good;

	snprintf(name, sizeof(name), "%s.whole", draft);
	good = fd >= 0 && rename(draft, name) == 0;
	unlink(good ? name : draft);
	return good;
}

static int live(void)
{
	signal(SIGUSR1, SIG_IGN);
	if (!has_threads())
		return 1;
	if (!has_sockets())
		return 2;
	if (!has_names())
		return 3;
	if (!has_files())
		return 4;
	return raise(SIGUSR1) == 0 ? 0 : 5;
}

Test(relay_filter, lets_live, .timeout = 60)
{
	cr_assert_eq(behind_filter(live), 0);
}

/* --- core files -------------------------------------------------------- */

/* Has a secret, and ends with a core file although that was forbidden. */
static void dump(bool closed, const char *folder)
{
	const struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };
	char *secret = malloc(100);

	if (closed)
		xs_surroundings_close();
	prctl(PR_SET_DUMPABLE, 1);
	setrlimit(RLIMIT_CORE, &any);
	snprintf(secret, 100, "secret-%d-of-the-heap", 4711);
	signal(SIGABRT, SIG_DFL);
	if (chdir(folder) == 0)
		abort();
	_exit(98);
}

/* How often it stands in the core file; -1: there is none. */
static int count_in_core(const char *path)
{
	struct stat file;
	char text[64], *memory;
	int fd = open(path, O_RDONLY), count = 0;

	if (fd < 0 || fstat(fd, &file) < 0)
		return -1;
	memory = malloc((size_t)file.st_size);
	cr_assert_eq(read(fd, memory, (size_t)file.st_size), file.st_size);
	close(fd);
	snprintf(text, sizeof(text), "secret-%d-of-the-heap", 4711);
	for (char *at = memory;
	     (at = memmem(at, (size_t)(memory + file.st_size - at), text,
			  strlen(text)));
	     at++)
		count++;
	free(memory);
	return count;
}

static int dump_and_count(bool closed)
{
	char folder[] = "/tmp/xs-core.XXXXXX", path[300];
	int status, count = -1;
	struct dirent *entry;
	DIR *entries;
	pid_t pid;

	cr_assert_not_null(mkdtemp(folder));
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		dump(closed, folder);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status), "%x", status);
	entries = opendir(folder);
	while ((entry = readdir(entries))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		count = count_in_core(path);
		unlink(path);
	}
	closedir(entries);
	rmdir(folder);
	return count;
}

Test(relay_filter, keeps_memory_out_of_core_files, .timeout = 60)
{
	char pattern[200] = "";
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");

	if (SANITIZED)
		cr_skip_test("a sanitizer leaves no core file");
	cr_assert(file && fgets(pattern, sizeof(pattern), file));
	fclose(file);
	if (pattern[0] == '|' || pattern[0] == '/')
		cr_skip_test("core files of this machine go elsewhere");
	cr_assert_gt(dump_and_count(false), 0, "without, it is there");
	cr_assert_eq(dump_and_count(true), 0);
}

/* --- what is told ------------------------------------------------------ */

Test(relay_walls, sentence)
{
	cr_assert_null(xs_walls_missing());
	xs_walls_note("a moat", 0);
	cr_assert_null(xs_walls_missing());
	xs_walls_note("a gate", ENOSYS);
	xs_walls_note("a tower", EPERM);
	cr_assert_str_eq(xs_walls_missing(),
			 "the relay goes on without a gate (Function not "
			 "implemented), a tower (Operation not permitted)");
}
