/* A program that no library gets into: static, and its calls are made by
 * syscall(2).
 *
 *     victim WAY PORT      gets "hello" back from an echo server on 127.0.0.1,
 *                          and prints what it saw
 *
 *     blocking, nonblocking   connect(2)
 *     epoll      registered in an epoll set before it connects
 *     copies     with a dup(2) of the socket, made before
 *     closed     closes the last descriptor right behind the connect, 100 times
 *     threads    two threads connect one descriptor
 *     vfork      a vfork child connects
 *     alarm      a signal handler without SA_RESTART runs during the connect
 *     restart    the same with SA_RESTART
 *     storm      400 connects, while a signal handler runs each millisecond
 *     many       connects until 150 of them have been interrupted, then makes
 *                each of these again
 *     names      getpeername, getsockname, and options
 *     changing   another thread writes another address all the time
 *     unix       connects to an AF_UNIX socket of its own, and asks who called
 *     bad        wrong descriptors, addresses and lengths
 *     fastopen   MSG_FASTOPEN, by three calls
 *     datagrams  UDP with an address, by three calls; then connected
 *     uring      io_uring_setup
 *     gate32     calls of 32-bit programs, by int $0x80; status 3: none here
 *     x32        one of an x32 program; status 3: none here
 *     undumpable forbids others to look into it first
 *     reuse      a process dies while it asks for an option, and another gets
 *                its number; a line on standard input before, and behind
 *     wait       asks for a line on standard input first
 *     reset      writes a line, and reads what a server's reset has left
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in to;

/* --- the calls of sockets ------------------------------------------------- */

#ifdef __i386__
/* By a number of its own; or by socketcall(2), with the arguments in memory,
 * where the environment has SOCKETCALL. */
static long net(long number, ...)
{
	static const int multiplexed[][2] = {
		{ SYS_connect, SYS_CONNECT },
		{ SYS_getsockname, SYS_GETSOCKNAME },
		{ SYS_getpeername, SYS_GETPEERNAME },
		{ SYS_sendto, SYS_SENDTO },
		{ SYS_setsockopt, SYS_SETSOCKOPT },
		{ SYS_getsockopt, SYS_GETSOCKOPT },
		{ SYS_sendmsg, SYS_SENDMSG },
		{ SYS_sendmmsg, SYS_SENDMMSG },
	};
	long args[6];
	size_t i = 0;
	va_list list;

	va_start(list, number);
	for (int j = 0; j < 6; j++)
		args[j] = va_arg(list, long);
	va_end(list);
	if (!getenv("SOCKETCALL"))
		return syscall(number, args[0], args[1], args[2], args[3],
			       args[4], args[5]);
	while (multiplexed[i][0] != number)
		i++;
	return syscall(SYS_socketcall, multiplexed[i][1], args);
}
#else
#define net syscall
#endif

/* --- small things --------------------------------------------------------- */

static int say(const char *what, long result)
{
	if (result < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, result);
	return result < 0 ? 1 : 0;
}

static int tcp(int flags)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

static long raw_connect(int fd)
{
	return net(SYS_connect, fd, &to, sizeof(to));
}

/* Sends a line and prints the answer. */
static int talk(int fd)
{
	char text[64] = "";
	ssize_t got;

	if (syscall(SYS_write, fd, "hello\n", 6) != 6)
		return say("write", -1);
	got = syscall(SYS_read, fd, text, sizeof(text) - 1);
	if (got < 0)
		return say("read", -1);
	printf("got %s", text);
	return strcmp(text, "hello\n") != 0;
}

static int wait_for(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	if (poll(&ready, 1, 20000) != 1)
		return say("poll", -1);
	if (net(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return say("SO_ERROR", -1);
	errno = error;
	return error ? say("SO_ERROR", -1) : 0;
}

/* --- ways ----------------------------------------------------------------- */

static int blocking(void)
{
	int fd = tcp(0);

	if (raw_connect(fd) < 0)
		return say("connect", -1);
	if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		return puts("close-on-exec is lost"), 1;
	return talk(fd);
}

static int nonblocking(void)
{
	int fd = tcp(SOCK_NONBLOCK);

	if (raw_connect(fd) == 0)
		return puts("connect does not wait"), 1;
	say("connect", -1);
	if (errno != EINPROGRESS || wait_for(fd))
		return 1;
	if (raw_connect(fd) == 0)
		puts("connect: 0");
	if (raw_connect(fd) == 0 || errno != EISCONN)
		return say("connect again", -1);
	fcntl(fd, F_SETFL, 0);
	return talk(fd);
}

static int through_epoll(void)
{
	int fd = tcp(SOCK_NONBLOCK), set = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET,
				     .data.u64 = 4711 };
	char line[6];

	epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
	/* An unconnected socket reports EPOLLHUP at once. */
	epoll_wait(set, &event, 1, 0);
	if (raw_connect(fd) == 0 || errno != EINPROGRESS)
		return say("connect", -1);
	if (epoll_wait(set, &event, 1, 20000) != 1 || event.data.u64 != 4711)
		return puts("epoll: nothing"), 1;
	event.events = EPOLLIN;
	if (wait_for(fd) || epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) < 0)
		return say("EPOLL_CTL_MOD", -1);
	if (write(fd, "hello\n", 6) != 6 ||
	    epoll_wait(set, &event, 1, 20000) != 1)
		return puts("epoll: no answer"), 1;
	if (read(fd, line, sizeof(line)) != sizeof(line))
		return say("read", -1);
	fcntl(fd, F_SETFL, 0);
	return talk(fd);
}

static int copies(void)
{
	int fd = tcp(0), copy = dup(fd);

	if (raw_connect(fd) < 0)
		return say("connect", -1);
	return talk(copy) || talk(fd);
}

/* Whoever has a copy still keeps it in the set (epoll(7)). */
static int closed(void)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int set = epoll_create1(0), left = 0;

	for (int i = 0; i < 100; i++) {
		int fd = tcp(0);

		epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
		if (raw_connect(fd) < 0)
			return say("connect", -1);
		close(fd);
		left += epoll_wait(set, &event, 1, 0);
	}
	printf("left: %d\n", left);
	return left || blocking();
}

static int shared;

static void *connect_shared(void *with)
{
	long *result = with;

	*result = raw_connect(shared) < 0 ? errno : 0;
	return NULL;
}

/* One of them connects; the other is told that it is being done, or is done. */
static int threads(void)
{
	long result[2];
	pthread_t thread;

	shared = tcp(0);
	pthread_create(&thread, NULL, connect_shared, &result[0]);
	connect_shared(&result[1]);
	pthread_join(thread, NULL);
	if (result[0] && result[1])
		return printf("both failed: %ld %ld\n", result[0], result[1]);
	return talk(shared);
}

static int in_vfork(void)
{
	int fd = tcp(0), status;
	pid_t child = vfork();

	if (child == 0)
		_exit(raw_connect(fd) < 0 ? 1 : 0);
	waitpid(child, &status, 0);
	/* The child's descriptor is its own. */
	printf("vfork child: %d\n", WEXITSTATUS(status));
	return WEXITSTATUS(status);
}

static volatile int ran;

static void on_alarm(int signal)
{
	(void)signal;
	ran++;
}

static int by_alarm(int flags)
{
	const struct sigaction action = { .sa_handler = on_alarm,
					  .sa_flags = flags };
	const struct itimerval soon = { .it_value.tv_usec = 300000 };
	int fd = tcp(0);
	long result;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	result = raw_connect(fd);
	printf("handler: %d\n", ran);
	if (result == 0)
		return talk(fd);
	return say("connect", result) && errno == EINTR
		       ? wait_for(fd) || talk(fd)
		       : 1;
}

static int interrupted(void)
{
	return by_alarm(0);
}

static int restarted(void)
{
	return by_alarm(SA_RESTART);
}

/* The kernel may throw an answer away when a signal comes in the same moment:
 * then one connect in thousands says EISCONN. */
static int storm(void)
{
	const struct sigaction action = { .sa_handler = on_alarm,
					  .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	int fd = -1, odd = 0;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 400; i++) {
		close(fd);
		fd = tcp(0);
		if (raw_connect(fd) < 0)
			odd++;
	}
	memset(&often, 0, sizeof(often));
	setitimer(ITIMER_REAL, &often, NULL);
	puts(odd < 3 ? "400 connects" : "connects go wrong");
	return odd < 3 ? talk(fd) : odd;
}

/* The answer to most of these comes when nobody waits for it any more. */
static int many(void)
{
	enum { MANY = 150, TRIES = 3000 };
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_value.tv_usec = 700 };
	int fds[MANY], count = 0, wrong = 0;

	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < TRIES && count < MANY; i++) {
		long result;

		fds[count] = tcp(0);
		setitimer(ITIMER_REAL, &soon, NULL);
		result = raw_connect(fds[count]);
		if (result < 0 && errno != EINTR)
			return say("connect", -1);
		/* Or the next connect ends this one. */
		usleep(20000);
		if (result < 0)
			count++;
		else
			close(fds[count]);
	}
	for (int i = 0; i < count; i++)
		if (raw_connect(fds[i]) < 0)
			wrong++;
	printf("%d interrupted, %d of them wrong\n", count, wrong);
	return count < MANY || wrong > 2;
}

static int names(void)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int fd = tcp(0), value = 1, size;

	if (raw_connect(fd) < 0)
		return say("connect", -1);
	if (net(SYS_getpeername, fd, &name, &len) < 0 ||
	    name.sin_family != AF_INET || name.sin_port != to.sin_port)
		return puts("getpeername"), 1;
	len = 4;
	if (net(SYS_getsockname, fd, &name, &len) < 0 || len != sizeof(name) ||
	    name.sin_family != AF_INET || !name.sin_port)
		return puts("getsockname"), 1;
	if (net(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &value, 4) ||
	    net(SYS_setsockopt, fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, 4) ||
	    net(SYS_setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &value, 4))
		return say("setsockopt", -1);
	size = sizeof(value);
	if (net(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &value, &size) ||
	    value != AF_INET)
		return puts("SO_DOMAIN"), 1;
	if (net(SYS_getsockopt, fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &size) ||
	    value != 1)
		return puts("TCP_KEEPIDLE"), 1;
	return talk(fd);
}

/* Address, or what a thread makes of it: a port where a plain server is. */
static void *write_other(void *with)
{
	const in_port_t mine = to.sin_port, other = *(in_port_t *)with;

	for (;;) {
		__atomic_store_n(&to.sin_port, other, __ATOMIC_RELAXED);
		__atomic_store_n(&to.sin_port, mine, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* A rule refuses the other port, and says nothing about this one.  An emulated
 * machine does not come to the end. */
static int changing(const char *other)
{
	in_port_t port = htons((in_port_t)atoi(other));
	const time_t end = time(NULL) + 20;
	pthread_t thread;

	pthread_create(&thread, NULL, write_other, &port);
	for (int i = 0; i < 2000 && time(NULL) < end; i++) {
		int fd = tcp(0);

		if (raw_connect(fd) == 0 && to.sin_family == AF_INET) {
			struct sockaddr_in name;
			socklen_t len = sizeof(name);

			getpeername(fd, (struct sockaddr *)&name, &len);
			if (name.sin_port == port)
				return puts("connected to the other"), 1;
		}
		close(fd);
	}
	puts("never");
	return 0;
}

static int to_unix(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), got;
	socklen_t len = sizeof(name);
	struct ucred caller;

	bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t));
	getsockname(listener, (struct sockaddr *)&name, &len);
	listen(listener, 1);
	if (net(SYS_connect, fd, &name, len) < 0)
		return say("connect", -1);
	got = accept(listener, NULL, NULL);
	len = sizeof(caller);
	getsockopt(got, SOL_SOCKET, SO_PEERCRED, &caller, &len);
	printf("caller: %s\n", caller.pid == getpid() ? "this" : "another");
	return caller.pid != getpid();
}

static int bad(void)
{
	int fd = tcp(0), file = open("/dev/null", O_RDONLY);

	say("closed", net(SYS_connect, 999, &to, sizeof(to)));
	say("file", net(SYS_connect, file, &to, sizeof(to)));
	say("address", net(SYS_connect, fd, 1, sizeof(to)));
	say("short", net(SYS_connect, fd, &to, 3));
	say("long", net(SYS_connect, fd, &to, 4096));
	say("negative", net(SYS_connect, fd, &to, -1));
	say("name of a closed one", net(SYS_getpeername, 999, &to, NULL));
	say("name of an unconnected one", net(SYS_getpeername, fd, &to, NULL));
	return 0;
}

static int fastopen(void)
{
	struct iovec data = { .iov_base = "hello\n", .iov_len = 6 };
	struct mmsghdr msg = { .msg_hdr = { .msg_name = &to,
					    .msg_namelen = sizeof(to),
					    .msg_iov = &data,
					    .msg_iovlen = 1 } };

	say("sendto", net(SYS_sendto, tcp(0), "hello\n", 6, MSG_FASTOPEN, &to,
			  sizeof(to)));
	say("sendmsg", net(SYS_sendmsg, tcp(0), &msg.msg_hdr, MSG_FASTOPEN));
	say("sendmmsg", net(SYS_sendmmsg, tcp(0), &msg, 1, MSG_FASTOPEN));
	return 0;
}

static int datagrams(void)
{
	struct iovec data = { .iov_base = "hello\n", .iov_len = 6 };
	struct mmsghdr msg = { .msg_hdr = { .msg_name = &to,
					    .msg_namelen = sizeof(to),
					    .msg_iov = &data,
					    .msg_iovlen = 1 } };
	_Alignas(struct sockaddr) char room[256] = "";
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	say("sendto", net(SYS_sendto, fd, "hello\n", 6, 0, &to, sizeof(to)));
	say("sendmsg", net(SYS_sendmsg, fd, &msg.msg_hdr, 0));
	say("sendmmsg", net(SYS_sendmmsg, fd, &msg, 1, 0));
	/* The kernel takes these, too. */
	memcpy(room, &to, sizeof(to));
	msg.msg_hdr.msg_name = room;
	msg.msg_hdr.msg_namelen = sizeof(room);
	say("much room", net(SYS_sendmsg, fd, &msg.msg_hdr, 0));
	((struct sockaddr *)room)->sa_family = AF_UNSPEC;
	say("no family",
	    net(SYS_sendto, fd, "hello\n", 6, 0, room, sizeof(to)));
	if (raw_connect(fd) < 0)
		return say("connect", -1);
	return talk(fd);
}

static int uring(void)
{
	char params[120] = "";

	return !say("io_uring_setup", syscall(SYS_io_uring_setup, 4, params));
}

/* --- a program of 64 bits that makes other programs' calls -----------------
 */

#ifdef __x86_64__
/* As programs of 32 bits do (syscall_32.tbl). */
static long gate(long call, long b, long c, long d)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(call), "b"(b), "c"(c), "d"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = -(int)result;
	return (int)result < 0 ? -1 : (int)result;
}

static sigjmp_buf no_gate;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(no_gate, 1);
}

/* A kernel that runs no programs of 32 bits answers the instruction with
 * SIGSEGV. */
static void need_gate(void)
{
	signal(SIGSEGV, on_fault);
	if (sigsetjmp(no_gate, 0)) {
		puts("this kernel has no such calls");
		exit(3);
	}
	gate(20 /* getpid */, 0, 0, 0);
	signal(SIGSEGV, SIG_DFL);
}

/* What is in memory has addresses of 32 bits here, as this is linked
 * statically. */
static long low(const void *at)
{
	return (long)(uintptr_t)at;
}

static int has_peer_by_gate(int fd)
{
	static struct sockaddr_in name;
	static socklen_t len = sizeof(name);

	return gate(368 /* getpeername */, fd, low(&name), low(&len)) == 0 &&
	       name.sin_port == to.sin_port;
}

static int gate32(void)
{
	static uint32_t args[6];
	int fd = tcp(0), second = tcp(0);

	need_gate();
	/* The upper half of a register does not count. */
	if (gate(362 /* connect */, fd | 1L << 40, low(&to), sizeof(to)) < 0)
		return say("connect", -1);
	if (!has_peer_by_gate(fd) || talk(fd))
		return puts("connect: wrong"), 1;
	args[0] = (uint32_t)second;
	args[1] = (uint32_t)low(&to);
	args[2] = sizeof(to);
	if (gate(102 /* socketcall */, SYS_CONNECT, low(args), 0) < 0)
		return say("socketcall", -1);
	if (!has_peer_by_gate(second) || talk(second))
		return puts("socketcall: wrong"), 1;
	say("socketcall without arguments", gate(102, SYS_CONNECT, 1, 0));
	say("io_uring_setup", gate(425, 4, low(args), 0));
	return 0;
}

/* As those of the x32 ABI do. */
static int x32(void)
{
	enum { BIT = 0x40000000 };

	if (syscall(BIT | SYS_getppid) < 0)
		puts("this kernel has no such calls"), exit(3);
	say("connect", syscall(BIT | SYS_connect, tcp(0), &to, sizeof(to)));
	return 0;
}
#endif

static int wait_first(void)
{
	puts("ready");
	fflush(stdout);
	getchar();
	return blocking();
}

static int reset(void)
{
	int fd = tcp(0);
	char byte;

	if (raw_connect(fd) < 0)
		return say("connect", -1);
	if (syscall(SYS_write, fd, "hello\n", 6) != 6)
		return say("write", -1);
	say("read", syscall(SYS_read, fd, &byte, 1));
	return say("read again", syscall(SYS_read, fd, &byte, 1));
}

static int undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return blocking();
}

static char option[256];
static socklen_t option_len = sizeof(option);

static void next_line(const char *what)
{
	puts(what);
	while (read(STDIN_FILENO, option, 1) == 1 && option[0] != '\n')
		;
	option[0] = 0;
}

static void ask_option(void)
{
	int fd = tcp(0);

	if (raw_connect(fd) < 0)
		_exit(say("connect", -1));
	next_line("connected");
	net(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, option, &option_len);
	_exit(0);
}

static int look_at_option(void)
{
	next_line("reused");
	sleep(1);
	for (size_t i = 0; i < sizeof(option); i++)
		if (option[i])
			return puts("another process was written to"), 1;
	puts("untouched");
	return 0;
}

static int reuse(void)
{
	pid_t child = fork(), number = child;
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uintptr_t)&number,
				   .set_tid_size = 1 };
	int status = 1;

	if (child == 0)
		ask_option();
	sleep(3);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0)
		_exit(look_at_option());
	waitpid(child, &status, 0);
	return status;
}

static const struct {
	const char *name;
	int (*run)(void);
} ways[] = {
	{ "blocking", blocking },   { "nonblocking", nonblocking },
	{ "epoll", through_epoll }, { "copies", copies },
	{ "closed", closed },	    { "threads", threads },
	{ "vfork", in_vfork },	    { "alarm", interrupted },
	{ "restart", restarted },   { "storm", storm },
	{ "many", many },	    { "names", names },
	{ "unix", to_unix },	    { "bad", bad },
	{ "fastopen", fastopen },   { "datagrams", datagrams },
	{ "uring", uring },	    { "undumpable", undumpable },
	{ "reuse", reuse },	    { "wait", wait_first },
#ifdef __x86_64__
	{ "gate32", gate32 },	    { "x32", x32 },
#endif
	{ "reset", reset },
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((in_port_t)atoi(argv[2]));
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(argv[1], "changing") == 0 && argc == 4)
		return changing(argv[3]);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			return ways[i].run() != 0;
	return 2;
}
