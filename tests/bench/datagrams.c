/* The benchmark's client of datagrams: plain, or DTLS by OpenSSL itself.
 *
 *     datagrams [--native CA] [--pair FD] PORT COMMAND NUMBER…
 *
 * The server sends back what comes (../udp/front.c).  With a pair, this
 * descriptor is the way to it (middle.c).  Prints one line,
 * NAME=VALUE; an answer that is not what was sent ends it.
 *
 *     rtt ROUNDS SIZE        one after the other: us, of a round
 *     echoes COUNT SIZE      32 under way: per_second, of those that came back
 *     idle COUNT             opens so many sockets, one round each, and waits
 *                            for the end of input
 *     sendto COUNT           to a socket of its own that nobody reads: us, of
 *                            one.  Once for each line of input, with the median
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WINDOW = 32, DATA_MAX = 2000, LINK_MTU = 1400, WAIT_S = 5 };

static SSL_CTX *context; /* NULL: plain */
static struct sockaddr_in server = { .sin_family = AF_INET };
static int pair = -1; /* instead of a socket: somebody is in the middle */

struct line {
	int fd;
	SSL *ssl;
};

static void die(const char *what)
{
	fprintf(stderr, "datagrams: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_context(const char *ca)
{
	context = SSL_CTX_new(DTLS_client_method());
	if (!context || SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
		die(ca);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&server, sizeof(server)) < 0)
		die("connect");
	return fd;
}

static struct line open_line(void)
{
	struct line line = { .fd = pair < 0 ? open_socket() : pair };
	const struct timeval wait = { .tv_sec = WAIT_S };
	BIO *bio;

	setsockopt(line.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (!context)
		return line;
	line.ssl = SSL_new(context);
	bio = BIO_new_dgram(line.fd, BIO_NOCLOSE);
	if (!line.ssl || !bio || !SSL_set1_host(line.ssl, "127.0.0.1"))
		die("DTLS");
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &server);
	SSL_set_bio(line.ssl, bio, bio);
	SSL_set_options(line.ssl, SSL_OP_NO_QUERY_MTU);
	DTLS_set_link_mtu(line.ssl, LINK_MTU);
	if (SSL_connect(line.ssl) != 1)
		die("handshake");
	return line;
}

static void put(struct line *line, unsigned number, size_t size)
{
	static unsigned char data[DATA_MAX];
	size_t written;

	memset(data, (int)(number % 251), size);
	memcpy(data, &number, sizeof(number));
	if (!line->ssl ? send(line->fd, data, size, 0) != (ssize_t)size
		       : !SSL_write_ex(line->ssl, data, size, &written))
		die("send");
}

/* Returns its number. */
static unsigned get(struct line *line, size_t size)
{
	unsigned char data[DATA_MAX];
	unsigned number;
	size_t got;
	ssize_t len;

	if (line->ssl) {
		if (!SSL_read_ex(line->ssl, data, sizeof(data), &got))
			die("read");
	} else {
		len = recv(line->fd, data, sizeof(data), 0);
		if (len < 0)
			die("recv");
		got = (size_t)len;
	}
	memcpy(&number, data, sizeof(number));
	if (got != size || data[size - 1] != number % 251) {
		fprintf(stderr, "datagrams: another answer\n");
		exit(1);
	}
	return number;
}

static void close_line(struct line *line)
{
	if (line->ssl) {
		SSL_shutdown(line->ssl);
		SSL_free(line->ssl);
	}
	close(line->fd);
}

/* The first one takes the handshake. */
static struct line open_and_ask(size_t size)
{
	struct line line = open_line();

	put(&line, 0, size);
	get(&line, size);
	return line;
}

static void rtt(unsigned rounds, size_t size)
{
	struct line line = open_and_ask(size);
	double start = now();

	for (unsigned i = 0; i < rounds; i++) {
		put(&line, i, size);
		if (get(&line, size) != i)
			die("order");
	}
	printf("us=%.3f\n", (now() - start) / rounds * 1e6);
	close_line(&line);
}

static void echoes(unsigned count, size_t size)
{
	struct line line = open_and_ask(size);
	double start = now();
	unsigned sent = 0, back = 0;

	while (back < count) {
		while (sent < count && sent - back < WINDOW)
			put(&line, sent++, size);
		get(&line, size);
		back++;
	}
	printf("per_second=%.0f\n", count / (now() - start));
	close_line(&line);
}

static void idle(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		open_and_ask(100);
	printf("open=%u\n", count);
	fflush(stdout);
	while (getchar() != EOF)
		;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sendto_own(unsigned count)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int sink = socket(AF_INET, SOCK_DGRAM, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	double *times = calloc(count, sizeof(*times)), start;
	char data[64] = "";

	if (!times || bind(sink, (struct sockaddr *)&at, len) < 0 ||
	    getsockname(sink, (struct sockaddr *)&at, &len) < 0)
		die("sendto");
	while (getchar() != EOF) {
		for (unsigned i = 0; i < count; i++) {
			start = now();
			if (sendto(fd, data, sizeof(data), 0,
				   (struct sockaddr *)&at, len) < 0)
				die("sendto");
			times[i] = now() - start;
		}
		/* So that there is room the next time. */
		while (recv(sink, data, sizeof(data), MSG_DONTWAIT) > 0)
			;
		qsort(times, count, sizeof(*times), compare);
		printf("us=%.3f\n", times[count / 2] * 1e6);
		fflush(stdout);
	}
	free(times);
}

static unsigned number(char **argv, int argc, int at)
{
	return at < argc ? (unsigned)strtoul(argv[at], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	int at = 1;
	size_t size;

	if (argc > 3 && strcmp(argv[1], "--native") == 0) {
		make_context(argv[2]);
		at = 3;
	}
	if (argc > at + 2 && strcmp(argv[at], "--pair") == 0) {
		pair = (int)number(argv, argc, at + 1);
		at += 2;
	}
	if (argc < at + 3)
		return 2;
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.sin_port = htons((uint16_t)number(argv, argc, at));
	size = number(argv, argc, at + 3);
	if (size < sizeof(unsigned))
		size = sizeof(unsigned);
	if (size > DATA_MAX)
		return 2;
	if (strcmp(argv[at + 1], "rtt") == 0)
		rtt(number(argv, argc, at + 2), size);
	else if (strcmp(argv[at + 1], "echoes") == 0)
		echoes(number(argv, argc, at + 2), size);
	else if (strcmp(argv[at + 1], "idle") == 0)
		idle(number(argv, argc, at + 2));
	else if (strcmp(argv[at + 1], "sendto") == 0)
		sendto_own(number(argv, argc, at + 2));
	else
		return 2;
	return 0;
}
