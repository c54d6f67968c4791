/* A blocking connect that is left or ended from outside: by a signal handler
 * that jumps, by pthread_cancel(3), by another thread's shutdown(2) or
 * connect(2) with AF_UNSPEC.  Nothing of it stays behind. */
#include "victim.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/time.h>

static sigjmp_buf back;

static void jump(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

static void alarm_in(int microseconds)
{
	struct itimerval timer = { .it_value.tv_usec = microseconds };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* As a program with a time limit does it, five times. */
static void jumps(const char *key, bool elsewhere)
{
	static char stack[65536];
	stack_t other = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = jump,
				    .sa_flags = elsewhere ? SA_ONSTACK : 0 };
	struct place p = place("127.0.0.1", "PENDING");
	volatile int before = open_descriptors(), fd = -1;

	sigaltstack(&other, NULL);
	sigaction(SIGALRM, &action, NULL);
	for (volatile int i = 0; i < 5; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (sigsetjmp(back, 1) == 0) {
			alarm_in(50000);
			say("not left", connect(fd, &p.any, p.len));
		}
		close(fd);
	}
	say(key, open_descriptors() - before);
}

/* The number is free for another connect at once. */
static void jump_and_connect(void)
{
	struct sigaction action = { .sa_handler = jump };
	struct place pending = place("127.0.0.1", "PENDING");
	struct place good = place("127.0.0.1", "ECHO");
	volatile int fd;

	sigaction(SIGALRM, &action, NULL);
	/* Early, too: while the connect is handed over. */
	for (volatile int i = 0; i < 60; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (sigsetjmp(back, 1) == 0) {
			alarm_in(1 + i * 20);
			connect(fd, &pending.any, pending.len);
		}
		close(fd);
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("after jumps, connect", connect(fd, &good.any, good.len));
	say_echo("after jumps, echo", fd, "landed\n");
	close(fd);
}

/* --- another thread ---------------------------------------------------------
 */

static struct waiter {
	int fd;
	int result;
	int error;
} waiter;

static void *wait_for_connect(void *unused)
{
	struct place p = place("127.0.0.1", "PENDING");

	(void)unused;
	waiter.result = connect(waiter.fd, &p.any, p.len);
	waiter.error = errno;
	return NULL;
}

static void cancel(void)
{
	int before = open_descriptors();

	for (int i = 0; i < 5; i++) {
		pthread_t thread;
		void *result = NULL;

		waiter.fd = socket(AF_INET, SOCK_STREAM, 0);
		pthread_create(&thread, NULL, wait_for_connect, NULL);
		usleep(50000);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		if (result != PTHREAD_CANCELED)
			say("not cancelled", i);
		close(waiter.fd);
	}
	say("cancelled, descriptors left", open_descriptors() - before);
}

enum ending { BY_RD, BY_WR, BY_BOTH, BY_UNSPEC };

static void end(enum ending how)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int result = how == BY_UNSPEC
			     ? connect(waiter.fd, &none, sizeof(none))
			     : shutdown(waiter.fd, how == BY_RD	  ? SHUT_RD
						   : how == BY_WR ? SHUT_WR
								  : SHUT_RDWR);

	say("  ending it", result);
}

/* The wait is over at once, and the socket can connect again. */
static void ended(const char *key, enum ending how)
{
	struct place good = place("127.0.0.1", "ECHO");
	struct timespec until;
	pthread_t thread;

	printf("%s\n", key);
	waiter.fd = socket(AF_INET, SOCK_STREAM, 0);
	waiter.result = 99;
	pthread_create(&thread, NULL, wait_for_connect, NULL);
	usleep(100000);
	end(how);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	if (pthread_timedjoin_np(thread, NULL, &until)) {
		say_text("  connect", "still waits");
		return;
	}
	errno = waiter.error;
	say("  connect", waiter.result);
	say("  then", connect(waiter.fd, &good.any, good.len));
	say_echo("  then, echo", waiter.fd, "again\n");
	close(waiter.fd);
}

/* What was set before a connect that failed is still set. */
static void kept(void)
{
	struct place p = place("127.0.0.1", "CLOSED");
	int fd = socket(AF_INET, SOCK_STREAM, 0), value = 77;
	socklen_t len = sizeof(value);

	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, len);
	say("refused", connect(fd, &p.any, p.len));
	value = 0;
	getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len);
	say("refused, TCP_KEEPIDLE", value);
	close(fd);
}

int main(void)
{
	jumps("jumps, descriptors left", false);
	jumps("jumps from another stack, descriptors left", true);
	jump_and_connect();
	cancel();
	ended("shutdown, reading", BY_RD);
	ended("shutdown, writing", BY_WR);
	ended("shutdown, both", BY_BOTH);
	ended("AF_UNSPEC", BY_UNSPEC);
	kept();
	return 0;
}
