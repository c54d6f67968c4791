/* What the victims share: one line per result, the same on every run.
 *
 * A victim connects to ports that run.sh names in the environment, and prints
 * what each call gave: "KEY: RESULT".  Nothing that changes from run to run
 * may be printed: errors by name, ports by the name of their variable,
 * descriptors and processes not at all.  A KEY is printed once, so that run.sh
 * can say for a KEY that a wrapped connection answers something else.
 *
 * Ports: ECHO, SINK, GREET, SOURCE, RESET, LAST, BYE (tests/support/server.c
 * has the behaviours), CLOSED (refuses), PENDING (a connect stays under way).
 */
#ifndef VICTIM_H
#define VICTIM_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHARED __attribute__((unused)) static

/* An address, ready to be passed on. */
struct place {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage storage;
	};
	socklen_t len;
};

static const char *const port_names[] = { "ECHO",   "SINK",   "GREET",
					  "SOURCE", "CLOSED", "PENDING",
					  "RESET",  "LAST",   "BYE" };

SHARED uint16_t port_of(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		printf("%s is not set: run.sh does\n", name);
		exit(1);
	}
	return (uint16_t)strtoul(value, NULL, 10);
}

/* "ECHO" …, or "0", or "some" for a port that the kernel chose. */
SHARED const char *port_name(uint16_t port)
{
	for (size_t i = 0; i < sizeof(port_names) / sizeof(*port_names); i++)
		if (getenv(port_names[i]) && port_of(port_names[i]) == port)
			return port_names[i];
	return port == 0 ? "0" : "some";
}

/* ip: "127.0.0.1", "::1", "::ffff:127.0.0.1" */
SHARED struct place place(const char *ip, const char *port)
{
	struct place p = { .len = sizeof(p.v4) };

	if (inet_pton(AF_INET, ip, &p.v4.sin_addr) == 1) {
		p.v4.sin_family = AF_INET;
		p.v4.sin_port = htons(port ? port_of(port) : 0);
	} else {
		inet_pton(AF_INET6, ip, &p.v6.sin6_addr);
		p.v6.sin6_family = AF_INET6;
		p.v6.sin6_port = htons(port ? port_of(port) : 0);
		p.len = sizeof(p.v6);
	}
	return p;
}

/* "KEY: 0", "KEY: 3", "KEY: -1 ECONNREFUSED" */
SHARED long say(const char *key, long result)
{
	int saved = errno;

	if (result < 0)
		printf("%s: %ld %s\n", key, result, strerrorname_np(saved));
	else
		printf("%s: %ld\n", key, result);
	fflush(stdout);
	errno = saved;
	return result;
}

/* "KEY: ok" for a descriptor or another number that varies. */
SHARED long say_ok(const char *key, long result)
{
	if (result < 0)
		return say(key, result);
	printf("%s: ok\n", key);
	fflush(stdout);
	return result;
}

__attribute__((format(printf, 2, 3))) SHARED void
say_text(const char *key, const char *format, ...)
{
	va_list args;

	printf("%s: ", key);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* "KEY: 1 (4)": a number's value, and its length */
SHARED void say_number(const char *key, int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, option, &value, &len) < 0)
		say(key, -1);
	else
		say_text(key, "%d (%u)", value, len);
}

/* "KEY: 127.0.0.1 ECHO (16)" */
SHARED void say_address(const char *key, const struct sockaddr *any,
			socklen_t len)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)any;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)any;
	char ip[INET6_ADDRSTRLEN];

	if (any->sa_family == AF_INET)
		say_text(key, "%s %s (%u)",
			 inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip)),
			 port_name(ntohs(v4->sin_port)), len);
	else if (any->sa_family == AF_INET6)
		say_text(key, "%s %s flow %u scope %u (%u)",
			 inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip)),
			 port_name(ntohs(v6->sin6_port)), v6->sin6_flowinfo,
			 v6->sin6_scope_id, len);
	else
		say_text(key, "family %d (%u)", any->sa_family, len);
}

/* The names of fd, or the error: "KEY peer: …", "KEY self: …". */
SHARED void say_names(const char *key, int fd)
{
	struct place p;
	char full[128];

	snprintf(full, sizeof(full), "%s peer", key);
	p.len = sizeof(p.storage);
	if (getpeername(fd, &p.any, &p.len) < 0)
		say(full, -1);
	else
		say_address(full, &p.any, p.len);
	snprintf(full, sizeof(full), "%s self", key);
	p.len = sizeof(p.storage);
	if (getsockname(fd, &p.any, &p.len) < 0)
		say(full, -1);
	else
		say_address(full, &p.any, p.len);
}

/* SO_ERROR by name: "KEY: ECONNREFUSED"; reading it clears it. */
SHARED void say_so_error(const char *key, int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		say(key, -1);
	else
		say_text(key, "%s", error ? strerrorname_np(error) : "0");
}

/* poll(2): "KEY: IN OUT", "KEY: nothing" */
SHARED void say_poll(const char *key, int fd, int events, int timeout)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	int n = poll(&p, 1, timeout);

	if (n < 0)
		say(key, -1);
	else
		say_text(key, "%s%s%s%s%s%s", n == 0 ? "nothing" : "poll",
			 p.revents & POLLIN ? " IN" : "",
			 p.revents & POLLOUT ? " OUT" : "",
			 p.revents & POLLERR ? " ERR" : "",
			 p.revents & POLLHUP ? " HUP" : "",
			 p.revents & POLLRDHUP ? " RDHUP" : "");
}

/* Writes text and reads as much back, from an echo: "KEY: echoed". */
SHARED bool say_echo(const char *key, int fd, const char *text)
{
	size_t len = strlen(text), have = 0;
	char back[1024];
	ssize_t got = write(fd, text, len);

	if (got != (ssize_t)len) {
		say(key, got);
		return false;
	}
	while (have < len) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		poll(&p, 1, 10000);
		got = read(fd, back + have, len - have);
		if (got <= 0) {
			say(key, got);
			return false;
		}
		have += (size_t)got;
	}
	say_text(key, "%s", memcmp(text, back, len) ? "garbled" : "echoed");
	return true;
}

/* How many descriptors this process has. */
SHARED int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", "..", dir's own */
}

SHARED void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* A connected blocking socket, or the end of the victim. */
SHARED int connected(const char *ip, const char *port)
{
	struct place p = place(ip, port);
	int fd = socket(p.any.sa_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, &p.any, p.len) < 0) {
		say("connected", -1);
		exit(1);
	}
	return fd;
}

/* A broken connection is an errno here, not the end. */
__attribute__((constructor)) SHARED void ignore_sigpipe(void)
{
	signal(SIGPIPE, SIG_IGN);
}

/* True where the sanitizer's own wrappers follow every pointer. */
SHARED bool sanitized(void)
{
	return getenv("XSOCK_TEST_SANITIZED") != NULL;
}

/* Points nowhere, and no compiler knows. */
SHARED void *bad_pointer(void)
{
	static volatile uintptr_t nowhere = 1;

	return (void *)nowhere;
}

SHARED double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
