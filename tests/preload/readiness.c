/* When a connected socket is ready, and what a read or a send that asks for
 * more than bytes gives: the waiting calls, signals, flags and ioctls. */
#include "victim.h"
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/select.h>

/* Sends text to the echo and waits until all of it is back. */
static void echoed(int fd, const char *text)
{
	int want = (int)strlen(text), before = 0, have = 0;
	double limit = now() + 10;

	ioctl(fd, FIONREAD, &before);
	if (write(fd, text, (size_t)want) != want)
		say("write", -1);
	while (have < before + want && now() < limit) {
		ioctl(fd, FIONREAD, &have);
		usleep(1000);
	}
	if (have < before + want)
		say_text("echo", "%d of %d", have - before, want);
}

static void empty(int fd)
{
	char buffer[4096];

	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
}

/* --- the waiting calls -------------------------------------------------- */

static void say_sets(const char *key, int n, int fd, const fd_set *set)
{
	if (n < 0)
		say(key, n);
	else
		say_text(key, "%d:%s%s%s", n,
			 FD_ISSET(fd, &set[0]) ? " in" : "",
			 FD_ISSET(fd, &set[1]) ? " out" : "",
			 FD_ISSET(fd, &set[2]) ? " except" : "");
}

static void by_select(const char *key, int fd)
{
	struct timeval limit = { .tv_sec = 1 };
	fd_set set[3];

	for (int i = 0; i < 3; i++) {
		FD_ZERO(&set[i]);
		FD_SET(fd, &set[i]);
	}
	say_sets(key, select(fd + 1, &set[0], &set[1], &set[2], &limit), fd,
		 set);
}

static void by_pselect(const char *key, int fd)
{
	struct timespec limit = { .tv_sec = 1 };
	fd_set set[3];
	sigset_t mask;

	sigemptyset(&mask);
	for (int i = 0; i < 3; i++) {
		FD_ZERO(&set[i]);
		FD_SET(fd, &set[i]);
	}
	say_sets(key, pselect(fd + 1, &set[0], &set[1], &set[2], &limit, &mask),
		 fd, set);
}

static void by_poll(const char *key, int fd)
{
	say_poll(key, fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 1000);
}

static void by_ppoll(const char *key, int fd)
{
	struct pollfd p = { .fd = fd,
			    .events = POLLIN | POLLRDNORM | POLLOUT |
				      POLLWRNORM | POLLPRI | POLLRDHUP };
	struct timespec limit = { .tv_sec = 1 };
	sigset_t mask;
	int n;

	sigemptyset(&mask);
	n = ppoll(&p, 1, &limit, &mask);
	say_text(key, "%d: %#x", n, (unsigned)p.revents);
}

static void by_epoll(const char *key, int fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDNORM | EPOLLOUT |
					   EPOLLWRNORM | EPOLLPRI |
					   EPOLLRDHUP };
	int set = epoll_create1(0), n;

	epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
	e.events = 0;
	n = epoll_pwait(set, &e, 1, 1000, NULL);
	say_text(key, "%d: %#x", n, e.events);
	close(set);
}

static const struct {
	const char *name;
	void (*ask)(const char *key, int fd);
} calls[] = {
	{ "select", by_select }, { "pselect", by_pselect }, { "poll", by_poll },
	{ "ppoll", by_ppoll },	 { "epoll", by_epoll },
};

static void ask_all(const char *state, int fd)
{
	printf("%s\n", state);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		char key[64];

		snprintf(key, sizeof(key), "  %s", calls[i].name);
		calls[i].ask(key, fd);
	}
}

/* Fills the way to a server that does not read: nothing is writable. */
static void fill(int fd)
{
	static char bytes[65536];
	double limit = now() + 20;
	int quiet = 0;

	set_nonblocking(fd);
	while (quiet < 20 && now() < limit) {
		if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0) {
			quiet = 0;
			continue;
		}
		quiet++;
		usleep(10000);
	}
}

static void waiting(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char c;

	ask_all("idle", fd);
	echoed(fd, "data");
	ask_all("data", fd);
	empty(fd);
	ask_all("read", fd);
	shutdown(fd, SHUT_WR);
	recv(fd, &c, 1, 0);
	ask_all("both ended", fd);
	close(fd);

	/* The server ends, and we do not. */
	fd = connected("127.0.0.1", "SOURCE");
	while (recv(fd, &c, 1, MSG_PEEK) > 0)
		empty(fd);
	ask_all("the server has ended", fd);
	close(fd);

	/* The echo stops reading when its answers are not read. */
	fd = connected("127.0.0.1", "ECHO");
	fill(fd);
	ask_all("full", fd);
	close(fd);
}

/* A signal ends the wait, as ever. */
static void interrupted(int number)
{
	(void)number;
}

static void signals(void)
{
	struct sigaction action = { .sa_handler = interrupted };
	int fd = connected("127.0.0.1", "ECHO");
	sigset_t blocked, old;
	struct timespec limit = { .tv_sec = 10 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	fd_set in;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &old);
	raise(SIGUSR1);
	say("ppoll, a signal waits", ppoll(&p, 1, &limit, &old));
	raise(SIGUSR1);
	FD_ZERO(&in);
	FD_SET(fd, &in);
	say("pselect, a signal waits",
	    pselect(fd + 1, &in, NULL, NULL, &limit, &old));
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fd);
}

/* --- epoll ---------------------------------------------------------------- */

static int add(int set, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}

static int count(int set, int timeout)
{
	struct epoll_event e[4];

	return epoll_wait(set, e, 4, timeout);
}

static void levels_and_edges(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	int level = epoll_create1(0), edge = epoll_create1(0);
	int shot = epoll_create1(0), outer = epoll_create1(0);
	int alone = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT };
	char c;

	say("level, add", add(level, fd, EPOLLIN));
	say("edge, add", add(edge, fd, EPOLLIN | EPOLLET));
	say("one shot, add", add(shot, fd, EPOLLIN | EPOLLONESHOT));
	say("exclusive, add", add(alone, fd, EPOLLIN | EPOLLEXCLUSIVE));
	say("nested, add", add(outer, level, EPOLLIN));
	say("level, idle", count(level, 0));
	say("nested, idle", count(outer, 0));
	echoed(fd, "abc");
	say("level", count(level, 1000));
	say("level, again", count(level, 0));
	say("edge", count(edge, 1000));
	say("edge, again", count(edge, 0));
	say("one shot", count(shot, 1000));
	say("exclusive", count(alone, 1000));
	say("nested", count(outer, 1000));
	recv(fd, &c, 1, 0);
	say("edge, some is read", count(edge, 0));
	echoed(fd, "d");
	say("edge, more comes", count(edge, 1000));
	say("one shot, more comes", count(shot, 0));
	say("one shot, arm", epoll_ctl(shot, EPOLL_CTL_MOD, fd, &e));
	say("one shot, armed", count(shot, 1000));
	empty(fd);
	say("level, read", count(level, 0));
	say("edge, read", count(edge, 0));
	say("exclusive, read", count(alone, 0));
	say("nested, read", count(outer, 0));
	close(fd);
	close(level);
	close(edge);
	close(shot);
	close(outer);
	close(alone);
}

/* EPOLLRDHUP, without and with data before it. */
static void half_closed(void)
{
	int fd = connected("127.0.0.1", "SOURCE");
	int level = epoll_create1(0), edge = epoll_create1(0), told = 0;
	struct epoll_event e = { .events = 0 };
	char c;

	add(level, fd, EPOLLRDHUP);
	add(edge, fd, EPOLLRDHUP | EPOLLET);
	say("RDHUP, not yet", count(level, 0));
	while (recv(fd, &c, 1, MSG_PEEK) > 0)
		empty(fd);
	epoll_wait(level, &e, 1, 1000);
	say_text("RDHUP", "%#x", e.events);
	say("RDHUP, level", count(level, 0));
	while (count(edge, told ? 20 : 1000) == 1)
		told++;
	say("RDHUP, edges", told);
	close(fd);
	close(level);
	close(edge);
}

/* --- SIGIO ---------------------------------------------------------------- */

static volatile sig_atomic_t arrived, number_told, wrong_code;

static void on_io(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	arrived++;
	number_told = info->si_fd;
	wrong_code |= info->si_code != POLL_IN && info->si_code != POLL_OUT;
}

static bool within_seconds(volatile sig_atomic_t *counter)
{
	for (int i = 0; i < 5000 && !*counter; i++)
		usleep(1000);
	return *counter > 0;
}

static void ask_for_signals(int fd, int number, bool group)
{
	struct f_owner_ex owner = { F_OWNER_TID, gettid() };

	if (group)
		fcntl(fd, F_SETOWN, -getpgrp());
	else
		fcntl(fd, F_SETOWN_EX, &owner);
	fcntl(fd, F_SETSIG, number);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

static void by_signal(const char *key, bool before)
{
	struct sigaction action = { .sa_sigaction = on_io,
				    .sa_flags = SA_SIGINFO | SA_RESTART };
	struct place p = place("127.0.0.1", "ECHO");
	int type = before ? SOCK_NONBLOCK : 0;
	int fd = socket(AF_INET, SOCK_STREAM | type, 0);

	printf("%s\n", key);
	sigaction(SIGRTMIN, &action, NULL);
	arrived = number_told = wrong_code = 0;
	if (before)
		ask_for_signals(fd, SIGRTMIN, false);
	say("  connect", connect(fd, &p.any, p.len));
	if (before) {
		say("  connected is told", within_seconds(&arrived));
		say("  for this number", number_told == fd);
		say_poll("  poll", fd, POLLOUT, 10000);
	} else {
		ask_for_signals(fd, SIGRTMIN, false);
	}
	arrived = 0;
	usleep(20000);
	say("  quiet", arrived);
	say("  write", write(fd, "x", 1));
	say("  data is told", within_seconds(&arrived));
	say("  for this number", number_told == fd);
	say("  wrong code", wrong_code);
	say_poll("  poll", fd, POLLIN, 10000);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_ASYNC);
	arrived = 0;
	echoed(fd, "y");
	say("  no more when off", arrived);
	close(fd);
}

/* The plain SIGIO, which says nothing but that. */
static void plain_signal(void)
{
	struct sigaction action = { .sa_sigaction = on_io,
				    .sa_flags = SA_SIGINFO | SA_RESTART };
	int fd = connected("127.0.0.1", "ECHO");

	sigaction(SIGIO, &action, NULL);
	arrived = 0;
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_ASYNC);
	write(fd, "x", 1);
	say("SIGIO", within_seconds(&arrived));
	close(fd);
}

/* --- flags and ioctls ----------------------------------------------------- */

static void flags(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char buffer[64] = "";

	say("MSG_DONTWAIT, nothing there",
	    recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT));
	echoed(fd, "0123456789");
	say("MSG_PEEK", recv(fd, buffer, 4, MSG_PEEK));
	say("MSG_PEEK again", recv(fd, buffer, sizeof(buffer), MSG_PEEK));
	say_text("MSG_PEEK gives", "%.10s", buffer);
	memset(buffer, '-', sizeof(buffer));
	say("MSG_TRUNC", recv(fd, buffer, 4, MSG_TRUNC));
	say_text("MSG_TRUNC leaves", "%.4s", buffer);
	/* A wrapper of the sanitizer would look at the buffer. */
	say("MSG_TRUNC, no buffer",
	    recv(fd, sanitized() ? buffer : NULL, 2, MSG_TRUNC));
	say("the rest", recv(fd, buffer, sizeof(buffer), 0));
	say_text("the rest is", "%.4s", buffer);
	say("MSG_OOB, none", recv(fd, buffer, 1, MSG_OOB));
	say("MSG_ERRQUEUE, none", recv(fd, buffer, 8, MSG_ERRQUEUE));
	echoed(fd, "ab");
	say("MSG_ERRQUEUE, data", recv(fd, buffer, 8, MSG_ERRQUEUE));
	say("MSG_ERRQUEUE | MSG_DONTWAIT, data",
	    recv(fd, buffer, 8, MSG_ERRQUEUE | MSG_DONTWAIT));
	say("MSG_WAITALL", recv(fd, buffer, 2, MSG_WAITALL));
	echoed(fd, "cd");
	shutdown(fd, SHUT_WR);
	say("MSG_WAITALL, the end before",
	    recv(fd, buffer, sizeof(buffer), MSG_WAITALL));
	say("MSG_NOSIGNAL", send(fd, "x", 1, MSG_NOSIGNAL));
	close(fd);
}

/* By recvmsg, which is another way through the library. */
static void flags_by_message(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char buffer[16] = "", control[128];
	struct iovec into = { buffer, 4 };
	struct msghdr m = { .msg_iov = &into,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	echoed(fd, "0123456789");
	say("recvmsg, MSG_ERRQUEUE", recvmsg(fd, &m, MSG_ERRQUEUE));
	memset(buffer, '-', sizeof(buffer));
	say("recvmsg, MSG_TRUNC", recvmsg(fd, &m, MSG_TRUNC));
	say_text("recvmsg, MSG_TRUNC leaves", "%.4s, flags %x", buffer,
		 m.msg_flags & ~MSG_CTRUNC);
	say("recvfrom, MSG_TRUNC",
	    recvfrom(fd, buffer, 4, MSG_TRUNC, NULL, NULL));
	say("recvmsg", recvmsg(fd, &m, 0));
	say_text("recvmsg gives", "%.2s", buffer);
	close(fd);
}

static void low_mark(void)
{
	int fd = connected("127.0.0.1", "ECHO"), low = 5;
	socklen_t len = sizeof(low);
	char buffer[64];

	say("SO_RCVLOWAT, set",
	    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, len));
	low = 0;
	getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, &len);
	say("SO_RCVLOWAT", low);
	echoed(fd, "abc");
	say_poll("SO_RCVLOWAT, poll below it", fd, POLLIN, 50);
	say("SO_RCVLOWAT, not waiting",
	    recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT | MSG_PEEK));
	empty(fd);
	if (fork() == 0) {
		if (write(fd, "abc", 3) != 3)
			_exit(1);
		usleep(50000);
		_exit(write(fd, "de", 2) != 2);
	}
	say("SO_RCVLOWAT, read waits", read(fd, buffer, sizeof(buffer)));
	wait(NULL);
	close(fd);
}

static void ioctls(void)
{
	int fd = connected("127.0.0.1", "ECHO"), value = -1, on = 1;
	double limit = now() + 10;
	char buffer[64];

	say("FIONREAD, nothing", ioctl(fd, FIONREAD, &value));
	say("FIONREAD, nothing, is", value);
	echoed(fd, "0123456789");
	recv(fd, buffer, 4, 0);
	say("FIONREAD", ioctl(fd, FIONREAD, &value));
	say("FIONREAD is", value);
	say("SIOCATMARK", ioctl(fd, SIOCATMARK, &value));
	say("SIOCATMARK is", value);
	say("SIOCOUTQ", ioctl(fd, SIOCOUTQ, &value));
	while (value && now() < limit)
		ioctl(fd, SIOCOUTQ, &value);
	say("SIOCOUTQ, in the end", value);
	say("SIOCOUTQNSD", ioctl(fd, SIOCOUTQNSD, &value));
	say("SIOCOUTQNSD, in the end", value);
	say("FIONBIO", ioctl(fd, FIONBIO, &on));
	say("FIONBIO, read", read(fd, buffer, 6) + read(fd, buffer, 1));
	say("FIOASYNC", ioctl(fd, FIOASYNC, &(int){ 0 }));
	shutdown(fd, SHUT_WR);
	say_poll("the end", fd, POLLIN, 10000);
	say("FIONREAD at the end", ioctl(fd, FIONREAD, &value));
	say("FIONREAD at the end is", value);
	close(fd);
}

int main(void)
{
	waiting();
	signals();
	levels_and_edges();
	half_closed();
	by_signal("a signal, asked for before", true);
	by_signal("a signal, asked for after", false);
	plain_signal();
	flags();
	flags_by_message();
	low_mark();
	ioctls();
	return 0;
}
