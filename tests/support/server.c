/* One process, many small servers: what the tests connect to.
 *
 *     server FOLDER NAME:BEHAVIOUR[,OPTION…] …
 *
 * Each NAME listens on 127.0.0.1 and ::1, on one port that the kernel picks.
 * FOLDER/ports gets a line "port_NAME=NUMBER" for each, all at once, when all
 * of them listen.  FOLDER/NAME.log gets one line per event, FOLDER/NAME.data
 * the application bytes that arrived (after decryption, the first 64 KiB of
 * each connection), so that a test can tell that a secret was never there.
 *
 * Behaviours:   echo    sends back what comes, and the end
 *               sink    reads to the end, then answers "BYTES SHA256\n"
 *               greet   "220 hello\r\n" first, then echo
 *               source  sends 4 MiB of a pattern, then ends
 *               http    one HTTP answer for each request
 *               hangup  closes at once
 *               reset   reads once, then resets the connection
 *               last    says "last words\n", then as reset
 *               bye     says "goodbye\n" and closes
 *               mute    accepts and says nothing
 *               full    its backlog is full: connects stay under way
 *               closed  bound, not listening: connects are refused
 * Options:      tls=FILE   speak TLS with FILE.pem and FILE.key
 *               max=1.2    the best TLS version it has
 *               slow=MS    waits so long before the handshake or first byte
 *               cut        ends without close_notify
 *               one        reads and writes one byte at a time
 *
 * A thread per connection, blocking calls: the simplest peer there is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORD_MAX = 65536, SOURCE_BYTES = 4 << 20, STACK_BYTES = 256 << 10 };

struct connection;

struct behaviour {
	const char *name;
	void (*serve)(struct connection *c); /* NULL: never accepts */
	bool handshake;
};

struct listener {
	char *name;
	const struct behaviour *behaviour;
	SSL_CTX *tls;
	unsigned slow;
	bool cut, one;
	int fd[2];
	int log, data;
};

struct connection {
	const struct listener *of;
	int fd;
	SSL *tls;
	size_t recorded;
	const char *end; /* how the peer ended: "close_notify", "eof" … */
};

static void die(const char *what)
{
	fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

__attribute__((format(printf, 2, 3))) static void
note(const struct listener *of, const char *format, ...)
{
	char line[256];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[len++] = '\n';
	if (write(of->log, line, (size_t)len) < 0)
		die(of->name);
}

/* The connection: plain or TLS. */

static const char *tls_end(SSL *tls, int ret)
{
	int error = SSL_get_error(tls, ret);

	if (error == SSL_ERROR_ZERO_RETURN)
		return "close_notify";
	if (error == SSL_ERROR_SSL &&
	    ERR_GET_REASON(ERR_peek_error()) ==
		    SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return "cut";
	return "error";
}

static ssize_t take(struct connection *c, void *buffer, size_t size)
{
	ssize_t got;

	if (c->of->one)
		size = 1;
	ERR_clear_error();
	if (c->tls) {
		got = SSL_read(c->tls, buffer, (int)size);
		if (got <= 0)
			c->end = tls_end(c->tls, (int)got);
	} else {
		got = read(c->fd, buffer, size);
		if (got <= 0)
			c->end = got == 0 ? "eof" : "error";
	}
	if (got > 0 && c->recorded < RECORD_MAX) {
		c->recorded += (size_t)got;
		if (write(c->of->data, buffer, (size_t)got) < 0)
			die("data");
	}
	return got;
}

static bool give(struct connection *c, const void *buffer, size_t size)
{
	const char *next = buffer;

	while (size > 0) {
		size_t step = c->of->one ? 1 : size;
		ssize_t put = c->tls ? SSL_write(c->tls, next, (int)step)
				     : write(c->fd, next, step);
		if (put <= 0)
			return false;
		next += put;
		size -= (size_t)put;
	}
	return true;
}

static void finish(struct connection *c)
{
	if (c->tls && !c->of->cut)
		SSL_shutdown(c->tls);
	shutdown(c->fd, SHUT_WR);
}

/* Behaviours. */

static void serve_echo(struct connection *c)
{
	char buffer[16384];
	ssize_t got;

	while ((got = take(c, buffer, sizeof(buffer))) > 0)
		if (!give(c, buffer, (size_t)got))
			break;
	note(c->of, "end %s", c->end ? c->end : "unsent");
	finish(c);
}

static void serve_greet(struct connection *c)
{
	static const char hello[] = "220 hello\r\n";

	if (give(c, hello, sizeof(hello) - 1))
		serve_echo(c);
}

static void serve_sink(struct connection *c)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	char buffer[16384], line[128], hex[65] = "";
	unsigned long long bytes = 0;
	ssize_t got;
	int len;

	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	while ((got = take(c, buffer, sizeof(buffer))) > 0) {
		EVP_DigestUpdate(md, buffer, (size_t)got);
		bytes += (unsigned long long)got;
	}
	EVP_DigestFinal_ex(md, sum, NULL);
	EVP_MD_CTX_free(md);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	note(c->of, "end %s bytes %llu sha256 %s", c->end, bytes, hex);
	len = snprintf(line, sizeof(line), "%llu %s\n", bytes, hex);
	give(c, line, (size_t)len);
	finish(c);
}

static void serve_source(struct connection *c)
{
	unsigned char buffer[16384];

	for (size_t sent = 0; sent < SOURCE_BYTES; sent += sizeof(buffer)) {
		for (size_t i = 0; i < sizeof(buffer); i++)
			buffer[i] = (unsigned char)((sent + i) % 251);
		if (!give(c, buffer, sizeof(buffer)))
			break;
	}
	finish(c);
	while (take(c, buffer, sizeof(buffer)) > 0)
		;
	note(c->of, "end %s", c->end);
}

static bool take_request(struct connection *c)
{
	char request[8192];
	size_t have = 0;
	ssize_t got;

	while (have < sizeof(request) - 1) {
		got = take(c, request + have, sizeof(request) - 1 - have);
		if (got <= 0)
			return false;
		have += (size_t)got;
		request[have] = '\0';
		if (strstr(request, "\r\n\r\n"))
			return true;
	}
	return false;
}

static void serve_http(struct connection *c)
{
	const char *version = c->tls ? SSL_get_version(c->tls) : "plain";
	const char *sni =
		c->tls ? SSL_get_servername(c->tls, TLSEXT_NAMETYPE_host_name)
		       : NULL;
	char body[256], answer[512];
	int len;

	snprintf(body, sizeof(body), "hello from %s, %s, SNI %s\n", c->of->name,
		 version, sni ? sni : "none");
	len = snprintf(answer, sizeof(answer),
		       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
		       "Content-Length: %zu\r\n\r\n%s",
		       strlen(body), body);
	while (take_request(c))
		if (!give(c, answer, (size_t)len))
			break;
	note(c->of, "end %s", c->end ? c->end : "unsent");
	finish(c);
}

static void serve_hangup(struct connection *c)
{
	note(c->of, "hung up");
}

/* RST instead of FIN (tcp(7), SO_LINGER). */
static void serve_reset(struct connection *c)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	char buffer[16384];

	take(c, buffer, sizeof(buffer));
	if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0)
		die("SO_LINGER");
	note(c->of, "reset");
}

static void serve_last(struct connection *c)
{
	static const char words[] = "last words\n";

	give(c, words, sizeof(words) - 1);
	serve_reset(c);
}

static void serve_bye(struct connection *c)
{
	static const char word[] = "goodbye\n";

	give(c, word, sizeof(word) - 1);
	finish(c);
	note(c->of, "said goodbye");
}

static void serve_mute(struct connection *c)
{
	char buffer[4096];

	while (take(c, buffer, sizeof(buffer)) > 0)
		;
	note(c->of, "end %s", c->end);
}

static const struct behaviour behaviours[] = {
	{ "echo", serve_echo, true },	{ "sink", serve_sink, true },
	{ "greet", serve_greet, true }, { "source", serve_source, true },
	{ "http", serve_http, true },	{ "hangup", serve_hangup, false },
	{ "reset", serve_reset, true }, { "last", serve_last, true },
	{ "bye", serve_bye, true },	{ "mute", serve_mute, false },
	{ "full", NULL, false },	{ "closed", NULL, false },
};

/* Connections and listeners. */

static bool handshake(struct connection *c)
{
	if (!c->of->tls || !c->of->behaviour->handshake)
		return true;
	c->tls = SSL_new(c->of->tls);
	SSL_set_fd(c->tls, c->fd);
	ERR_clear_error();
	if (SSL_accept(c->tls) == 1) {
		note(c->of, "handshake %s", SSL_get_version(c->tls));
		return true;
	}
	note(c->of, "no handshake: %s",
	     ERR_peek_error() ? ERR_reason_error_string(ERR_peek_error())
			      : "cut");
	return false;
}

static void *connection_main(void *argument)
{
	struct connection *c = argument;

	usleep(c->of->slow * 1000);
	if (handshake(c))
		c->of->behaviour->serve(c);
	SSL_free(c->tls);
	close(c->fd);
	free(c);
	return NULL;
}

struct accepting {
	const struct listener *of;
	int fd;
};

static void *accept_main(void *argument)
{
	struct accepting *a = argument;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (;;) {
		int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
		struct connection *c;

		if (fd < 0)
			continue;
		note(a->of, "accepted");
		c = calloc(1, sizeof(*c));
		if (!c)
			die("calloc");
		c->of = a->of;
		c->fd = fd;
		if (pthread_create(&thread, &attr, connection_main, c) != 0)
			die("pthread_create");
	}
	return NULL;
}

static int bind_port(int family, uint16_t *port)
{
	const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(*port),
				   .sin6_addr = in6addr_loopback };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(*port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *any = family == AF_INET ? (struct sockaddr *)&v4
						 : (struct sockaddr *)&v6;
	socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);

	if (fd < 0)
		return -1;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, any, len) < 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, any, &len);
	*port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	return fd;
}

/* The same port for both families; without IPv6, the second stays -1. */
static uint16_t bind_both(int fd[2])
{
	for (int tries = 0; tries < 100; tries++) {
		uint16_t port = 0;

		fd[0] = bind_port(AF_INET, &port);
		if (fd[0] < 0)
			die("bind");
		fd[1] = bind_port(AF_INET6, &port);
		if (fd[1] >= 0 || errno == EAFNOSUPPORT ||
		    errno == EADDRNOTAVAIL)
			return port;
		close(fd[0]);
	}
	die("bind");
	return 0;
}

/* One more than the backlog, so that nobody else gets in. */
static void fill_backlog(int listening)
{
	struct sockaddr_storage to;
	socklen_t len = sizeof(to);

	getsockname(listening, (struct sockaddr *)&to, &len);
	for (int i = 0; i < 4; i++) {
		int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (connect(fd, (struct sockaddr *)&to, len) < 0 &&
		    errno != EINPROGRESS)
			die("connect");
	}
}

static void listen_on(struct listener *of, int fd)
{
	bool full = strcmp(of->behaviour->name, "full") == 0;
	struct accepting *a = malloc(sizeof(*a));
	pthread_t thread;

	if (fd < 0 || strcmp(of->behaviour->name, "closed") == 0)
		return;
	if (!a || listen(fd, full ? 0 : 4096) < 0)
		die("listen");
	if (full)
		fill_backlog(fd);
	*a = (struct accepting){ of, fd };
	if (!full && pthread_create(&thread, NULL, accept_main, a) != 0)
		die("pthread_create");
}

static SSL_CTX *tls_context(const char *file)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	char path[4096];

	snprintf(path, sizeof(path), "%s.pem", file);
	if (SSL_CTX_use_certificate_chain_file(tls, path) != 1)
		die(path);
	snprintf(path, sizeof(path), "%s.key", file);
	if (SSL_CTX_use_PrivateKey_file(tls, path, SSL_FILETYPE_PEM) != 1)
		die(path);
	return tls;
}

static void set_option(struct listener *of, char *option)
{
	if (strncmp(option, "tls=", 4) == 0)
		of->tls = tls_context(option + 4);
	else if (strcmp(option, "max=1.2") == 0 && of->tls)
		SSL_CTX_set_max_proto_version(of->tls, TLS1_2_VERSION);
	else if (strncmp(option, "slow=", 5) == 0)
		of->slow = (unsigned)strtoul(option + 5, NULL, 10);
	else if (strcmp(option, "cut") == 0)
		of->cut = true;
	else if (strcmp(option, "one") == 0)
		of->one = true;
	else {
		errno = EINVAL;
		die(option);
	}
}

static int open_append(const char *folder, const char *name, const char *what)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.%s", folder, name, what);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path);
	return fd;
}

static struct listener *listener_new(const char *folder, char *text)
{
	struct listener *of = calloc(1, sizeof(*of));
	char *behaviour = strchr(text, ':');
	char *next, *option;

	if (!of || !behaviour)
		die(text);
	*behaviour++ = '\0';
	of->name = text;
	option = strtok_r(behaviour, ",", &next);
	for (size_t i = 0; i < sizeof(behaviours) / sizeof(*behaviours); i++)
		if (option && strcmp(option, behaviours[i].name) == 0)
			of->behaviour = &behaviours[i];
	if (!of->behaviour) {
		errno = EINVAL;
		die(behaviour);
	}
	while ((option = strtok_r(NULL, ",", &next)))
		set_option(of, option);
	of->log = open_append(folder, of->name, "log");
	of->data = open_append(folder, of->name, "data");
	return of;
}

/* A login has 1,024 descriptors; victims open more connections at once. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	char path[4096], final[4096];
	FILE *ports;

	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	if (argc < 3) {
		fprintf(stderr, "usage: server FOLDER NAME:BEHAVIOUR…\n");
		return 2;
	}
	snprintf(final, sizeof(final), "%s/ports", argv[1]);
	snprintf(path, sizeof(path), "%s/ports.new", argv[1]);
	ports = fopen(path, "we");
	if (!ports)
		die(path);
	for (int i = 2; i < argc; i++) {
		struct listener *of = listener_new(argv[1], argv[i]);

		fprintf(ports, "port_%s=%u\n", of->name, bind_both(of->fd));
		listen_on(of, of->fd[0]);
		listen_on(of, of->fd[1]);
	}
	if (fclose(ports) != 0 || rename(path, final) < 0)
		die(final);
	for (;;)
		pause();
}
