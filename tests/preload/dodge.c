/* One connect in a corner where a rule could be overlooked; run by
 * plaintext.sh, which knows what each must print.
 *
 *     dodge HOW [ARGUMENT…]
 *
 * What it has to tell is written to every descriptor that says it is
 * connected; the servers know whether it came by TLS.
 */
#include "victim.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static const char secret[] = "SECRET-that-must-not-travel";

static struct place at(const char *ip, const char *port)
{
	struct place p = place(ip, NULL);

	p.v4.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	return p;
}

static void try_connect(const char *key, int fd, const struct place *p)
{
	int result = connect(fd, &p->any, p->len);

	say(key, result);
	if (result == 0) {
		send(fd, secret, strlen(secret), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		/* Until the server has it. */
		recv(fd, (char[64]){ 0 }, 64, 0);
	}
	close(fd);
}

/* addresses IP PORT …: by address, one after the other */
static void addresses(char **argument)
{
	for (int i = 0; argument[2 * i]; i++) {
		struct place p = at(argument[2 * i], argument[2 * i + 1]);
		char key[32];

		snprintf(key, sizeof(key), "connect %d", i + 1);
		try_connect(key, socket(p.any.sa_family, SOCK_STREAM, 0), &p);
	}
}

/* full IP PORT: no descriptor is free */
static void full(char **argument)
{
	struct place p = at(argument[0], argument[1]);
	int fd = socket(p.any.sa_family, SOCK_STREAM, 0);
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)fd + 1;
	setrlimit(RLIMIT_NOFILE, &limit);
	try_connect("connect", fd, &p);
}

/* names PORT NAME …: looks all up, connects to what the first gave */
static void names(char **argument)
{
	const struct addrinfo hints = { .ai_family = AF_INET,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found, *first = NULL;
	struct place p;

	for (int i = 1; argument[i]; i++) {
		if (getaddrinfo(argument[i], argument[0], &hints, &found)) {
			say_text(argument[i], "unknown");
			return;
		}
		if (!first)
			first = found;
	}
	/* As a program would that keeps the numbers only. */
	p = place("127.0.0.1", NULL);
	p.v4.sin_addr = ((struct sockaddr_in *)first->ai_addr)->sin_addr;
	p.v4.sin_port = ((struct sockaddr_in *)first->ai_addr)->sin_port;
	try_connect("connect, address kept", socket(AF_INET, SOCK_STREAM, 0),
		    &p);
	memcpy(&p.v4, first->ai_addr, sizeof(p.v4));
	try_connect("connect, as looked up", socket(AF_INET, SOCK_STREAM, 0),
		    &p);
}

struct waiting {
	int fd;
	struct place to;
};

static void *wait_in_connect(void *argument)
{
	struct waiting *w = argument;

	say("connect", connect(w->fd, &w->to.any, w->to.len));
	return NULL;
}

/* reuse IP PORT FILE: while connect waits, its number becomes a file's */
static void reuse(char **argument)
{
	struct waiting w = { socket(AF_INET, SOCK_STREAM, 0),
			     at(argument[0], argument[1]) };
	struct stat file;
	pthread_t thread;
	int fd;

	pthread_create(&thread, NULL, wait_in_connect, &w);
	usleep(300000);
	close(w.fd);
	fd = open(argument[2], O_CREAT | O_TRUNC | O_RDWR, 0600);
	say("the same number", fd == w.fd);
	pthread_join(thread, NULL);
	fstat(fd, &file);
	say_text("it is", S_ISREG(file.st_mode) ? "a file" : "no file");
	say("write", write(fd, "text\n", 5));
}

static sigjmp_buf out;

static void jump(int number)
{
	(void)number;
	siglongjmp(out, 1);
}

/* jump IP PORT: a handler leaves connect; then close, and the program lives on
 * until its standard input ends */
static void jumps(char **argument)
{
	struct place p = at(argument[0], argument[1]);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	signal(SIGALRM, jump);
	if (sigsetjmp(out, 1) == 0) {
		ualarm(300000, 0);
		say("connect", connect(fd, &p.any, p.len));
	}
	close(fd);
	say_text("jumped", "closed");
	while (read(STDIN_FILENO, (char[64]){ 0 }, 64) > 0)
		;
}

/* --- who else looks up ------------------------------------------------- */

/* Connects to the number alone: no tag comes with it. */
static void connect_to_number(const char *key, const struct addrinfo *found,
			      const char *port)
{
	struct place p = at("127.0.0.1", port);

	p.v4.sin_addr = ((struct sockaddr_in *)found->ai_addr)->sin_addr;
	try_connect(key, socket(AF_INET, SOCK_STREAM, 0), &p);
}

static const struct addrinfo ipv4 = { .ai_family = AF_INET,
				      .ai_socktype = SOCK_STREAM };

/* async PORT NAME: by getaddrinfo_a, waiting, and asking for the outcome.  Not
 * by gai_suspend: that of glibc 2.36 to 2.43 gives a structure on its stack to
 * the helper thread, may return before the thread is done with it, and the
 * thread then may crash. */
static void async(char **argument)
{
	struct gaicb waiting = { .ar_name = argument[1], .ar_request = &ipv4 };
	struct gaicb asking = waiting, missing = { .ar_name = "no.invalid" };
	struct gaicb *list[2] = { &waiting, NULL };

	say("GAI_WAIT", getaddrinfo_a(GAI_WAIT, list, 2, NULL));
	connect_to_number("GAI_WAIT, connect", waiting.ar_result, argument[0]);
	list[0] = &asking;
	list[1] = &missing;
	say("GAI_NOWAIT", getaddrinfo_a(GAI_NOWAIT, list, 2, NULL));
	while (gai_error(&asking) == EAI_INPROGRESS ||
	       gai_error(&missing) == EAI_INPROGRESS)
		usleep(1000);
	say("GAI_NOWAIT, outcome", gai_error(&asking));
	say("GAI_NOWAIT, no such name", gai_error(&missing) != 0);
	connect_to_number("GAI_NOWAIT, connect", asking.ar_result, argument[0]);
}

static void *look_up(void *name)
{
	struct addrinfo *found = NULL;

	getaddrinfo(name, NULL, &ipv4, &found);
	return found;
}

/* elsewhere PORT NAME: in a thread; in a child, which tells the number */
static void elsewhere(char **argument)
{
	struct place p = at("127.0.0.1", argument[0]);
	pthread_t thread;
	void *found;
	int ends[2];

	pthread_create(&thread, NULL, look_up, argument[1]);
	pthread_join(thread, &found);
	connect_to_number("looked up in a thread", found, argument[0]);
	if (pipe(ends) < 0)
		return;
	if (fork() == 0) {
		struct hostent *host = gethostbyname(argument[2]);

		_exit(write(ends[1], host->h_addr_list[0], 4) != 4);
	}
	wait(NULL);
	if (read(ends[0], &p.v4.sin_addr, 4) == 4)
		try_connect("looked up in a child",
			    socket(AF_INET, SOCK_STREAM, 0), &p);
}

/* --- callers that hold a lock, or share memory ------------------------- */

static struct place caller_to;

/* One connect from here: the first word says how it went. */
static const char *call(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	const char *how = "refused";

	if (connect(fd, &caller_to.any, caller_to.len) == 0) {
		send(fd, secret, strlen(secret), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		recv(fd, (char[64]){ 0 }, 64, 0);
		how = "connected";
	}
	close(fd);
	return how;
}

static volatile sig_atomic_t calls, connected_calls;

static void on_signal(int number)
{
	int saved = errno;

	(void)number;
	connected_calls += strcmp(call(), "connected") == 0;
	calls++;
	errno = saved;
}

/* What takes locks and memory in libc, until the time is over. */
static void keep_libc_busy(double seconds, int until_calls)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	double end = now() + seconds;

	while (calls < until_calls && now() < end) {
		struct addrinfo *found;
		void *some = malloc(4000);

		if (getaddrinfo("localhost", "http", &hints, &found) == 0)
			freeaddrinfo(found);
		free(some);
		setlocale(LC_ALL, "");
	}
}

/* handler IP PORT: connects in a signal handler, wherever that falls into */
static void handler(char **argument)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESTART };

	caller_to = at(argument[0], argument[1]);
	sigaction(SIGALRM, &action, NULL);
	ualarm(5000, 5000);
	keep_libc_busy(100, 30);
	ualarm(0, 0);
	if (calls >= 30 && connected_calls == calls)
		say_text("in a handler", "%s", "connected");
	else
		say_text("in a handler", "%d of %d connected",
			 (int)connected_calls, (int)calls);
}

/* vforked IP PORT: in a child that has the parent's memory; then here */
static void vforked(char **argument)
{
	pid_t child;
	int status;

	caller_to = at(argument[0], argument[1]);
	child = vfork();
	if (child == 0)
		_exit(strcmp(call(), "connected") != 0);
	waitpid(child, &status, 0);
	say("in the vfork child, status", status);
	say_text("in the parent", "%s", call());
	say("wait for nobody", waitpid(-1, NULL, __WALL));
}

/* In a child that is forked here: does it connect? */
static bool child_connects(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(strcmp(call(), "connected") != 0);
	waitpid(child, &status, 0);
	return status == 0;
}

/* early IP PORT: in the children of a program whose other thread is just
 * reading the rules */
static void early(char **argument)
{
	pthread_t thread;
	int good = 0;

	caller_to = at(argument[0], argument[1]);
	pthread_create(&thread, NULL, look_up, "localhost");
	for (int i = 0; i < 5; i++) {
		usleep(1000);
		good += child_connects();
	}
	pthread_join(thread, NULL);
	say("early children that connected", good);
}

static void *stay_busy(void *unused)
{
	(void)unused;
	keep_libc_busy(20, 1);
	return NULL;
}

/* forked IP PORT: in the children of a program whose threads hold locks */
static void forked(char **argument)
{
	pthread_t thread[3];
	int good = 0;

	caller_to = at(argument[0], argument[1]);
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, stay_busy, NULL);
	for (int i = 0; i < 30; i++)
		good += child_connects();
	calls = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	say("children that connected", good);
}

/* --- one socket in two processes --------------------------------------- */

/* Newer than some headers. */
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int bind_low(int fd)
{
	struct place from = place("127.0.0.1", NULL);
	int result = -1;

	for (int port = 1023; result < 0 && port > 512; port--) {
		from.v4.sin_port = htons((uint16_t)port);
		result = bind(fd, &from.any, from.len);
	}
	return result;
}

static int attach_filter(int fd)
{
	struct sock_filter all = { BPF_RET | BPF_K, 0, 0, UINT32_MAX };
	struct sock_fprog program = { 1, &all };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program));
}

/* Gives the socket what is asked for.  Where that needs root, this process is
 * another user afterwards. */
static void prepare_shared(int fd, const char *how)
{
	struct place from;
	int result = -1;

	if (strcmp(how, "mptcp") == 0)
		return;
	if (strcmp(how, "port") == 0) {
		result = bind_low(fd);
	} else if (strcmp(how, "mark") == 0) {
		result = set_int(fd, SOL_SOCKET, SO_MARK, 7);
	} else if (strcmp(how, "transparent") == 0) {
		result = set_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
	} else if (strcmp(how, "device") == 0) {
		result = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
	} else if (strcmp(how, "filter") == 0) {
		result = attach_filter(fd);
	} else {
		from = place(how, NULL);
		say("bind", bind(fd, &from.any, from.len));
		return;
	}
	say(how, result);
	say("seteuid", seteuid(65534));
}

/* shared IP PORT [SOURCE|mptcp|port|mark|transparent|device|filter]: the child
 * connects, the parent writes to the socket that it has had before; then the
 * other way round */
static void shared(char **argument)
{
	static const char poison[] = "SECRET-that-must-not-travel, raw";
	pid_t child;
	int fd, go[2], tried[2], status;

	bool mptcp = argument[2] && strcmp(argument[2], "mptcp") == 0;

	caller_to = at(argument[0], argument[1]);
	for (int child_connects = 1; child_connects >= 0; child_connects--) {
		fd = socket(AF_INET, SOCK_STREAM, mptcp ? IPPROTO_MPTCP : 0);
		if (argument[2])
			prepare_shared(fd, argument[2]);
		if (pipe(go) < 0 || pipe(tried) < 0)
			return;
		fflush(stdout);
		child = fork();
		if ((child == 0) == (child_connects != 0)) {
			say("connect",
			    connect(fd, &caller_to.any, caller_to.len));
			if (write(go[1], "", 1) != 1 ||
			    read(tried[0], &(char){ 0 }, 1) != 1)
				return;
			send(fd, secret, strlen(secret), MSG_NOSIGNAL);
			shutdown(fd, SHUT_WR);
			recv(fd, (char[64]){ 0 }, 64, 0);
		} else {
			if (read(go[0], &(char){ 0 }, 1) != 1)
				return;
			say(child ? "the parent writes" : "the child writes",
			    send(fd, poison, strlen(poison), MSG_NOSIGNAL));
			if (write(tried[1], "", 1) != 1)
				return;
		}
		if (child == 0)
			_exit(0);
		waitpid(child, &status, 0);
		close(fd);
		for (int i = 0; i < 2; i++) {
			close(go[i]);
			close(tried[i]);
		}
		if (geteuid() != getuid())
			say("seteuid back", seteuid(getuid()));
	}
}

/* alone IP PORT HOW: nobody else has the socket */
static void alone(char **argument)
{
	struct place p = at(argument[0], argument[1]);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	prepare_shared(fd, argument[2]);
	try_connect("connect", fd, &p);
}

/* passed IP PORT: the socket was sent to another holder (here: the same
 * process, where nobody looks for it) and comes back after the connect */
static void passed(char **argument)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	char byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), ends[2], back;

	caller_to = at(argument[0], argument[1]);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	control.align = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET,
					  SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	sendmsg(ends[0], &message, 0);
	say("connect", connect(fd, &caller_to.any, caller_to.len));
	recvmsg(ends[1], &message, 0);
	memcpy(&back, CMSG_DATA(&control.align), sizeof(back));
	say("what was passed before, send",
	    send(back, secret, strlen(secret), MSG_NOSIGNAL));
	send(fd, secret, strlen(secret), MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	recv(fd, (char[64]){ 0 }, 64, 0);
}

/* --- who the process is, and where ------------------------------------- */

static void call_as(const char *key)
{
	say_text(key, "%s", call());
}

/* drop IP PORT: as root; as another user; by then set-user-ID root again */
static void drop(char **argument)
{
	caller_to = at(argument[0], argument[1]);
	call_as("as root");
	say("seteuid", seteuid(65534));
	call_as("as another");
	say("seteuid back", seteuid(0));
	call_as("as root again");
	say("setresuid", setresuid(65534, 65534, 65534));
	call_as("as another for good");
}

/* root IP PORT FOLDER: after chroot(2) */
static void change_root(char **argument)
{
	caller_to = at(argument[0], argument[1]);
	say("chroot", chroot(argument[2]));
	say("chdir", chdir("/"));
	call_as("connect");
}

/* spaces IP PORT: children will be in a new PID namespace, which the first one
 * of all must be the program's own */
static void spaces(char **argument)
{
	int status = -1;
	pid_t child;

	caller_to = at(argument[0], argument[1]);
	say("unshare", unshare(CLONE_NEWPID));
	call_as("before the first child");
	child = fork();
	if (child == 0)
		_exit(getpid() == 1 ? strcmp(call(), "connected") != 0 : 2);
	say_ok("fork", child);
	waitpid(child, &status, 0);
	say("the first child, status", status);
	say("wait for nobody", waitpid(-1, NULL, __WALL));
}

/* network IP PORT: a socket that was made before the network namespace changed
 * belongs to the old one, where the server is */
static void network(char **argument)
{
	struct place p = at(argument[0], argument[1]);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	caller_to = p;
	call_as("before");
	say("unshare", unshare(CLONE_NEWNET));
	try_connect("the old socket", fd, &p);
	try_connect("a new one", socket(AF_INET, SOCK_STREAM, 0), &p);
}

/* datagram PORT: UDP to an IPv4 address, by sockets of either family */
static void datagram(char **argument)
{
	struct place p = at("127.0.0.1", argument[0]);

	try_connect("IPv4", socket(AF_INET, SOCK_DGRAM, 0), &p);
	try_connect("IPv6", socket(AF_INET6, SOCK_DGRAM, 0), &p);
}

/* reaper IP PORT [subreaper]: the process that inherits orphans */
static void reaper(char **argument)
{
	caller_to = at(argument[0], argument[1]);
	if (argument[2])
		say("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
	else
		say("PID", getpid());
	call_as("connect");
	say("wait for nobody", wait(NULL));
	call_as("connect again");
	say("wait for nobody again",
	    waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED));
}

/* A connect to no address is refused, which is shorter than any of IPv6; and if
 * that is wanted, a pair's name, which is longer than a relay's. */
static void forbid_to_dissolve(bool to_name)
{
	enum { RELAY_NAME_MAX = 45 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[2])),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, to_name ? SYS_bind : -1U, 3,
			 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sizeof(struct sockaddr), 2,
			 3),
		BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, RELAY_NAME_MAX, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]),
					    code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	say("filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* stuck IP PORT [name|mark]: what a refused connect gives back, where that
 * cannot be dissolved; "name": the library itself fails behind TCP's connect;
 * "mark": so, by a socket that alone can connect */
static void stuck(char **argument)
{
	struct place p = at(argument[0], argument[1]), peer = { .len = 28 };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), mark = 1;

	if (argument[2] && strcmp(argument[2], "mark") == 0) {
		say("mark",
		    setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
		say("seteuid", seteuid(65534));
	}
	forbid_to_dissolve(argument[2]);
	say("connect", connect(fd, &p.any, p.len));
	say("getpeername", getpeername(fd, &peer.any, &peer.len));
	say("send", send(fd, secret, strlen(secret), MSG_NOSIGNAL));
}

/* inside FUNCTION HOST PORT: libc connects inside of it */
static void inside(char **argument)
{
	uint16_t port = htons((uint16_t)strtoul(argument[2], NULL, 10));
	char *host = argument[1];
	int fd = -1;

	if (strcmp(argument[0], "rexec") == 0)
		fd = rexec(&host, port, "user", secret, "true", NULL);
	else if (strcmp(argument[0], "rexec_af") == 0)
		fd = rexec_af(&host, port, "user", secret, "true", NULL,
			      AF_UNSPEC);
	else if (strcmp(argument[0], "rcmd") == 0)
		fd = rcmd(&host, port, "user", secret, "true", NULL);
	else if (strcmp(argument[0], "rcmd_af") == 0)
		fd = rcmd_af(&host, port, "user", secret, "true", NULL,
			     AF_UNSPEC);
	say_ok(argument[0], fd);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(char **argument);
	} hows[] = {
		{ "addresses", addresses }, { "full", full },
		{ "names", names },	    { "reuse", reuse },
		{ "jump", jumps },	    { "handler", handler },
		{ "vforked", vforked },	    { "early", early },
		{ "forked", forked },	    { "shared", shared },
		{ "passed", passed },	    { "async", async },
		{ "elsewhere", elsewhere }, { "drop", drop },
		{ "root", change_root },    { "spaces", spaces },
		{ "reaper", reaper },	    { "network", network },
		{ "datagram", datagram },   { "alone", alone },
		{ "inside", inside },	    { "stuck", stuck },
	};

	setlocale(LC_ALL, "");
	for (size_t i = 0; argc > 1 && i < sizeof(hows) / sizeof(*hows); i++)
		if (strcmp(argv[1], hows[i].name) == 0) {
			hows[i].run(argv + 2);
			return 0;
		}
	return 2;
}
