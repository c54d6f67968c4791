/* Connects behind a seccomp filter that refuses one system call, as a sandbox
 * or SystemCallFilter= of a systemd unit does; or after it has stopped itself,
 * so that strace(1) can come in.
 *
 *     filtered NAME ERRNO IP PORT TEXT MODE
 *     filtered stop ERRNO IP PORT TEXT MODE
 *     filtered none ERRNO IP PORT TEXT MODE
 *
 * MODE is "nonblocking" or another word.  Prints "pid PID", and then
 * "connected", or the errno by name, or "no socket". When connected it sends
 * TEXT.  "filtered --list" prints the names that it knows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* What a connect may need: of the library, or of the relay that it starts.
 * faults.sh checks that nothing is missing here.  What ends a process cannot be
 * refused. */
#define ROW(name)                                                              \
	{                                                                      \
#name, SYS_##name                                              \
	}
static const struct {
	const char *name;
	int number;
} calls[] = {
	ROW(socket),
	ROW(connect),
	ROW(getsockopt),
	ROW(setsockopt),
	ROW(socketpair),
	ROW(bind),
	ROW(listen),
	ROW(accept4),
	ROW(getsockname),
	ROW(getpeername),
	ROW(sendmsg),
	ROW(recvmsg),
	ROW(sendto),
	ROW(recvfrom),
	ROW(shutdown),
	ROW(fcntl),
	ROW(dup),
	ROW(dup3),
	ROW(ioctl),
	ROW(close),
	ROW(close_range),
	ROW(openat),
	ROW(read),
	ROW(pread64),
	ROW(readlinkat),
	ROW(newfstatat),
	ROW(statx),
	ROW(getdents64),
	ROW(faccessat),
	ROW(faccessat2),
	ROW(getcwd),
	ROW(rt_sigprocmask),
	ROW(clone),
	ROW(clone3),
	ROW(wait4),
	ROW(setsid),
	ROW(setns),
	ROW(unshare),
	ROW(mprotect),
	ROW(madvise),
	ROW(memfd_create),
	ROW(futex),
	ROW(nanosleep),
	ROW(clock_nanosleep),
	ROW(getrandom),
	ROW(prlimit64),
	ROW(getuid),
	ROW(geteuid),
	ROW(getgroups),
	ROW(capget),
	ROW(getpid),
	ROW(prctl),
	ROW(ppoll),
	ROW(epoll_create1),
	ROW(epoll_ctl),
	ROW(epoll_pwait),
	ROW(eventfd2),
	ROW(kcmp),
	ROW(io_uring_enter),
	ROW(pidfd_open),
	ROW(pidfd_getfd),
	ROW(sched_yield),
	ROW(sched_getscheduler),
	ROW(sched_getparam),
	ROW(getpriority),
	ROW(getresuid),
	ROW(getresgid),
	ROW(getegid),
	ROW(getgid),
	ROW(gettid),
	ROW(capset),
	ROW(pipe2),
	ROW(fstatfs),
	ROW(statfs),
	ROW(mmap),
	ROW(munmap),
	ROW(mremap),
	ROW(brk),
	ROW(write),
	ROW(writev),
	ROW(execve),
	ROW(set_tid_address),
	ROW(set_robust_list),
	ROW(rseq),
	ROW(rt_sigaction),
	ROW(lseek),
#ifdef SYS_poll
	ROW(arch_prctl),
	ROW(poll),
	ROW(dup2),
	ROW(open),
	ROW(readlink),
	ROW(access),
	ROW(stat),
	ROW(epoll_wait),
	ROW(fork),
	ROW(vfork),
#endif
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static int number_of(const char *name)
{
	for (int i = 0; i < CALLS; i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	fprintf(stderr, "filtered: no system call %s\n", name);
	exit(2);
}

static void refuse(int number, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]),
					    code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("filtered: prctl");
		exit(2);
	}
}

/* A line, by whichever call is not refused. */
__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	char line[64];
	struct iovec part = { .iov_base = line };
	va_list args;

	va_start(args, format);
	part.iov_len = (size_t)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(STDOUT_FILENO, line, part.iov_len) < 0 &&
	    writev(STDOUT_FILENO, &part, 1) < 0)
		abort();
}

/* poll(2), or what is not refused instead. */
static bool is_ready(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	struct timeval wait = { .tv_usec = 10000 };
	fd_set set;
	int found = poll(&ready, 1, 10);

	if (found >= 0)
		return found > 0;
	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, NULL, &set, NULL, &wait) > 0;
}

/* The outcome of a non-blocking connect.  Where it is not told, the write that
 * follows tells. */
static int await(int fd)
{
	const time_t end = time(NULL) + 10;
	int why;
	socklen_t len = sizeof(why);

	while (!is_ready(fd))
		if (time(NULL) >= end)
			return EINPROGRESS;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0 ? 0 : why;
}

/* By whichever call is not refused. */
static int send_text(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) >= 0)
		return 0;
	if (errno != EPERM && errno != ENOSYS)
		return errno;
	return send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int try_connect(const char *ip, const char *port, const char *text,
		       int nonblocking)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET,
			SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), 0);
	int error = 0;

	to.sin_port = htons((unsigned short)strtoul(port, NULL, 10));
	inet_pton(AF_INET, ip, &to.sin_addr);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		error = errno;
	if (error == EINPROGRESS)
		error = await(fd);
	if (!error)
		error = send_text(fd, text);
	usleep(100000);
	return error;
}

int main(int argc, char **argv)
{
	int error;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (int i = 0; i < CALLS; i++)
			puts(calls[i].name);
		return 0;
	}
	if (argc < 7)
		return 2;
	error = strcmp(argv[2], "ENOSYS") == 0 ? ENOSYS : EPERM;
	signal(SIGPIPE, SIG_IGN);
	tell("pid %d\n", (int)getpid());
	if (strcmp(argv[1], "stop") == 0)
		kill(getpid(), SIGSTOP);
	else if (strcmp(argv[1], "none") != 0)
		refuse(number_of(argv[1]), error);
	error = try_connect(argv[3], argv[4], argv[5],
			    strcmp(argv[6], "nonblocking") == 0);
	tell("%s\n", error < 0 ? "no socket"
		     : error   ? strerrorname_np(error)
			       : "connected");
	return error < 0 ? 3 : error ? 1 : 0;
}
