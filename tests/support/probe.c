/* Connects once and says what came of it: the smallest client.
 *
 *     probe HOST PORT [TEXT [nonblocking]]
 *
 * Prints "connected", or the errno of the failed connect by name.  When
 * connected it sends TEXT at once, as a program would that trusts its socket,
 * and copies what comes back to standard output.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int wait_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	poll(&p, 1, -1);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	errno = error;
	return error ? -1 : 0;
}

static int open_connection(const struct addrinfo *to, int nonblocking)
{
	int fd = socket(to->ai_family,
			SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), 0);

	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
		return fd;
	if (nonblocking && errno == EINPROGRESS && wait_connected(fd) == 0)
		return fd;
	return -1;
}

static void talk(int fd, const char *text)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char back[4096];
	ssize_t got;

	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		printf("send: %s\n", strerrorname_np(errno));
	shutdown(fd, SHUT_WR);
	while (poll(&p, 1, 5000) > 0 &&
	       (got = read(fd, back, sizeof(back))) > 0)
		fwrite(back, 1, (size_t)got, stdout);
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	int error, fd;

	if (argc < 3)
		return 2;
	error = getaddrinfo(argv[1], argv[2], &hints, &found);
	if (error) {
		printf("getaddrinfo: %s\n", gai_strerror(error));
		return 1;
	}
	fd = open_connection(found, argc > 4);
	if (fd < 0) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	printf("connected\n");
	fflush(stdout);
	if (argc > 3)
		talk(fd, argv[3]);
	return 0;
}
