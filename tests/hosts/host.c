/* A program as others are: threads that look a name up, connect, and send and
 * read back, with memory taken and given all the while.
 *
 *     host HOST PORT THREADS
 *
 * It is built in many ways (sanitizers, allocators, C libraries, 32 bits) and
 * says the same each time.  PORT is an echo server's, or leads to one.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 6, CHUNKS = 24, PATIENCE_SECONDS = 20, THREADS_MAX = 64 };

static const char *host, *port;

struct worker {
	pthread_t thread;
	unsigned number;
	const char *failed; /* what, or NULL */
	int error;
	unsigned long bytes;
};

/* Sets what failed, with errno.  Returns -1. */
static int fail(struct worker *worker, const char *what)
{
	worker->failed = what;
	worker->error = errno;
	return -1;
}

static int wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&p, 1, PATIENCE_SECONDS * 1000);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n == 1 ? 0 : -1;
}

/* Every second connect is not waited for in connect(2). */
static int connect_one(const struct addrinfo *to, int blocking)
{
	int fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
	int error = 0;
	socklen_t len = sizeof(error);

	if (fd < 0)
		return -1;
	if (!blocking)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		error = errno;
		if (error == EINPROGRESS && wait_for(fd, POLLOUT) == 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	if (!error)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

static int connect_any(struct worker *worker, int blocking)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return fail(worker, "getaddrinfo");
	for (const struct addrinfo *i = list; i && fd < 0; i = i->ai_next)
		fd = connect_one(i, blocking);
	freeaddrinfo(list);
	return fd < 0 ? fail(worker, "connect") : fd;
}

static int send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN && wait_for(fd, POLLOUT) == 0)
			continue;
		if (sent < 0)
			return -1;
		data += sent;
		size -= (size_t)sent;
	}
	return 0;
}

static int receive_all(int fd, char *data, size_t size)
{
	while (size > 0) {
		ssize_t got = recv(fd, data, size, 0);

		if (got < 0 && errno == EAGAIN && wait_for(fd, POLLIN) == 0)
			continue;
		if (got == 0)
			errno = ECONNRESET;
		if (got <= 0)
			return -1;
		data += got;
		size -= (size_t)got;
	}
	return 0;
}

/* There and back, in memory that is fresh each time. */
static int exchange(struct worker *worker, int fd, unsigned seed)
{
	for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
		size_t size = 1 + (seed * 7919 + chunk * 617) % 9000;
		char *there = malloc(size), *back = calloc(1, size);
		int same;

		if (!there || !back)
			return fail(worker, "malloc");
		for (size_t i = 0; i < size; i++)
			there[i] = (char)(seed + chunk + i * 31);
		same = send_all(fd, there, size) == 0 &&
		       receive_all(fd, back, size) == 0;
		if (!same)
			fail(worker, "send and receive");
		else if (memcmp(there, back, size) != 0)
			same = fail(worker, "other bytes came back") == 0;
		free(there);
		free(back);
		if (!same)
			return -1;
		worker->bytes += size;
	}
	return 0;
}

/* What a client asks of its connection. */
static int question(struct worker *worker, int fd)
{
	struct timeval limit = { .tv_sec = PATIENCE_SECONDS }, back;
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	int type = 0, domain = 0;

	if (getpeername(fd, (struct sockaddr *)&name, &len) < 0)
		return fail(worker, "getpeername");
	if (name.ss_family != AF_INET && name.ss_family != AF_INET6)
		return fail(worker, "getpeername's family");
	if (((struct sockaddr_in *)&name)->sin_port !=
	    htons((unsigned short)atoi(port)))
		return fail(worker, "getpeername's port");
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_STREAM)
		return fail(worker, "SO_TYPE");
	len = sizeof(domain);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    domain != name.ss_family)
		return fail(worker, "SO_DOMAIN");
	len = sizeof(back);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) <
		    0 ||
	    getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &back, &len) < 0 ||
	    back.tv_sec != PATIENCE_SECONDS)
		return fail(worker, "SO_RCVTIMEO");
	return 0;
}

static int one_round(struct worker *worker, unsigned round)
{
	int fd = connect_any(worker, round % 2);
	int copy, result;

	if (fd < 0)
		return -1;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	result = copy < 0 ? fail(worker, "F_DUPFD_CLOEXEC")
			  : question(worker, copy);
	if (result == 0)
		result = exchange(worker, copy, worker->number * 97 + round);
	close(copy);
	close(fd);
	return result;
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	for (unsigned round = 0; round < ROUNDS; round++)
		if (one_round(worker, round) < 0)
			break;
	return NULL;
}

int main(int argc, char **argv)
{
	struct worker workers[THREADS_MAX] = { { .number = 0 } };
	unsigned threads = argc >= 4 ? (unsigned)atoi(argv[3]) : 0;
	unsigned long bytes = 0;
	int bad = 0;

	if (threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: host HOST PORT THREADS\n");
		return 2;
	}
	host = argv[1];
	port = argv[2];
	for (unsigned i = 0; i < threads; i++) {
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 2;
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		bytes += workers[i].bytes;
		if (!workers[i].failed)
			continue;
		bad = 1;
		printf("thread %u: %s: %s\n", i, workers[i].failed,
		       strerror(workers[i].error));
	}
	printf("%u threads, %u connections, %lu bytes there and back\n",
	       threads, threads * ROUNDS, bytes);
	return bad;
}
