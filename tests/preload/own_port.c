/* A port that the program has chosen is free again as soon as the program knows
 * that its connect has failed, or that the connection was reset.  Programs with
 * a source port of their own try the next address of a name from the same port.
 */
#include "victim.h"

enum { ROUNDS = 100 };

/* A port that nobody has. */
static uint16_t choose_port(void)
{
	struct place p = place("::", NULL);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	bind(fd, &p.any, p.len);
	getsockname(fd, &p.any, &p.len);
	close(fd);
	return p.v6.sin6_port;
}

/* Returns a socket with that port, or -1 with errno. */
static int bound(const char *ip, uint16_t port, int flags)
{
	struct place p = place(ip, NULL);
	int fd = socket(p.any.sa_family, SOCK_STREAM | flags, 0);

	if (p.any.sa_family == AF_INET6)
		p.v6.sin6_port = port;
	else
		p.v4.sin_port = port;
	if (bind(fd, &p.any, p.len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Connects from that port, and waits for the end of it.  Returns 0, or errno.
 */
static int try(const char *from, const char *ip, uint16_t port, int flags)
{
	struct place p = place(ip, "CLOSED");
	int fd = bound(from, port, flags), error = 0;
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(error);

	if (fd < 0)
		return errno;
	if (connect(fd, &p.any, p.len) == 0)
		error = 0;
	else if (errno != EINPROGRESS)
		error = errno;
	else if (poll(&wait, 1, 10000) != 1 ||
		 getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	close(fd);
	return error;
}

static void refused(const char *key, const char *from, const char *ip,
		    int flags)
{
	int refusals = 0;
	uint16_t port = choose_port();

	for (int i = 0; i < ROUNDS; i++)
		refusals += try(from, ip, port, flags) == ECONNREFUSED;
	say(key, refusals);
}

/* As getaddrinfo orders the addresses of "localhost". */
static void next_address(void)
{
	uint16_t port = choose_port();
	int refusals = 0;

	for (int i = 0; i < ROUNDS; i++) {
		refusals +=
			try("::", "::1", port, SOCK_NONBLOCK) == ECONNREFUSED;
		refusals += try("0.0.0.0", "127.0.0.1", port, SOCK_NONBLOCK) ==
			    ECONNREFUSED;
	}
	say("IPv6, then IPv4", refusals);
}

/* Once behind each reset.  A connection that was reset leaves no TIME_WAIT. */
static void reset(void)
{
	struct place p = place("127.0.0.1", "RESET");
	uint16_t port = choose_port();
	int resets = 0;

	for (int i = 0; i < ROUNDS; i++) {
		int fd = bound("127.0.0.1", port, 0);
		char c;

		if (fd < 0 || connect(fd, &p.any, p.len) < 0) {
			say("reset, connect", -1);
			break;
		}
		if (write(fd, "x", 1) == 1 && read(fd, &c, 1) < 0)
			resets += errno == ECONNRESET;
		close(fd);
	}
	say("reset", resets);
}

int main(void)
{
	refused("refused", "127.0.0.1", "127.0.0.1", 0);
	refused("refused, any address", "0.0.0.0", "127.0.0.1", 0);
	refused("refused, IPv6", "::1", "::1", 0);
	refused("refused, not waited for", "127.0.0.1", "127.0.0.1",
		SOCK_NONBLOCK);
	next_address();
	reset();
	return 0;
}
