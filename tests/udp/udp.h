/* What the suite's programs share: sockets on loopback, and the times that poll
 * waits. */
#ifndef XS_TESTS_UDP_H
#define XS_TESTS_UDP_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 65536, PEERS_MAX = 4096, RECEIVE_BYTES = 4 << 20 };

union place {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Milliseconds of a clock that only goes forward. */
static inline int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static inline socklen_t place_len(const union place *p)
{
	return p->any.sa_family == AF_INET6 ? sizeof(p->in6) : sizeof(p->in);
}

static inline bool place_same(const union place *a, const union place *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET6)
		return a->in6.sin6_port == b->in6.sin6_port &&
		       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
			      sizeof(a->in6.sin6_addr)) == 0;
	return a->in.sin_port == b->in.sin_port &&
	       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
}

/* 127.0.0.1 or ::1. */
static inline union place loopback(int family, unsigned port)
{
	union place p = { .any.sa_family = (sa_family_t)family };

	p.in.sin_port = htons((uint16_t)port);
	if (family == AF_INET6)
		p.in6.sin6_addr = in6addr_loopback;
	else
		p.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return p;
}

static inline int udp_socket(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int bytes = RECEIVE_BYTES, on = 1;

	if (fd < 0)
		return -1;
	/* What is lost is lost on purpose, not for want of room. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return fd;
}

static inline bool udp_bind(int fd, int family, unsigned port)
{
	union place p = loopback(family, port);

	return bind(fd, &p.any, place_len(&p)) == 0;
}

/* The same port of 127.0.0.1 and, where there is IPv6, of ::1: this one, or
 * with 0 one that the kernel picks.  fd[1] is -1 without. */
static inline unsigned udp_listen(int fd[2], unsigned port)
{
	union place p;
	socklen_t len = sizeof(p);
	int try;

	for (try = 0; try < 100; try++) {
		fd[0] = udp_socket(AF_INET);
		if (fd[0] < 0 || !udp_bind(fd[0], AF_INET, port))
			die("bind");
		if (getsockname(fd[0], &p.any, &len) < 0)
			die("getsockname");
		fd[1] = udp_socket(AF_INET6);
		if (fd[1] < 0 ||
		    udp_bind(fd[1], AF_INET6, ntohs(p.in.sin_port)))
			break;
		close(fd[1]);
		fd[1] = -1;
		if (errno == EADDRNOTAVAIL)
			break;
		if (port)
			die("bind");
		close(fd[0]);
	}
	return ntohs(p.in.sin_port);
}

static inline int udp_connect(unsigned port)
{
	union place p = loopback(AF_INET, port);
	int fd = udp_socket(AF_INET);

	if (fd < 0 || connect(fd, &p.any, place_len(&p)) < 0)
		die("connect");
	return fd;
}

/* FOLDER/NAMEEND, opened to append. */
static inline int open_file(const char *folder, const char *name,
			    const char *end)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, end);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		die(path);
	return fd;
}

/* FOLDER/NAME gets the text, all at once. */
static inline void tell(const char *folder, const char *name, const char *text)
{
	char path[4096], begun[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(begun, sizeof(begun), "%s.new", path);
	file = fopen(begun, "we");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0 ||
	    rename(begun, path) < 0)
		die(path);
}

#endif
