/* Tests: tools/relay/connection/connection.c, pump.c, linger.c and reset.c,
 * behind a real relay.
 *
 * Bytes through a real relay: nothing lost, nothing before its time, and every
 * way for a connection to end. */
#include "client.h"
#include "server.h"

#include "base/pidfd.h"

enum { MEGABYTE = 1 << 20 };

static unsigned char *pattern(size_t len)
{
	unsigned char *data = malloc(len);
	uint32_t state = 1;

	for (size_t i = 0; i < len; i++) {
		state = state * 1664525 + 1013904223;
		data[i] = (unsigned char)(state >> 24);
	}
	return data;
}

static void open_to(struct wrapped *w, struct relay *relay,
		    struct server *server)
{
	struct xs_wire verdict;

	cr_assert_eq(
		wrap_open(w, relay, server->port, server->cafile, &verdict), 0,
		"%s", verdict.string[XS_WIRE_SENTENCE]);
}

static void expect_sent(struct server *server, const unsigned char *data,
			size_t len)
{
	unsigned char digest[32];

	EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL);
	cr_assert_eq(server->received, len);
	cr_assert_eq(memcmp(server->digest, digest, 32), 0);
}

/* Writes all of it and is gone at once. */
Test(relay_stream, leaving_after_the_last_write, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_sink);
	struct relay relay = relay_start("0");
	size_t len = 10 * MEGABYTE, sent = 0;
	unsigned char *data = pattern(len);
	struct wrapped w;

	open_to(&w, &relay, server);
	while (sent < len) {
		ssize_t some = send(w.end[0], data + sent, len - sent, 0);

		cr_assert(some > 0);
		sent += (size_t)some;
	}
	wrap_close(&w);
	server_wait(server, 1);
	expect_sent(server, data, len);
	free(data);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* A server of plaintext that has said everything, and ended, before the relay
 * sees that it is connected: one event tells all of that. */
Test(relay_stream, a_server_that_has_ended_before, .timeout = 60)
{
	struct relay relay = relay_start("0");
	struct xs_address at = loopback(0);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd ready;
	struct xs_wire verdict;
	struct wrapped w;
	char text[16];
	int server;

	cr_assert_eq(bind(listener, &at.any, at.len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, &at.any, &at.len), 0);
	w = wrap_prepare(xs_address_port(&at), "relay=yes");
	w.request.string[XS_WIRE_SCHEME] = "tcp";
	server = accept(listener, NULL, NULL);
	cr_assert_eq(send(server, "* OK", 4, 0), 4);
	close(server);
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	cr_assert_eq(recv(w.end[0], text, 4, MSG_WAITALL), 4);
	ready = (struct pollfd){ .fd = w.end[0], .events = POLLIN };
	cr_assert_eq(poll(&ready, 1, 10000), 1, "no end");
	cr_assert_eq(recv(w.end[0], text, sizeof(text), 0), 0);
	wrap_close(&w);
	close(listener);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

/* Whether the relay may take a descriptor of this process (ptrace(2)). */
static bool may_be_reached(void)
{
	int process = xs_pidfd_open(getpid(), 0);
	int own = xs_pidfd_getfd(process, 1);
	FILE *scope = fopen("/proc/sys/kernel/yama/ptrace_scope", "r");
	int value = scope ? fgetc(scope) : '0';

	if (scope)
		fclose(scope);
	close(process);
	close(own);
	return own >= 0 && (value == '0' || geteuid() == 0);
}

/* What the server reads when the application is gone: how 0 is after it read
 * everything, 1 with something unread, 2 with SO_LINGER and a time of 0. */
static int error_after_close(int how)
{
	const struct linger abort = { .l_onoff = 1 };
	struct relay relay = relay_start("0");
	struct xs_address at = loopback(0);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd end = { .events = POLLIN };
	struct xs_wire verdict;
	struct wrapped w;
	char text[16];
	int result;

	cr_assert_eq(bind(listener, &at.any, at.len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, &at.any, &at.len), 0);
	w = wrap_prepare(xs_address_port(&at), "relay=yes");
	w.request.string[XS_WIRE_SCHEME] = "tcp";
	if (how == 2)
		setsockopt(w.tcp, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	end.fd = accept(listener, NULL, NULL);
	cr_assert_eq(send(end.fd, "last", 4, 0), 4);
	cr_assert_eq(recv(w.end[0], text, 4, how == 1 ? MSG_PEEK : 0), 4);
	wrap_close(&w);
	cr_assert_eq(poll(&end, 1, 10000), 1);
	result = recv(end.fd, text, sizeof(text), 0) < 0 ? errno : 0;
	close(end.fd);
	close(listener);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	return result;
}

Test(relay_stream, the_application_closes_with_fin_or_rst, .timeout = 60)
{
	cr_assert_eq(error_after_close(0), 0);
	cr_assert_eq(error_after_close(1), ECONNRESET);
	cr_assert_eq(error_after_close(2), ECONNRESET);
}

/* A server that resets: what it said before is read, then ECONNRESET. */
Test(relay_stream, a_server_that_resets, .timeout = 60)
{
	const struct linger abort = { .l_onoff = 1 };
	struct relay relay = relay_start("0");
	struct xs_address at = loopback(0);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd ready;
	struct xs_wire verdict;
	struct wrapped w;
	char text[16];
	int server;

	cr_assert_eq(bind(listener, &at.any, at.len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, &at.any, &at.len), 0);
	w = wrap_prepare(xs_address_port(&at), "relay=yes");
	w.request.string[XS_WIRE_SCHEME] = "tcp";
	w.request.head.app_fd = w.end[0];
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	server = accept(listener, NULL, NULL);
	cr_assert_eq(send(server, "last", 4, 0), 4);
	ready = (struct pollfd){ .fd = w.end[0], .events = POLLIN };
	cr_assert_eq(poll(&ready, 1, 10000), 1);
	cr_assert_eq(setsockopt(server, SOL_SOCKET, SO_LINGER, &abort,
				sizeof(abort)),
		     0);
	close(server);
	ready.events = 0;
	cr_assert_eq(poll(&ready, 1, 10000), 1, "no hang-up");
	cr_assert_eq(recv(w.end[0], text, sizeof(text), 0), 4);
	if (may_be_reached()) {
		cr_assert_eq(recv(w.end[0], text, sizeof(text), 0), -1);
		cr_assert_eq(errno, ECONNRESET);
	}
	cr_assert_eq(recv(w.end[0], text, sizeof(text), 0), 0);
	wrap_close(&w);
	close(listener);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

/* The server talks on and on while the last bytes are under way: closing with
 * unread data would reset the connection and lose them. */
static void serve_talk_then_sink(struct served *served)
{
	static const char chatter[16384];

	for (int i = 0; i < 16; i++)
		SSL_write(served->ssl, chatter, sizeof(chatter));
	usleep(200000);
	serve_sink(served);
}

Test(relay_stream, leaving_a_server_that_talks, .timeout = 60)
{
	struct server *server =
		server_start("DNS:localhost", serve_talk_then_sink);
	struct relay relay = relay_start("0");
	size_t len = MEGABYTE, sent = 0;
	unsigned char *data = pattern(len);
	struct wrapped w;

	open_to(&w, &relay, server);
	while (sent < len) {
		ssize_t some = send(w.end[0], data + sent, len - sent, 0);

		cr_assert(some > 0);
		sent += (size_t)some;
	}
	wrap_close(&w); /* nothing was read */
	server_wait(server, 1);
	expect_sent(server, data, len);
	free(data);
	cr_assert_eq(relay_wait(&relay, 30), 0);
	server_end(server);
}

/* Writes and reads at once, more than all buffers hold, with pauses. */
Test(relay_stream, back_pressure_both_ways, .timeout = 120)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	size_t len = 20 * MEGABYTE, sent = 0, got = 0;
	unsigned char *data = pattern(len), *back = malloc(len);
	struct wrapped w;
	unsigned turn = 0;

	open_to(&w, &relay, server);
	while (got < len) {
		struct pollfd ready = { .fd = w.end[0], .events = POLLIN };
		ssize_t some;

		if (sent < len)
			ready.events |= POLLOUT;
		cr_assert_eq(poll(&ready, 1, 20000), 1, "stuck at %zu %zu",
			     sent, got);
		if (ready.revents & POLLOUT) {
			some = send(w.end[0], data + sent, len - sent,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
			sent += some > 0 ? (size_t)some : 0;
		}
		if (++turn % 16 == 0 || sent == len) {
			some = recv(w.end[0], back + got, len - got,
				    MSG_DONTWAIT);
			cr_assert(some != 0);
			got += some > 0 ? (size_t)some : 0;
		}
		if (turn % 500 == 0)
			usleep(10000);
		if (sent == len)
			shutdown(w.end[0], SHUT_WR);
	}
	cr_assert_eq(memcmp(data, back, len), 0);
	cr_assert_eq(recv(w.end[0], back, 1, 0), 0);
	free(data);
	free(back);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* The server ends its side first and still gets what comes. */
static void serve_end_then_sink(struct served *served)
{
	SSL_write(served->ssl, "bye", 3);
	SSL_shutdown(served->ssl);
	shutdown(served->fd, SHUT_WR);
	serve_sink(served);
}

Test(relay_stream, server_ends_first, .timeout = 60)
{
	struct server *server =
		server_start("DNS:localhost", serve_end_then_sink);
	struct relay relay = relay_start("0");
	struct wrapped w;
	char text[10];

	open_to(&w, &relay, server);
	cr_assert_eq(recv(w.end[0], text, 3, MSG_WAITALL), 3);
	cr_assert_eq(recv(w.end[0], text, 1, 0), 0);
	cr_assert_eq(send(w.end[0], "still here", 10, MSG_NOSIGNAL), 10);
	wrap_close(&w);
	server_wait(server, 1);
	cr_assert_eq(server->received, 10);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

static void serve_cut(struct served *served)
{
	SSL_write(served->ssl, "half a ", 7);
}

Test(relay_stream, cut_without_close_notify, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_cut);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct xs_wire verdict;
	char path[100], text[4096];

	snprintf(path, sizeof(path), "%s/log", server->folder);
	w.request.string[XS_WIRE_LOG_DEST] = path;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	cr_assert_eq(recv(w.end[0], text, 7, MSG_WAITALL), 7);
	cr_assert_eq(recv(w.end[0], text, 1, 0), 0);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	cr_assert(take_log(path, text, sizeof(text)) > 0);
	cr_assert(strstr(text, "without close_notify"), "%s", text);
	server_end(server);
}

/* A mail server's end for a program that ends its side: a reset. */
static void serve_reset_at_end(struct served *served)
{
	const struct linger reset = { .l_onoff = 1 };
	char some[100];

	SSL_write(served->ssl, "220 ready\r\n", 11);
	while (SSL_read(served->ssl, some, sizeof(some)) > 0)
		;
	setsockopt(served->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

/* The log of a program that reads the greeting, says this, and ends its side.
 */
static void log_of_reset(const char *said, int level, char *text, size_t size)
{
	struct server *server =
		server_start("DNS:localhost", serve_reset_at_end);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct xs_wire verdict;
	char path[100], some[100];

	snprintf(path, sizeof(path), "%s/log", server->folder);
	w.request.string[XS_WIRE_LOG_DEST] = path;
	w.request.head.log_level = level;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	cr_assert_eq(recv(w.end[0], some, 11, MSG_WAITALL), 11);
	send(w.end[0], said, strlen(said), MSG_NOSIGNAL);
	shutdown(w.end[0], SHUT_WR);
	cr_assert_leq(recv(w.end[0], some, 1, 0), 0);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	take_log(path, text, size);
	server_end(server);
}

/* Exim ends its side behind QUIT, and Postfix resets.  The same without QUIT,
 * where no answer is owed; but what was asked may be lost. */
Test(relay_stream, reset_behind_the_program_s_end, .timeout = 60)
{
	char text[4096];

	log_of_reset("QUIT\r\n", XS_LOG_WARNING, text, sizeof(text));
	cr_assert_str_empty(text);
	log_of_reset("", XS_LOG_WARNING, text, sizeof(text));
	cr_assert_str_empty(text);
	log_of_reset("QUIT\r\n", XS_LOG_INFO, text, sizeof(text));
	cr_assert(strstr(text, "[server-end-behind-goodbye]"), "%s", text);
	log_of_reset("DATA\r\n", XS_LOG_ERROR, text, sizeof(text));
	cr_assert(strstr(text, "[server-"), "%s", text);
}

/* --- a renegotiation that the rule does not allow ------------------------- */

/* Asks for one, and ends without waiting for an answer. */
static void serve_wish(struct served *served)
{
	char byte;

	SSL_read(served->ssl, &byte, 1);
	SSL_renegotiate(served->ssl);
	SSL_do_handshake(served->ssl);
	SSL_write(served->ssl, "403", 3);
	SSL_shutdown(served->ssl);
	shutdown(served->fd, SHUT_WR);
	while (read(served->fd, &byte, 1) > 0)
		;
}

Test(relay_stream, a_refused_renegotiation, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_wish);
	struct relay relay = relay_start("0");
	char options[300], path[100], text[4096];
	struct wrapped w;
	struct xs_wire verdict;

	snprintf(options, sizeof(options), "%s&max_version=1.2",
		 server->cafile);
	w = wrap_prepare(server->port, options);
	snprintf(path, sizeof(path), "%s/log", server->folder);
	w.request.string[XS_WIRE_LOG_DEST] = path;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	cr_assert_eq(send(w.end[0], "?", 1, MSG_NOSIGNAL), 1);
	cr_assert_eq(recv(w.end[0], text, 3, MSG_WAITALL), 3);
	cr_assert_eq(recv(w.end[0], text, 1, 0), 0);
	shutdown(w.end[0], SHUT_WR);
	usleep(200000);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	cr_assert(take_log(path, text, sizeof(text)) > 0);
	cr_assert(strstr(text, "renegotiation=yes"), "%s", text);
	server_end(server);
}

/* --- half-close before TLS 1.3 ------------------------------------------- */

/* Reads to the application's close_notify, like a server in Java: its own is
 * all that it answers. */
static void serve_no_half_close(struct served *served)
{
	char some[1000];

	while (SSL_read(served->ssl, some, sizeof(some)) > 0)
		;
	SSL_shutdown(served->ssl);
}

static void serve_after_the_end(struct served *served)
{
	char some[1000];

	while (SSL_read(served->ssl, some, sizeof(some)) > 0)
		;
	SSL_write(served->ssl, "answer", 6);
	SSL_shutdown(served->ssl);
}

static void serve_before_the_end(struct served *served)
{
	char some[1000];

	SSL_read(served->ssl, some, sizeof(some));
	SSL_write(served->ssl, "answer", 6);
	SSL_shutdown(served->ssl);
}

enum ending { HALF, HALF_ANSWERED, CLOSE };

/* The application says something and ends its side.  Is there a line that says
 * that an answer may be lost? */
static bool is_told(void (*serve)(struct served *), const char *version,
		    enum ending ending)
{
	struct server *server = server_start("DNS:localhost", serve);
	struct relay relay = relay_start("0");
	char options[300], path[100], text[4096] = "";
	struct wrapped w;
	struct xs_wire verdict;

	snprintf(options, sizeof(options), "%s&%s", server->cafile, version);
	w = wrap_prepare(server->port, options);
	snprintf(path, sizeof(path), "%s/log", server->folder);
	w.request.string[XS_WIRE_LOG_DEST] = path;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	cr_assert_eq(send(w.end[0], "ask", 3, MSG_NOSIGNAL), 3);
	if (ending == HALF_ANSWERED)
		cr_assert_eq(recv(w.end[0], text, 6, MSG_WAITALL), 6);
	if (ending != CLOSE) {
		shutdown(w.end[0], SHUT_WR);
		while (recv(w.end[0], text, sizeof(text), 0) > 0)
			;
	}
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	cr_assert(take_log(path, text, sizeof(text)) > 0);
	server_end(server);
	return strstr(text, "before TLS 1.3 that can cost an answer");
}

Test(relay_stream, half_close_without_an_answer, .timeout = 60)
{
	const char *old = "max_version=1.2", *new = "min_version=1.3";

	cr_assert(is_told(serve_no_half_close, old, HALF));
	cr_assert_not(is_told(serve_no_half_close, new, HALF));
	cr_assert_not(is_told(serve_no_half_close, old, CLOSE));
	cr_assert_not(is_told(serve_after_the_end, old, HALF));
	cr_assert_not(is_told(serve_before_the_end, old, HALF_ANSWERED));
}

/* As Java's: who has heard of the end answers no more. */
static void serve_slow_answer(struct served *served)
{
	struct pollfd end = { .fd = served->fd, .events = POLLIN };
	char some[1000];

	SSL_read(served->ssl, some, sizeof(some));
	if (poll(&end, 1, 300) == 0)
		SSL_write(served->ssl, "answer", 6);
	SSL_shutdown(served->ssl);
}

/* Does the answer come that the server writes a little later? */
static bool is_answered(const char *options)
{
	struct server *server =
		server_start("DNS:localhost", serve_slow_answer);
	struct relay relay = relay_start("0");
	char all[300], text[20];
	struct wrapped w;
	struct xs_wire verdict;
	ssize_t got;

	snprintf(all, sizeof(all), "%s&%s", server->cafile, options);
	w = wrap_prepare(server->port, all);
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	cr_assert_eq(send(w.end[0], "ask", 3, MSG_NOSIGNAL), 3);
	shutdown(w.end[0], SHUT_WR);
	got = recv(w.end[0], text, 6, MSG_WAITALL);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
	return got == 6;
}

Test(relay_stream, half_close_that_is_told_late, .timeout = 60)
{
	cr_assert_not(is_answered("max_version=1.2"));
	cr_assert(is_answered("max_version=1.2&half_close=0"));
	/* With TLS 1.3 the server hears of it, whatever the rule says. */
	cr_assert_not(is_answered("min_version=1.3&half_close=0"));
}

/* An answer that came before the reset is handed out before the error. */
static void serve_answer_and_reset(struct served *served)
{
	const struct linger reset = { .l_onoff = 1 };
	char some[1000];

	SSL_read(served->ssl, some, sizeof(some));
	SSL_write(served->ssl, "too large", 9);
	usleep(100000);
	setsockopt(served->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

Test(relay_stream, reset_while_writing, .timeout = 60)
{
	struct server *server =
		server_start("DNS:localhost", serve_answer_and_reset);
	struct relay relay = relay_start("0");
	unsigned char *data = pattern(MEGABYTE);
	struct wrapped w;
	ssize_t sent;
	char text[20];

	open_to(&w, &relay, server);
	do
		sent = send(w.end[0], data, MEGABYTE, MSG_NOSIGNAL);
	while (sent > 0);
	cr_assert(errno == EPIPE || errno == ECONNRESET);
	cr_assert_eq(recv(w.end[0], text, 9, MSG_WAITALL), 9);
	cr_assert_eq(memcmp(text, "too large", 9), 0);
	free(data);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* More than is taken, and not a byte read. */
static void serve_too_much_and_reset(struct served *served)
{
	const struct timeval patience = { .tv_usec = 500000 };
	const struct linger reset = { .l_onoff = 1 };
	char some[16384] = "";

	setsockopt(served->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		   sizeof(patience));
	while (SSL_write(served->ssl, some, sizeof(some)) > 0)
		;
	setsockopt(served->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

/* A program that only writes hears of it, though it has not read the answer. */
Test(relay_stream, reset_while_only_writing, .timeout = 60)
{
	const struct timeval patience = { .tv_sec = 15 };
	struct server *server =
		server_start("DNS:localhost", serve_too_much_and_reset);
	struct relay relay = relay_start("0");
	unsigned char *data = pattern(MEGABYTE);
	struct wrapped w;
	ssize_t sent;

	open_to(&w, &relay, server);
	setsockopt(w.end[0], SOL_SOCKET, SO_SNDTIMEO, &patience,
		   sizeof(patience));
	do
		sent = send(w.end[0], data, MEGABYTE, MSG_NOSIGNAL);
	while (sent > 0);
	cr_assert(errno == EPIPE || errno == ECONNRESET, "errno %d", errno);
	free(data);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* The server changes its keys now and then and asks for ours. */
static void serve_key_updates(struct served *served)
{
	char byte;

	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(
			SSL_key_update(served->ssl, SSL_KEY_UPDATE_REQUESTED),
			1);
		cr_assert_eq(SSL_write(served->ssl, "x", 1), 1);
		if (i % 10 == 0)
			cr_assert_eq(SSL_read(served->ssl, &byte, 1), 1);
	}
	SSL_shutdown(served->ssl);
}

Test(relay_stream, key_updates, .timeout = 60)
{
	struct server *server =
		server_start("DNS:localhost", serve_key_updates);
	struct relay relay = relay_start("0");
	struct wrapped w;
	char bytes[1000];

	open_to(&w, &relay, server);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(send(w.end[0], "y", 1, MSG_NOSIGNAL), 1);
		cr_assert_eq(recv(w.end[0], bytes, 10, MSG_WAITALL), 10);
	}
	cr_assert_eq(recv(w.end[0], bytes, 1, 0), 0);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

static void serve_plain_echo(struct served *served)
{
	char buffer[4096];
	ssize_t len;

	while ((len = read(served->fd, buffer, sizeof(buffer))) > 0)
		cr_assert_eq(write(served->fd, buffer, (size_t)len), len);
}

Test(relay_stream, without_tls, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_plain_echo);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, "relay=1");
	struct xs_wire verdict;
	char text[5];

	w.request.string[XS_WIRE_SCHEME] = "tcp";
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	cr_assert_eq(send(w.end[0], "hello", 5, MSG_NOSIGNAL), 5);
	cr_assert_eq(recv(w.end[0], text, 5, MSG_WAITALL), 5);
	shutdown(w.end[0], SHUT_WR);
	cr_assert_eq(recv(w.end[0], text, 1, 0), 0);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

/* Bytes sent as urgent arrive in line, and nothing gets stuck. */
Test(relay_stream, urgent_bytes, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w;
	char text[4];

	open_to(&w, &relay, server);
	for (int i = 0; i < 50; i++) {
		cr_assert_eq(send(w.end[0], "ab", 2, 0), 2);
		if (send(w.end[0], "!", 1, MSG_OOB) < 0)
			cr_assert_eq(send(w.end[0], "!", 1, 0), 1);
		cr_assert_eq(send(w.end[0], "c", 1, 0), 1);
		cr_assert_eq(recv(w.end[0], text, 4, MSG_WAITALL), 4);
		cr_assert_eq(memcmp(text, "ab!c", 4), 0);
	}
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* Many at once, each with bytes of its own. */
Test(relay_stream, three_hundred_at_once, .timeout = 120)
{
	enum { COUNT = 300 };
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	static struct wrapped w[COUNT];
	struct xs_wire verdict;
	char text[32], back[32];

	for (int i = 0; i < COUNT; i++) {
		w[i] = wrap_prepare(server->port, server->cafile);
		wrap_send(&w[i], &relay);
	}
	for (int i = 0; i < COUNT; i++) {
		cr_assert_eq(wrap_verdict(&w[i], &verdict), 0, "%s",
			     verdict.string[XS_WIRE_SENTENCE]);
		snprintf(text, sizeof(text), "connection %020d", i);
		cr_assert_eq(send(w[i].end[0], text, 32, 0), 32);
	}
	for (int i = 0; i < COUNT; i++) {
		snprintf(text, sizeof(text), "connection %020d", i);
		cr_assert_eq(recv(w[i].end[0], back, 32, MSG_WAITALL), 32);
		cr_assert_eq(memcmp(text, back, 32), 0);
	}
	for (int i = 0; i < COUNT; i++)
		wrap_close(&w[i]);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}
