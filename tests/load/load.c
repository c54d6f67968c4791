/* Many connections from many processes, with data that must come back as it
 * was sent.
 *
 *     load hold PROCESSES CONNECTIONS BYTES PORT
 *     load churn PROCESSES SECONDS BYTES PORT
 *
 * The server of PORT on 127.0.0.1 sends back what it gets (tests/support/
 * server.c, "echo").  Each connection carries BYTES of its own, both ways at
 * once, and the SHA-256 of what came must be that of what was sent.
 *
 * hold: each process has CONNECTIONS, and none sends before all processes have
 * all of theirs.  churn: each process connects, exchanges and closes, again and
 * again; every tenth time it goes in the middle.
 *
 * The last line says "CONNECTIONS connected, EQUAL equal, WRONG wrong, FAILED
 * failed"; the exit status is 0 if nothing was wrong and nothing failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 16384, STALL_SECONDS = 120 };

/* One for each process, in memory that all share. */
struct counts {
	unsigned connected, equal, wrong, failed;
	int error;
	char why[40];
};

struct stream {
	int fd;
	uint64_t state; /* of the bytes; xorshift64 */
	size_t sent, received, ready, given;
	uint8_t piece[PIECE]; /* from given to ready: not sent yet */
	EVP_MD_CTX *out, *in;
	bool over;
};

static struct counts *counts;
static size_t bytes;
static uint16_t port;

static void fail(struct counts *c, const char *why)
{
	if (!c->failed++) {
		c->error = errno;
		snprintf(c->why, sizeof(c->why), "%s", why);
	}
}

static bool open_stream(struct stream *s, uint64_t number)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	memset(s, 0, sizeof(*s));
	s->state = number * 0x9E3779B97F4A7C15u + 1;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 ||
	    connect(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		int error = errno;

		if (s->fd >= 0)
			close(s->fd);
		errno = error;
		return false;
	}
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	s->out = EVP_MD_CTX_new();
	s->in = EVP_MD_CTX_new();
	EVP_DigestInit_ex(s->out, EVP_sha256(), NULL);
	EVP_DigestInit_ex(s->in, EVP_sha256(), NULL);
	return true;
}

static void close_stream(struct stream *s)
{
	close(s->fd);
	EVP_MD_CTX_free(s->out);
	EVP_MD_CTX_free(s->in);
	s->over = true;
}

static void make_piece(struct stream *s)
{
	size_t len = bytes - s->sent < PIECE ? bytes - s->sent : PIECE;

	for (size_t i = 0; i < len; i++) {
		s->state ^= s->state << 13;
		s->state ^= s->state >> 7;
		s->state ^= s->state << 17;
		s->piece[i] = (uint8_t)(s->state >> 24);
	}
	EVP_DigestUpdate(s->out, s->piece, len);
	s->given = 0;
	s->ready = len;
}

/* 1: something has moved; 0: must wait; -1: broken */
static int send_some(struct stream *s)
{
	ssize_t put;

	if (s->sent == bytes)
		return 0;
	if (s->given == s->ready)
		make_piece(s);
	put = send(s->fd, s->piece + s->given, s->ready - s->given,
		   MSG_NOSIGNAL);
	if (put < 0)
		return errno == EAGAIN ? 0 : -1;
	s->given += (size_t)put;
	s->sent += (size_t)put;
	if (s->sent == bytes)
		shutdown(s->fd, SHUT_WR);
	return 1;
}

static int receive_some(struct stream *s)
{
	uint8_t piece[PIECE];
	ssize_t got = recv(s->fd, piece, sizeof(piece), 0);

	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (got == 0) {
		s->over = true;
		return 1;
	}
	EVP_DigestUpdate(s->in, piece, (size_t)got);
	s->received += (size_t)got;
	return 1;
}

static bool is_equal(struct stream *s)
{
	uint8_t out[EVP_MAX_MD_SIZE], in[EVP_MAX_MD_SIZE];
	unsigned len;

	EVP_DigestFinal_ex(s->out, out, &len);
	EVP_DigestFinal_ex(s->in, in, &len);
	return s->received == bytes && memcmp(out, in, len) == 0;
}

static void finish(struct stream *s, struct counts *c)
{
	if (is_equal(s))
		c->equal++;
	else
		c->wrong++;
	close_stream(s);
}

/* Moves what can be moved in one stream; false when it is over. */
static bool move(struct stream *s, struct counts *c)
{
	int sent = send_some(s);
	int received = sent < 0 ? -1 : receive_some(s);

	if (received < 0) {
		fail(c, sent < 0 ? "send" : "recv");
		close_stream(s);
		return false;
	}
	if (!s->over)
		return true;
	finish(s, c);
	return false;
}

/* All of them, until each has ended. */
static void exchange(struct stream *s, size_t count, struct counts *c)
{
	struct pollfd *wait = calloc(count, sizeof(*wait));
	size_t left = count;

	while (left) {
		for (size_t i = 0; i < count; i++) {
			wait[i].fd = s[i].over ? -1 : s[i].fd;
			wait[i].events =
				POLLIN | (s[i].sent < bytes ? POLLOUT : 0);
		}
		if (poll(wait, count, STALL_SECONDS * 1000) <= 0) {
			errno = ETIMEDOUT;
			fail(c, "nothing moves");
			break;
		}
		for (size_t i = 0; i < count; i++)
			if (wait[i].fd >= 0 && wait[i].revents &&
			    !move(&s[i], c))
				left--;
	}
	free(wait);
}

/* --- hold ----------------------------------------------------------------- */

/* Says that it has all of its connections, and waits until all have. */
static void meet(int ready, int go)
{
	char byte = 0;

	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 0)
		exit(1);
}

static void hold(int number, size_t count, struct counts *c, int ready, int go)
{
	struct stream *s = calloc(count, sizeof(*s));
	size_t opened = 0;

	for (size_t i = 0; i < count; i++) {
		if (!open_stream(&s[opened], (uint64_t)number << 32 | i))
			fail(c, "connect");
		else
			opened++;
	}
	c->connected = (unsigned)opened;
	meet(ready, go);
	exchange(s, opened, c);
	free(s);
}

/* --- churn ---------------------------------------------------------------- */

static void churn(int number, unsigned seconds, struct counts *c)
{
	struct stream *s = malloc(sizeof(*s));
	time_t end = time(NULL) + seconds;

	for (uint64_t i = 0; time(NULL) < end; i++) {
		if (!open_stream(s, (uint64_t)number << 32 | i)) {
			fail(c, "connect");
			continue;
		}
		c->connected++;
		if (i % 10 == 9) {
			send_some(s);
			close_stream(s);
			c->equal++; /* nothing to compare */
		} else {
			exchange(s, 1, c);
		}
	}
	free(s);
}

/* --- all processes -------------------------------------------------------- */

static int sum_up(int processes)
{
	struct counts all = { 0 };
	const struct counts *first = NULL;

	for (int i = 0; i < processes; i++) {
		all.connected += counts[i].connected;
		all.equal += counts[i].equal;
		all.wrong += counts[i].wrong;
		all.failed += counts[i].failed;
		if (counts[i].failed && !first)
			first = &counts[i];
	}
	if (first)
		printf("first failure: %s: %s\n", first->why,
		       strerror(first->error));
	printf("%u connected, %u equal, %u wrong, %u failed\n", all.connected,
	       all.equal, all.wrong, all.failed);
	return all.wrong || all.failed || all.equal != all.connected;
}

int main(int argc, char **argv)
{
	int ready[2], go[2], processes;
	bool holds;
	char byte;

	if (argc != 6) {
		fprintf(stderr, "usage: load hold|churn PROCESSES "
				"CONNECTIONS|SECONDS BYTES PORT\n");
		return 2;
	}
	holds = strcmp(argv[1], "hold") == 0;
	processes = atoi(argv[2]);
	bytes = strtoul(argv[4], NULL, 10);
	port = (uint16_t)atoi(argv[5]);
	counts =
		mmap(NULL, (size_t)processes * sizeof(*counts),
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED || pipe(ready) < 0 || pipe(go) < 0)
		return 1;
	for (int i = 0; i < processes; i++) {
		if (fork())
			continue;
		close(go[1]);
		if (holds)
			hold(i, strtoul(argv[3], NULL, 10), &counts[i],
			     ready[1], go[0]);
		else
			churn(i, (unsigned)atoi(argv[3]), &counts[i]);
		_exit(0);
	}
	close(ready[1]);
	for (int i = 0; holds && i < processes; i++)
		if (read(ready[0], &byte, 1) != 1)
			break;
	if (holds) {
		printf("all are connected\n");
		fflush(stdout);
		sleep(2); /* who looks at the relay sees all of them */
	}
	close(go[1]);
	for (int i = 0; i < processes; i++) {
		int status;

		if (wait(&status) < 0 || status)
			fail(&counts[i], "a process has died");
	}
	return sum_up(processes);
}
