/* A process between a client and a server that does nothing but move bytes:
 * what any process there costs, whatever else it does ("bare").
 *
 *     bare PATH PORT [PATH PORT…]
 *
 * It listens at each PATH, a UNIX socket as the library's pairs are, and
 * connects to PORT of 127.0.0.1 for each client.  A thread for each, which
 * sleeps until one of both sides has something.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

struct way {
	int listener;
	struct sockaddr_in server;
};

struct move {
	struct pollfd side[2]; /* the client, the server */
};

static void die(const char *what)
{
	fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Moves what one side has to the other.  Returns 0 when that side has ended. */
static int move_some(int from, int to)
{
	char data[CHUNK];
	ssize_t got = recv(from, data, sizeof(data), 0);

	if (got <= 0) {
		shutdown(to, SHUT_WR);
		return 0;
	}
	for (ssize_t at = 0; at < got;) {
		ssize_t sent =
			send(to, data + at, (size_t)(got - at), MSG_NOSIGNAL);

		if (sent < 0)
			return 0;
		at += sent;
	}
	return 1;
}

/* Until both sides have ended. */
static void *serve(void *arg)
{
	struct move move = *(struct move *)arg;
	int fd[2] = { move.side[0].fd, move.side[1].fd };

	free(arg);
	while (move.side[0].fd >= 0 || move.side[1].fd >= 0) {
		if (poll(move.side, 2, -1) < 0 && errno != EINTR)
			die("poll");
		for (int i = 0; i < 2; i++)
			if (move.side[i].fd >= 0 && move.side[i].revents &&
			    !move_some(fd[i], fd[!i]))
				move.side[i].fd = -1;
	}
	close(fd[0]);
	close(fd[1]);
	return NULL;
}

/* Connects for a client that has come. */
static void begin(int client, const struct sockaddr_in *server)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct move *move = malloc(sizeof(*move));
	const int on = 1;
	pthread_t thread;

	if (!move || fd < 0 ||
	    connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*move = (struct move){ { { client, POLLIN, 0 }, { fd, POLLIN, 0 } } };
	if (pthread_create(&thread, NULL, serve, move) != 0)
		die("a thread");
	pthread_detach(thread);
}

static void *accept_all(void *arg)
{
	const struct way *way = arg;
	int client;

	while ((client = accept4(way->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		begin(client, &way->server);
	die("accept");
	return NULL;
}

static struct way open_way(const char *path, const char *port)
{
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	struct way way = {
		.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.server = { .sin_family = AF_INET,
			    .sin_port =
				    htons((uint16_t)strtoul(port, NULL, 10)),
			    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	};

	if (strlen(path) >= sizeof(here.sun_path))
		die(path);
	strcpy(here.sun_path, path);
	if (bind(way.listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
	    listen(way.listener, SOMAXCONN) < 0)
		die(path);
	return way;
}

int main(int argc, char **argv)
{
	struct way *way = calloc((size_t)argc, sizeof(*way));
	pthread_t thread;

	if (argc < 3 || argc % 2 == 0)
		return 2;
	for (int i = 1; i < argc; i += 2) {
		way[i] = open_way(argv[i], argv[i + 1]);
		if (pthread_create(&thread, NULL, accept_all, &way[i]) != 0)
			die("a thread");
	}
	pthread_join(thread, NULL);
	return 1;
}
