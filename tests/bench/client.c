/* The benchmark's client: plaintext, or TLS by OpenSSL itself ("native").
 *
 *     client [--native CA [--reuse]] PORT COMMAND [NUMBER…]
 *
 * PORT is of 127.0.0.1, or the path of a UNIX socket that leads there (bare.c).
 * Prints one line: what was measured, and what proves it, as NAME=VALUE.
 *
 *     tell                     version and cipher, as the server has them
 *     rtt ROUNDS               one connection, blocking
 *     epoll CONNECTIONS ROUNDS each connection so many rounds, one thread
 *     upload BYTES CONNECTIONS [digest]
 *     download BYTES CONNECTIONS [digest]
 *     new COUNT                connect, one round, close; one after the other
 *     idle COUNT               opens them, prints, waits for the end of input
 *     busy COUNT BUSY ROUNDS   COUNT open, BUSY of them take turns
 *     connect COUNT            connects to a listener of its own
 *     write COUNT              writes 64 bytes to /dev/null
 *     spawn COUNT PROGRAM…     starts a program, waits for it; LD_PRELOAD and
 *                              XSOCK_RULES are those of BENCH_PRELOAD and
 *                              BENCH_RULES
 *
 * The last three do so for each line of their input and print a line for each,
 * with the median, so that two clients can take turns.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *context; /* NULL: plaintext */
static SSL_SESSION *session;
static int reuse;
static union {
	struct sockaddr any;
	struct sockaddr_in inet;
	struct sockaddr_un local;
} server;

static void die(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* --- a connection -------------------------------------------------------- */

struct line {
	int fd;
	SSL *ssl;
};

static int keep_session(SSL *ssl, SSL_SESSION *fresh)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = fresh;
	return 1;
}

static void make_context(const char *ca)
{
	context = SSL_CTX_new(TLS_client_method());
	if (!context || SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
		die(ca);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
	if (reuse) {
		SSL_CTX_set_session_cache_mode(
			context, SSL_SESS_CACHE_CLIENT |
					 SSL_SESS_CACHE_NO_INTERNAL_STORE);
		SSL_CTX_sess_set_new_cb(context, keep_session);
	}
}

static void find_server(const char *port)
{
	if (*port == '/') {
		server.local.sun_family = AF_UNIX;
		if (strlen(port) >= sizeof(server.local.sun_path))
			die(port);
		strcpy(server.local.sun_path, port);
		return;
	}
	server.inet.sin_family = AF_INET;
	server.inet.sin_port = htons((uint16_t)strtol(port, NULL, 10));
	server.inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static socklen_t server_len(void)
{
	return server.any.sa_family == AF_UNIX ? sizeof(server.local)
					       : sizeof(server.inet);
}

static struct line open_line(void)
{
	struct line line = { .fd = socket(server.any.sa_family, SOCK_STREAM,
					  0) };
	const int on = 1;

	if (line.fd < 0 || connect(line.fd, &server.any, server_len()) < 0)
		die("connect");
	if (server.any.sa_family == AF_INET)
		setsockopt(line.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!context)
		return line;
	line.ssl = SSL_new(context);
	if (!line.ssl || !SSL_set_fd(line.ssl, line.fd) ||
	    !SSL_set1_host(line.ssl, "127.0.0.1"))
		die("TLS");
	if (reuse && session)
		SSL_set_session(line.ssl, session);
	if (SSL_connect(line.ssl) != 1)
		die("handshake");
	return line;
}

static void close_line(struct line *line)
{
	if (line->ssl) {
		SSL_shutdown(line->ssl);
		SSL_free(line->ssl);
	}
	close(line->fd);
}

static ssize_t get(struct line *line, void *data, size_t len)
{
	size_t got;

	if (!line->ssl)
		return recv(line->fd, data, len, 0);
	return SSL_read_ex(line->ssl, data, len, &got) ? (ssize_t)got : -1;
}

static void get_all(struct line *line, void *data, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t got = get(line, (char *)data + at, len - at);

		if (got <= 0)
			die("read");
		at += (size_t)got;
	}
}

static void put_all(struct line *line, const void *data, size_t len)
{
	size_t written = 0;

	if (line->ssl) {
		if (!SSL_write_ex(line->ssl, data, len, &written))
			die("write");
		return;
	}
	while (written < len) {
		ssize_t sent = send(line->fd, (const char *)data + written,
				    len - written, MSG_NOSIGNAL);

		if (sent < 0)
			die("write");
		written += (size_t)sent;
	}
}

static void ask(struct line *line, char what, uint64_t bytes, int digest)
{
	struct head head = { .what = what,
			     .digest = (char)digest,
			     .bytes = bytes };

	put_all(line, &head, sizeof(head));
}

static void round_trip(struct line *line)
{
	char message[MESSAGE];

	put_all(line, pattern(), MESSAGE);
	get_all(line, message, MESSAGE);
	if (memcmp(message, pattern(), MESSAGE) != 0)
		die("another message");
}

/* --- commands ------------------------------------------------------------- */

static void tell(void)
{
	struct line line = open_line();
	char text[ANSWER + 1] = "";

	ask(&line, TELL, 0, 0);
	get_all(&line, text, ANSWER);
	printf("%s\n", text);
	close_line(&line);
}

static void rtt(long rounds)
{
	struct line line = open_line();
	double begin;

	ask(&line, ECHO, 0, 0);
	for (int i = 0; i < 100; i++)
		round_trip(&line);
	begin = now();
	for (long i = 0; i < rounds; i++)
		round_trip(&line);
	printf("us=%.3f\n", (now() - begin) * 1e6 / (double)rounds);
	close_line(&line);
}

/* Lines that wait for their answers, each watched by its number. */
struct crowd {
	struct line *line;
	double *sent; /* when */
	int set;
};

static struct crowd gather(long count, long watched)
{
	struct crowd crowd = { calloc((size_t)count, sizeof(struct line)),
			       calloc((size_t)count, sizeof(double)),
			       epoll_create1(0) };

	for (long i = 0; i < count; i++) {
		struct epoll_event event = { EPOLLIN, { .u64 = (uint64_t)i } };

		crowd.line[i] = open_line();
		ask(&crowd.line[i], ECHO, 0, 0);
		round_trip(&crowd.line[i]);
		if (i < watched)
			epoll_ctl(crowd.set, EPOLL_CTL_ADD, crowd.line[i].fd,
				  &event);
	}
	return crowd;
}

/* Does rounds in all on the first lines of the crowd.  Times go to took, if it
 * is not NULL. */
static void take_turns(struct crowd *crowd, long busy, long rounds,
		       double *took)
{
	long begun = 0, done = 0;

	for (; begun < busy; begun++) {
		crowd->sent[begun] = now();
		put_all(&crowd->line[begun], pattern(), MESSAGE);
	}
	while (done < begun) {
		struct epoll_event events[64];
		int count = epoll_wait(crowd->set, events, 64, -1);

		for (int i = 0; i < count; i++) {
			long at = (long)events[i].data.u64;
			char message[MESSAGE];

			get_all(&crowd->line[at], message, MESSAGE);
			if (took)
				took[done] = now() - crowd->sent[at];
			done++;
			if (begun == rounds)
				continue;
			begun++;
			crowd->sent[at] = now();
			put_all(&crowd->line[at], pattern(), MESSAGE);
		}
	}
}

static void by_epoll(long connections, long rounds)
{
	struct crowd crowd = gather(connections, connections);
	double begin = now();

	take_turns(&crowd, connections, connections * rounds, NULL);
	printf("per_second=%.1f\n",
	       (double)(connections * rounds) / (now() - begin));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void busy(long open, long lines, long rounds)
{
	struct crowd crowd = gather(open, lines);
	double *took = calloc((size_t)(rounds * lines), sizeof(double));

	take_turns(&crowd, lines, lines * 10, NULL);
	take_turns(&crowd, lines, lines * rounds, took);
	qsort(took, (size_t)(lines * rounds), sizeof(double), compare);
	printf("median_us=%.1f p99_us=%.1f\n", took[lines * rounds / 2] * 1e6,
	       took[lines * rounds * 99 / 100] * 1e6);
	_exit(fflush(stdout) != 0);
}

static void idle(long count)
{
	gather(count, 0);
	printf("open=%ld\n", count);
	fflush(stdout);
	while (getchar() != EOF)
		;
	_exit(0);
}

struct move {
	pthread_t thread;
	uint64_t bytes;
	int down, digest;
	struct line line;
	char answer[ANSWER + 1], digest_text[2 * 32 + 1];
};

static void *move(void *argument)
{
	struct move *m = argument;
	EVP_MD_CTX *hash = m->digest ? EVP_MD_CTX_new() : NULL;
	uint8_t *chunk = malloc(CHUNK), digest[32];

	if (hash)
		EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	ask(&m->line, m->down ? DOWNLOAD : UPLOAD, m->bytes, m->digest);
	for (uint64_t at = 0; at < m->bytes;) {
		size_t len =
			m->bytes - at < CHUNK ? (size_t)(m->bytes - at) : CHUNK;
		const uint8_t *data = pattern() + at % BLOCK;

		if (m->down) {
			ssize_t got = get(&m->line, chunk, len);

			if (got <= 0 || !is_pattern(chunk, (size_t)got, at))
				die("what came is not what was sent");
			data = chunk;
			len = (size_t)got;
		} else {
			if (len > BLOCK - at % BLOCK)
				len = BLOCK - at % BLOCK;
			put_all(&m->line, data, len);
		}
		if (hash)
			EVP_DigestUpdate(hash, data, len);
		at += len;
	}
	get_all(&m->line, m->answer, ANSWER);
	if (hash) {
		EVP_DigestFinal_ex(hash, digest, NULL);
		for (int i = 0; i < 28; i++)
			sprintf(m->digest_text + 2 * i, "%02x", digest[i]);
	}
	EVP_MD_CTX_free(hash);
	free(chunk);
	return NULL;
}

static void transfer(int down, uint64_t bytes, long connections, int digest)
{
	struct move *moves = calloc((size_t)connections, sizeof(*moves));
	double begin, took, used;

	for (long i = 0; i < connections; i++)
		moves[i] =
			(struct move){ .bytes = bytes / (uint64_t)connections,
				       .down = down,
				       .digest = digest,
				       .line = open_line() };
	begin = now();
	used = cpu();
	for (long i = 0; i < connections; i++)
		pthread_create(&moves[i].thread, NULL, move, &moves[i]);
	for (long i = 0; i < connections; i++)
		pthread_join(moves[i].thread, NULL);
	took = now() - begin;
	used = cpu() - used;
	for (long i = 0; i < connections; i++) {
		const char *expected = digest ? moves[i].digest_text : "good";

		if (strcmp(moves[i].answer, expected) != 0)
			die("the server has other bytes");
		close_line(&moves[i].line);
	}
	printf("mb_per_second=%.1f cpu=%.3f%s%s\n", (double)bytes / took / 1e6,
	       used, digest ? " sha256=" : "",
	       digest ? moves[0].digest_text : "");
}

static void fresh(long count)
{
	double begin = now();

	for (long i = 0; i < count; i++) {
		struct line line = open_line();

		ask(&line, ECHO, 0, 0);
		round_trip(&line);
		close_line(&line);
	}
	printf("us=%.1f\n", (now() - begin) * 1e6 / (double)count);
}

/* Does it count times for each line that comes, and tells the median of how
 * long it took each time.  The first time, when the rules are read, does not
 * count. */
static void in_turns(long count, void (*all)(long, double *, char **),
		     char **words)
{
	double *took = calloc((size_t)count, sizeof(double));

	all(count, took, words);
	while (getchar() != EOF) {
		all(count, took, words);
		qsort(took, (size_t)count, sizeof(double), compare);
		printf("us=%.3f\n", took[count / 2] * 1e6);
		fflush(stdout);
	}
	free(took);
}

static int listen_here(struct sockaddr_in *here, long backlog)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	const struct timeval long_enough = { .tv_sec = 20 };
	socklen_t len = sizeof(*here);

	*here = (struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr =
					      htonl(INADDR_LOOPBACK) };
	if (bind(listener, (struct sockaddr *)here, len) < 0 ||
	    listen(listener, (int)backlog) < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &long_enough,
		       sizeof(long_enough)) < 0 ||
	    getsockname(listener, (struct sockaddr *)here, &len) < 0)
		die("listen");
	return listener;
}

/* Nobody accepts meanwhile: to wake somebody up is part of connect(2) on
 * loopback, and takes anything from 2 to 20 µs. */
static void connects(long count, double *took, char **unused)
{
	struct sockaddr_in here;
	int listener = listen_here(&here, count);
	int *fd = calloc((size_t)count, sizeof(int));

	(void)unused;
	for (long i = 0; i < count; i++) {
		double begin;

		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		begin = now();
		if (connect(fd[i], (struct sockaddr *)&here, sizeof(here)) < 0)
			die("connect");
		took[i] = now() - begin;
	}
	for (long i = 0; i < count; i++) {
		int accepted = accept(listener, NULL, NULL);

		if (accepted < 0)
			die("a connection has not come");
		close(accepted);
		close(fd[i]);
	}
	close(listener);
	free(fd);
}

/* So many that the clock does not count. */
enum { WRITES = 200 };

static void writes(long count, double *took, char **unused)
{
	static const char data[64];
	int fd = open("/dev/null", O_WRONLY);

	(void)unused;
	for (long i = 0; i < count; i++) {
		double begin = now();

		for (int j = 0; j < WRITES; j++)
			if (write(fd, data, sizeof(data)) != sizeof(data))
				die("write");
		took[i] = (now() - begin) / WRITES;
	}
	close(fd);
}

static void adopt(const char *from, const char *to)
{
	if (getenv(from))
		setenv(to, getenv(from), 1);
}

static void spawns(long count, double *took, char **program)
{
	for (long i = 0; i < count; i++) {
		double begin = now();
		pid_t pid;
		int status;

		if (posix_spawnp(&pid, *program, NULL, NULL, program,
				 environ) != 0 ||
		    waitpid(pid, &status, 0) != pid || status != 0)
			die(*program);
		took[i] = now() - begin;
	}
}

int main(int argc, char **argv)
{
	const char *ca = NULL, *command;
	long number[3] = { 0 };

	argv++, argc--;
	if (argc > 1 && strcmp(*argv, "--native") == 0)
		ca = argv[1], argv += 2, argc -= 2;
	if (argc && strcmp(*argv, "--reuse") == 0)
		reuse = 1, argv++, argc--;
	if (argc < 2)
		return 2;
	if (ca)
		make_context(ca);
	find_server(argv[0]);
	command = argv[1];
	for (int i = 0; i < 3 && i + 2 < argc; i++)
		number[i] = strtol(argv[i + 2], NULL, 10);
	pattern();
	if (strcmp(command, "tell") == 0)
		tell();
	else if (strcmp(command, "rtt") == 0)
		rtt(number[0]);
	else if (strcmp(command, "epoll") == 0)
		by_epoll(number[0], number[1]);
	else if (strcmp(command, "busy") == 0)
		busy(number[0], number[1], number[2]);
	else if (strcmp(command, "idle") == 0)
		idle(number[0]);
	else if (strcmp(command, "upload") == 0 ||
		 strcmp(command, "download") == 0)
		transfer(command[0] == 'd', (uint64_t)number[0], number[1],
			 argc > 4);
	else if (strcmp(command, "new") == 0)
		fresh(number[0]);
	else if (strcmp(command, "connect") == 0)
		in_turns(number[0], connects, NULL);
	else if (strcmp(command, "write") == 0)
		in_turns(number[0], writes, NULL);
	else if (strcmp(command, "spawn") == 0 && argc > 3) {
		adopt("BENCH_PRELOAD", "LD_PRELOAD");
		adopt("BENCH_RULES", "XSOCK_RULES");
		in_turns(number[0], spawns, argv + 3);
	} else
		return 2;
	return 0;
}
