/* Tests: tools/relay/connection/upgrade.c, behind a real relay.
 *
 * STARTTLS through a real relay, where it is about sockets and not about words:
 * between the server's go-ahead and the application's first byte. */
#include "client.h"
#include "server.h"

#include <netinet/tcp.h>

enum { LINES = 40, LINE = 1000 };

static void read_line(int fd)
{
	char byte = 0;

	while (byte != '\n' && recv(fd, &byte, 1, 0) == 1)
		;
}

static void say(int fd, const char *line)
{
	cr_assert_eq(send(fd, line, strlen(line), MSG_NOSIGNAL),
		     (ssize_t)strlen(line));
}

/* Agrees at great length, all at once, and waits for the first byte of TLS. */
static void serve_much(struct served *served)
{
	static const char last[] = "220 go ahead\r\n";
	char reply[LINES * LINE + sizeof(last)];
	unsigned char byte = 0;

	memset(reply, 'x', sizeof(reply));
	for (int i = 0; i < LINES; i++) {
		memcpy(reply + i * LINE, "220-", 4);
		memcpy(reply + (i + 1) * LINE - 2, "\r\n", 2);
	}
	memcpy(reply + LINES * LINE, last, sizeof(last));
	say(served->fd, "220 hello ESMTP\r\n");
	read_line(served->fd);
	say(served->fd, reply);
	if (recv(served->fd, &byte, 1, 0) == 1)
		served->server->received = byte;
}

static struct wrapped open_starttls(struct relay *relay, struct server *server)
{
	struct wrapped w = wrap_prepare(server->port, "");
	struct xs_wire verdict;
	const int small = 1;

	w.request.string[XS_WIRE_SCHEME] = "starttls";
	setsockopt(w.end[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	wrap_send(&w, relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	return w;
}

/* Reads until the last line of this reply has come. */
static void read_to(int fd, const char *last)
{
	size_t len = strlen(last), got = 0;
	char byte;

	while (got < len) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		cr_assert_eq(poll(&ready, 1, 20000), 1, "%s does not come",
			     last);
		cr_assert_eq(recv(fd, &byte, 1, 0), 1);
		got = byte == last[got] ? got + 1 : byte == last[0];
	}
}

/* What the application waits for is behind more than the pair holds: it comes
 * when there is room, although the relay waits for the application. */
Test(relay_starttls, go_ahead_behind_much, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_much);
	struct relay relay = relay_start("0");
	struct wrapped w = open_starttls(&relay, server);

	read_to(w.end[0], "hello ESMTP\r\n");
	say(w.end[0], "STARTTLS\r\n");
	read_to(w.end[0], "220 go ahead\r\n");
	say(w.end[0], "EHLO me\r\n");
	server_wait(server, 1);
	cr_assert_eq(server->received, 0x16);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

static void serve_agree(struct served *served)
{
	char byte;

	say(served->fd, "220 hello ESMTP\r\n");
	read_line(served->fd);
	say(served->fd, "220 go ahead\r\n");
	while (recv(served->fd, &byte, 1, 0) > 0)
		;
}

/* Three bytes of what may be a ClientHello, and no more: the server hears of
 * the end. */
Test(relay_starttls, leaving_in_a_hello, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_agree);
	struct relay relay = relay_start("0");
	struct wrapped w = open_starttls(&relay, server);

	read_to(w.end[0], "hello ESMTP\r\n");
	say(w.end[0], "STARTTLS\r\n");
	read_to(w.end[0], "go ahead\r\n");
	say(w.end[0], "\x16\x03\x01");
	wrap_close(&w);
	server_wait(server, 1);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

/* --- connect=early: what is written waits for dialogue and handshake ------ */

static struct server *tls_of; /* whose certificate the next one has */
static char heard[4096];

/* Offers and does STARTTLS; then says back what it hears. */
static void serve_upgrade(struct served *served)
{
	SSL *ssl = SSL_new(tls_of->context);
	int len;

	say(served->fd, "220 hello ESMTP\r\n");
	read_line(served->fd);
	usleep(100000);
	say(served->fd, "250-me\r\n250 STARTTLS\r\n");
	read_line(served->fd);
	say(served->fd, "220 go ahead\r\n");
	SSL_set_fd(ssl, served->fd);
	cr_assert_eq(SSL_accept(ssl), 1);
	len = SSL_read(ssl, heard, sizeof(heard));
	cr_assert_gt(len, 0);
	SSL_write(ssl, heard, len);
	SSL_shutdown(ssl);
	SSL_free(ssl);
}

/* Does not offer it. */
static void serve_old(struct served *served)
{
	size_t len = 0;
	ssize_t got;

	say(served->fd, "220 hello ESMTP\r\n");
	read_line(served->fd);
	usleep(100000);
	send(served->fd, "250 me\r\n", 8, MSG_NOSIGNAL);
	while (len < sizeof(heard) && (got = recv(served->fd, heard + len,
						  sizeof(heard) - len, 0)) > 0)
		len += (size_t)got;
}

/* The server knows nothing of TLS yet, and the program has written. */
static struct wrapped open_early(struct relay *relay, struct server *server,
				 const char *options)
{
	struct wrapped w = wrap_prepare(server->port, options);
	struct xs_wire verdict;

	w.request.string[XS_WIRE_SCHEME] = "smtp+starttls";
	wrap_send(&w, relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	say(w.end[0], "NOOP\r\n");
	return w;
}

Test(relay_starttls, early, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_upgrade);
	struct relay relay = relay_start("0");
	char options[200];
	struct wrapped w;

	tls_of = server_start("DNS:localhost", serve_sink);
	snprintf(options, sizeof(options), "%s&connect=early", tls_of->cafile);
	w = open_early(&relay, server, options);
	read_to(w.end[0], "hello ESMTP\r\n");
	read_to(w.end[0], "NOOP\r\n");
	cr_assert_eq(memcmp(heard, "NOOP\r\n", 6), 0);
	wrap_close(&w);
	server_wait(server, 1);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(tls_of);
}

Test(relay_starttls, early_without_an_offer, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_old);
	struct relay relay = relay_start("0");
	struct wrapped w = open_early(&relay, server, "connect=early");
	char log[4096], c;

	cr_assert_eq(recv(w.end[0], &c, 1, 0), -1);
	cr_assert_eq(errno, ECONNRESET);
	cr_assert_eq(wrap_log(&w, log), 1, "%s", log);
	cr_assert(strstr(log, "STARTTLS"), "%s", log);
	wrap_close(&w);
	server_wait(server, 1);
	cr_assert(!memmem(heard, sizeof(heard), "NOOP", 4));
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

/* --- filters behind TLS --------------------------------------------------- */

static const char *offered; /* what the server says, and ends */

/* Its end comes in the same segment. */
static void serve_offer(struct served *served)
{
	const int on = 1, off = 0;

	setsockopt(served->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
	SSL_write(served->ssl, offered, (int)strlen(offered));
	SSL_shutdown(served->ssl);
	setsockopt(served->fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
}

/* What the application reads, to the end, and what the log says then. */
static void read_offer(const char *scheme, const char *offer, char got[4096],
		       char log[4096])
{
	struct server *server = server_start("DNS:localhost", serve_offer);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct xs_wire verdict;
	char path[100];
	ssize_t len;

	offered = offer;
	snprintf(path, sizeof(path), "%s/log", server->folder);
	w.request.string[XS_WIRE_SCHEME] = scheme;
	w.request.string[XS_WIRE_LOG_DEST] = path;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	len = recv(w.end[0], got, 4095, MSG_WAITALL);
	cr_assert_geq(len, 0);
	got[len] = '\0';
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	take_log(path, log, 4096);
	server_end(server);
}

/* Half a list is nobody's offer, but it has been said. */
Test(relay_starttls, filter_at_the_end, .timeout = 60)
{
	char got[4096], log[4096];

	read_offer("imap+tls",
		   "* OK [CAPABILITY AUTH=A-PLUS AUTH=B] hello\r\n"
		   "* CAPABILITY AUTH=A-PL",
		   got, log);
	cr_assert_str_eq(got, "* OK [CAPABILITY AUTH=B] hello\r\n"
			      "* CAPABILITY AUTH=A-PL");
	cr_assert(!strstr(log, "-PLUS"), "%s", log);
}

Test(relay_starttls, filter_leaves_none, .timeout = 60)
{
	char got[4096], log[4096];

	read_offer("imap+tls",
		   "* OK [CAPABILITY AUTH=A-PLUS] hello\r\n* BYE \r\n", got,
		   log);
	cr_assert_str_eq(got, "* OK [CAPABILITY ] hello\r\n* BYE \r\n");
	cr_assert(strstr(log, "only SASL mechanisms that bind to TLS"), "%s",
		  log);
}

/* A server that is full says so behind its INFO, and ends. */
Test(relay_starttls, info_and_the_end_at_once, .timeout = 60)
{
	char got[4096], log[4096];

	read_offer("nats+tls", "INFO {\"server_id\":\"a\"}\r\n-ERR 'full'\r\n",
		   got, log);
	cr_assert_str_eq(got, "INFO {\"server_id\":\"a\"}\r\n-ERR 'full'\r\n");
}
