/* What the library does, by hand: starts a relay and speaks the wire to it.
 *
 * Included by each test program of this folder; a relay belongs to one test.
 */
#ifndef TEST_RELAY_CLIENT_H
#define TEST_RELAY_CLIENT_H

#include "base/log.h"
#include "base/pair.h"
#include "base/wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST_KEY "0123456789abcdef"

struct relay {
	pid_t pid;
	struct sockaddr_un address;
	socklen_t len;
};

/* build/tests/relay/NAME → build/xsock-relay */
static inline const char *relay_path(void)
{
	static char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	for (int up = 0; up < 3; up++)
		while (len > 0 && path[--len] != '/')
			;
	cr_assert(len > 0);
	snprintf(path + len, sizeof(path) - (size_t)len, "/xsock-relay");
	return path;
}

/* Whether the relay has a sanitizer's runtime, which keeps, reads and calls
 * what a relay does not.  "make check-tsan" says so of its own, because tests
 * have none there. */
static inline bool relay_is_sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
	return true;
#else
	return getenv("XSOCK_TEST_SANITIZED") != NULL;
#endif
}

/* What the relay's process does before it becomes one: a test may take
 * something away from it. */
static void (*relay_before)(void);

/* Starts it as the library does: listener on descriptor 3, nothing else, with
 * all signals blocked. idle is in seconds: "0" makes the relay leave with its
 * last connection, so a test that closes all of them and goes on needs more. */
static inline struct relay relay_start(const char *idle)
{
	struct relay relay = { .address.sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const char *path = relay_path();
	char argument[64];
	sigset_t all;

	snprintf(argument, sizeof(argument), "--idle=%s", idle);
	/* Autobind: the kernel picks the name. */
	cr_assert_eq(bind(fd, (struct sockaddr *)&relay.address,
			  sizeof(sa_family_t)),
		     0);
	relay.len = sizeof(relay.address);
	getsockname(fd, (struct sockaddr *)&relay.address, &relay.len);
	cr_assert_eq(listen(fd, 512), 0);
	fflush(NULL);
	relay.pid = fork();
	if (relay.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		if (fd == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(fd, 3);
		if (relay_before)
			relay_before();
		if (chdir("/") == 0)
			execl(path, path, "--listen-fd=3", argument, NULL);
		_exit(127);
	}
	close(fd);
	return relay;
}

/* Its exit status, when it has left within so many seconds; else -1, and it
 * is killed. */
static inline int relay_wait(struct relay *relay, double seconds)
{
	int status = -1;

	for (int i = 0; i < seconds * 100; i++) {
		if (waitpid(relay->pid, &status, WNOHANG) == relay->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : -WTERMSIG(status);
		usleep(10000);
	}
	kill(relay->pid, SIGKILL);
	waitpid(relay->pid, &status, 0);
	return -1;
}

static inline int relay_connect(const struct relay *relay)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&relay->address, relay->len) ==
	    0)
		return fd;
	close(fd);
	return -1;
}

/* A connection as the library would have it. */
struct wrapped {
	struct xs_wire request; /* strings may be changed before it is sent */
	int tcp;
	int end[2];
	int log[2]; /* a pipe; log[1] goes with the request */
	int control;
	struct xs_address to;
};

static inline struct xs_address loopback(uint16_t port)
{
	struct xs_address address;

	cr_assert(xs_address_parse(&address, "127.0.0.1"));
	xs_address_set_port(&address, port);
	return address;
}

/* Everything up to sending; the connect is begun when port is not 0. */
static inline struct wrapped wrap_prepare(uint16_t port, const char *options)
{
	struct xs_pair_info info = { .key = TEST_KEY, .asked = loopback(port) };
	struct wrapped w = { .to = loopback(port), .control = -1 };

	xs_wire_init(&w.request, XS_WIRE_CONNECT);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.end),
		     0);
	cr_assert_eq(xs_pair_name_app(w.end[0], &info), 0);
	w.request.head.id = info.id;
	cr_assert_eq(pipe2(w.log, O_CLOEXEC | O_NONBLOCK), 0);
	w.tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	w.request.head.pid = getpid();
	w.request.head.log_level = XS_LOG_INFO;
	w.request.head.family = AF_INET;
	w.request.string[XS_WIRE_PROGRAM] = "test";
	w.request.string[XS_WIRE_ASKED] = "localhost:443";
	w.request.string[XS_WIRE_RULE] = "rule";
	w.request.string[XS_WIRE_SCHEME] = "tls";
	w.request.string[XS_WIRE_NAME] = "localhost";
	w.request.string[XS_WIRE_OPTIONS] = options;
	if (port) {
		w.request.head.started = 1;
		w.request.head.to = w.to;
		connect(w.tcp, &w.to.any, w.to.len);
	}
	return w;
}

/* Sends the request; the relay has the descriptors then. */
static inline void wrap_send(struct wrapped *w, const struct relay *relay)
{
	const int fds[] = { w->tcp, w->end[1], w->end[0], w->log[1] };

	w->control = relay_connect(relay);
	cr_assert(w->control >= 0, "the relay refuses");
	cr_assert_eq(xs_wire_send(w->control, &w->request, fds, 4), 0);
	close(w->end[1]);
	close(w->log[1]);
	w->end[1] = w->log[1] = -1;
}

/* Waits for an answer, at most 20 seconds; buffer has XS_WIRE_MESSAGE_MAX.
 * False when the relay closed instead. */
static inline bool wire_answer(int control, char *buffer, struct xs_wire *to)
{
	struct pollfd ready = { .fd = control, .events = POLLIN };
	struct xs_error err = { 0 };
	size_t nfds;
	ssize_t len;

	cr_assert_eq(poll(&ready, 1, 20000), 1, "no answer");
	len = xs_wire_receive(control, buffer, XS_WIRE_MESSAGE_MAX, NULL, 0,
			      &nfds, 0);
	if (len <= 0)
		return false;
	cr_assert_eq(xs_wire_decode(to, buffer, (size_t)len, &err), 0, "%s",
		     err.text);
	return true;
}

/* The verdict's errno; strings in *verdict live until the next one. */
static inline int wrap_verdict(struct wrapped *w, struct xs_wire *verdict)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];

	cr_assert(wire_answer(w->control, buffer, verdict), "closed");
	cr_assert_eq(verdict->head.type, XS_WIRE_VERDICT);
	cr_assert_eq(verdict->head.id, w->request.head.id);
	return verdict->head.errnum;
}

static inline void wrap_close(struct wrapped *w)
{
	close(w->end[0]);
	if (w->end[1] >= 0)
		close(w->end[1]);
	close(w->tcp);
	close(w->log[0]);
	if (w->log[1] >= 0)
		close(w->log[1]);
	if (w->control >= 0)
		close(w->control);
}

/* All of it at once; the verdict's errno. */
static inline int wrap_open(struct wrapped *w, const struct relay *relay,
			    uint16_t port, const char *options,
			    struct xs_wire *verdict)
{
	*w = wrap_prepare(port, options);
	wrap_send(w, relay);
	return wrap_verdict(w, verdict);
}

/* What the relay wrote to the log, and how many lines it was. */
static inline int wrap_log(const struct wrapped *w, char text[4096])
{
	struct pollfd ready = { .fd = w->log[0], .events = POLLIN };
	ssize_t len;
	int lines = 0;

	poll(&ready, 1, 20000);
	len = read(w->log[0], text, 4095);
	text[len > 0 ? len : 0] = '\0';
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	return lines;
}

/* What is in a file of lines, which is gone then.  Returns its length; 0: there
 * is no such file, or nothing in it. */
static inline size_t take_log(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	unlink(path);
	len = len < 0 ? 0 : len;
	text[len] = '\0';
	return (size_t)len;
}

/* GETOPT or SETOPT about the application's end fd.  The answer's errno, -1
 * when the relay closed instead. */
static inline int ask_option(const struct relay *relay, int type, int fd,
			     int level, int option, int *value)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	struct xs_wire question, answer;
	int control = relay_connect(relay);
	int error = -1;

	xs_wire_init(&question, type);
	question.head.level = level;
	question.head.option = option;
	question.head.value_len = sizeof(*value);
	question.value = value;
	xs_wire_send(control, &question, &fd, 1);
	if (wire_answer(control, buffer, &answer)) {
		error = answer.head.errnum;
		if (!error && type == XS_WIRE_GETOPT) {
			cr_assert_eq(answer.head.value_len, sizeof(*value));
			memcpy(value, answer.value, sizeof(*value));
		}
	}
	close(control);
	return error;
}

static inline double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
