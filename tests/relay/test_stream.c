/* Bytes through a real relay: nothing lost, nothing before its time, and every
 * way for a connection to end. */
#include "client.h"
#include "server.h"

#include <sys/syscall.h>

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

	cr_assert_eq(wrap_open(w, relay, server->port, server->cafile,
			       &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
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
	int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int own = (int)syscall(SYS_pidfd_getfd, process, 1, 0);
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
				sizeof(abort)), 0);
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
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/log", server->folder);
	w.request.string[XS_WIRE_LOG_DEST] = path;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	cr_assert_eq(recv(w.end[0], text, 7, MSG_WAITALL), 7);
	cr_assert_eq(recv(w.end[0], text, 1, 0), 0);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = read(fd, text, sizeof(text) - 1);
	cr_assert(len > 0);
	text[len] = '\0';
	cr_assert(strstr(text, "without close_notify"), "%s", text);
	unlink(path);
	server_end(server);
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

/* The server changes its keys now and then and asks for ours. */
static void serve_key_updates(struct served *served)
{
	char byte;

	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(SSL_key_update(served->ssl,
					    SSL_KEY_UPDATE_REQUESTED), 1);
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
