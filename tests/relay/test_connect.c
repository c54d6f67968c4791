/* Tests: tools/relay/connection/establish.c, dial.c, connect_error.c and
 * verdict.c, behind a real relay.
 *
 * How a connect through a real relay ends, and what the client gets to know:
 * verdict, names, gate, log, errno. */
#include "client.h"
#include "server.h"

#include <netinet/tcp.h>

static void expect_echo(int fd, const char *text)
{
	char answer[100];
	size_t len = strlen(text);

	cr_assert_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
	cr_assert_eq(recv(fd, answer, len, MSG_WAITALL), (ssize_t)len);
	cr_assert_eq(memcmp(answer, text, len), 0);
}

/* The relay must leave by itself, and well: a sanitizer's finding is another
 * exit status. */
static void expect_leaves(struct relay *relay)
{
	cr_assert_eq(relay_wait(relay, 20), 0, "the relay did not leave well");
}

Test(relay_connect, verified, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct xs_pair_info info;
	struct xs_wire verdict;
	struct wrapped w;
	char log[4096];

	cr_assert_eq(
		wrap_open(&w, &relay, server->port, server->cafile, &verdict),
		0, "%s", verdict.string[XS_WIRE_SENTENCE]);
	cr_assert_str_eq(verdict.string[XS_WIRE_VERSION_NAME], "TLSv1.3");
	cr_assert_str_eq(verdict.string[XS_WIRE_VERIFIED], "localhost");
	cr_assert(*verdict.string[XS_WIRE_CIPHER]);
	cr_assert(xs_pair_read(w.end[0], &info));
	cr_assert_eq(info.state, XS_PAIR_CONNECTED);
	cr_assert(xs_address_same_ip(&info.local, &w.to));
	cr_assert_eq(wrap_log(&w, log), 1);
	cr_assert(strstr(log, "verified \"localhost\""), "%s", log);
	expect_echo(w.end[0], "hello");
	/* Half-close: the echo server ends when we do. */
	shutdown(w.end[0], SHUT_WR);
	cr_assert_eq(recv(w.end[0], log, sizeof(log), 0), 0);
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

Test(relay_connect, gate, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct pollfd ready = { .fd = w.end[0], .events = POLLOUT };
	struct xs_pair_info info;

	w.request.head.filler = xs_pair_shut_gate(w.end[0]);
	cr_assert(w.request.head.filler);
	cr_assert_eq(poll(&ready, 1, 0), 0, "writable before the request");
	wrap_send(&w, &relay);
	close(w.control); /* it does not wait */
	w.control = -1;
	cr_assert_eq(poll(&ready, 1, 10000), 1);
	cr_assert_eq(ready.revents, POLLOUT);
	cr_assert(xs_pair_read(w.end[0], &info));
	cr_assert_eq(info.state, XS_PAIR_CONNECTED);
	expect_echo(w.end[0], "behind the gate");
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

Test(relay_connect, wrong_name_at_the_gate, .timeout = 60)
{
	struct server *server = server_start("DNS:other.test", serve_sink);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct pollfd ready = { .fd = w.end[0], .events = POLLOUT };
	struct xs_pair_info info;
	socklen_t len = sizeof(int);
	char log[4096];
	int error;

	w.request.head.filler = xs_pair_shut_gate(w.end[0]);
	wrap_send(&w, &relay);
	close(w.control);
	w.control = -1;
	cr_assert_eq(poll(&ready, 1, 10000), 1);
	cr_assert(ready.revents & POLLERR);
	cr_assert(ready.revents & POLLHUP);
	getsockopt(w.end[0], SOL_SOCKET, SO_ERROR, &error, &len);
	cr_assert_eq(error, ECONNRESET);
	cr_assert(xs_pair_read(w.end[0], &info));
	cr_assert_eq(info.state, XS_PAIR_FAILED);
	cr_assert_eq(info.errnum, EKEYREJECTED);
	cr_assert_eq(wrap_log(&w, log), 1);
	cr_assert(strstr(log, "only for other.test"), "%s", log);
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

/* Each way to fail: rule, errno, a word of the sentence; one line in the
 * log; and a TCP socket on which nothing can be sent. */
static void expect_failure(struct server *server, uint16_t port,
			   const char *options, const char *scheme, int errnum,
			   const char *word)
{
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(port, options);
	struct xs_wire verdict;
	struct xs_pair_info info;
	char log[4096];

	if (scheme)
		w.request.string[XS_WIRE_SCHEME] = scheme;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), errnum, "%d %s",
		     verdict.head.errnum, verdict.string[XS_WIRE_SENTENCE]);
	cr_assert(strstr(verdict.string[XS_WIRE_SENTENCE], word), "%s",
		  verdict.string[XS_WIRE_SENTENCE]);
	cr_assert_eq(send(w.tcp, "secret", 6, MSG_NOSIGNAL), -1);
	cr_assert(xs_pair_read(w.end[0], &info));
	cr_assert_eq(info.errnum, errnum);
	cr_assert_eq(wrap_log(&w, log), 1, "%s", log);
	cr_assert(strstr(log, verdict.string[XS_WIRE_SENTENCE]));
	wrap_close(&w);
	expect_leaves(&relay);
	if (server)
		server_end(server);
}

static void serve_greeting(struct served *served)
{
	cr_assert(write(served->fd, "220 hello\r\n", 11) == 11);
	serve_nothing(served);
}

static void serve_hangup(struct served *served)
{
	char hello[4096];

	if (read(served->fd, hello, sizeof(hello)) > 0)
		return;
}

static void serve_garbage(struct served *served)
{
	static const char garbage[] = "\x16\x03\x03\x00\x10garbage garbage!";

	cr_assert(write(served->fd, garbage, sizeof(garbage)) > 0);
	serve_nothing(served);
}

Test(relay_connect, refused, .timeout = 60)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct xs_address free_port = loopback(0);
	socklen_t len = sizeof(free_port.v6);

	bind(fd, &free_port.any, free_port.len);
	getsockname(fd, &free_port.any, &len);
	expect_failure(NULL, xs_address_port(&free_port), "", NULL,
		       ECONNREFUSED, "Connection refused by 127.0.0.1:");
}

Test(relay_connect, wrong_name, .timeout = 60)
{
	struct server *server = server_start("DNS:other.test", serve_sink);

	expect_failure(server, server->port, server->cafile, NULL, EKEYREJECTED,
		       "is not for \"localhost\"");
}

Test(relay_connect, unknown_ca, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_sink);

	expect_failure(server, server->port, "", NULL, EKEYREJECTED,
		       "a CA that is not trusted");
}

Test(relay_connect, wrong_name_counts_without_chain, .timeout = 60)
{
	struct server *server = server_start("DNS:other.test", serve_sink);

	expect_failure(server, server->port, "verify_peer=0", NULL,
		       EKEYREJECTED, "is not for \"localhost\"");
}

Test(relay_connect, plaintext_server, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_greeting);

	expect_failure(server, server->port, "", NULL, EPROTO,
		       "it said \"220 hello\"");
}

Test(relay_connect, silent_server, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_nothing);

	/* Long enough for a busy machine to read the system's CAs first. */
	expect_failure(server, server->port, "timeout=5", NULL, ETIMEDOUT,
		       "did not finish the TLS handshake within 5 s");
}

Test(relay_connect, server_that_hangs_up, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_hangup);

	expect_failure(server, server->port, "", NULL, EPROTO,
		       "closed the connection when TLS began");
}

Test(relay_connect, garbage_server, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_garbage);

	expect_failure(server, server->port, "", NULL, EPROTO, "TLS");
}

/* With connect=early: what is written before the server is verified reaches no
 * server that is refused, and the writer gets a reset. */
static void expect_early_failure(struct server *server, const char *options,
				 const char *word)
{
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, options);
	struct xs_wire verdict;
	struct xs_pair_info info;
	char log[4096], c;

	w.request.head.filler = xs_pair_shut_gate(w.end[0]);
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	cr_assert(xs_pair_read(w.end[0], &info));
	cr_assert_eq(info.state, XS_PAIR_CONNECTED);
	/* The refusal may be faster than this. */
	if (send(w.end[0], "secret", 6, MSG_NOSIGNAL) == 6 || errno == EPIPE)
		cr_assert_eq(recv(w.end[0], &c, 1, 0), -1);
	cr_assert_eq(errno, ECONNRESET);
	cr_assert_eq(send(w.tcp, "secret", 6, MSG_NOSIGNAL), -1);
	cr_assert_eq(wrap_log(&w, log), 1, "%s", log);
	cr_assert(strstr(log, word), "%s", log);
	cr_assert_eq(server->received, 0);
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

static char heard[65536];
static _Atomic size_t heard_len;

/* Keeps what it hears, and says nothing. */
static void serve_listening(struct served *served)
{
	ssize_t got;

	while (heard_len < sizeof(heard) &&
	       (got = read(served->fd, heard + heard_len,
			   sizeof(heard) - heard_len)) > 0)
		heard_len += (size_t)got;
}

Test(relay_connect, early_wrong_name, .timeout = 60)
{
	struct server *server = server_start("DNS:other.test", serve_sink);
	char options[200];

	snprintf(options, sizeof(options), "%s&connect=early", server->cafile);
	expect_early_failure(server, options, "is not for \"localhost\"");
}

Test(relay_connect, early_silent_server, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_listening);

	expect_early_failure(server, "timeout=2&connect=early",
			     "did not finish the TLS handshake within 2 s");
	server_wait(server, 1);
	cr_assert_gt(heard_len, 0, "no ClientHello");
	cr_assert(!memmem(heard, heard_len, "secret", 6));
}

/* Where the application has a small SO_SNDBUF, it can write early, and a
 * failure is a reset all the same. */
Test(relay_connect, early_with_a_small_buffer, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_listening);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(0, "timeout=3&connect=early");
	struct pollfd end = { .fd = w.end[0], .events = POLLOUT };
	const int small = 1;
	struct xs_wire verdict;
	char c;

	w.request.head.filler = xs_pair_shut_gate(w.end[0]);
	setsockopt(w.tcp, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	w.to = loopback(server->port);
	w.request.head.started = 1;
	w.request.head.to = w.to;
	connect(w.tcp, &w.to.any, w.to.len);
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	cr_assert_eq(poll(&end, 1, 0), 1, "it cannot write");
	cr_assert_eq(recv(w.end[0], &c, 1, 0), -1, "an end without a reset");
	cr_assert_eq(errno, ECONNRESET);
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

/* What was written early comes first, also where its writer has left. */
Test(relay_connect, early_and_left, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_sink);
	struct relay relay = relay_start("0");
	struct xs_wire verdict;
	struct wrapped w;
	char options[200];

	snprintf(options, sizeof(options), "%s&connect=early", server->cafile);
	cr_assert_eq(wrap_open(&w, &relay, server->port, options, &verdict), 0);
	cr_assert_eq(send(w.end[0], "early", 5, MSG_NOSIGNAL), 5);
	wrap_close(&w);
	server_wait(server, 1);
	cr_assert_eq(server->received, 5);
	expect_leaves(&relay);
	server_end(server);
}

/* Who leaves early, with nothing to send, is not told to connect early. */
Test(relay_connect, early_and_given_up, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_listening);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, "connect=early");
	struct xs_wire verdict;
	char log[4096];

	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	close(w.end[0]);
	w.end[0] = -1;
	cr_assert_eq(wrap_log(&w, log), 1, "%s", log);
	cr_assert(strstr(log, "TLS was under way"), "%s", log);
	cr_assert(!strstr(log, "connect=early"), "%s", log);
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

/* A program that gives up: the line says after how long, and when. */
Test(relay_connect, given_up, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_listening);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, "");
	double begun = seconds_now(), most;
	int after = 0;
	char log[4096];

	w.request.head.app_fd = w.end[0];
	wrap_send(&w, &relay);
	close(w.control);
	w.control = -1;
	while (!heard_len)
		usleep(1000);
	usleep(250000);
	close(w.end[0]);
	w.end[0] = -1;
	cr_assert_eq(wrap_log(&w, log), 1, "%s", log);
	most = (seconds_now() - begun) * 1000;
	cr_assert(strstr(log, "TLS was under way"), "%s", log);
	cr_assert_eq(
		sscanf(strstr(log, "gave up"), "gave up after %d ms", &after),
		1, "%s", log);
	cr_assert(after >= 250 && after <= most, "%d of %f", after, most);
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

/* HelloRequest without end, which a client skips (RFC 5246, 7.4.1.1). */
static void serve_without_end(struct served *served)
{
	static uint8_t records[4 * 16389];

	for (size_t i = 0; i < sizeof(records); i += 16389) {
		memset(records + i, 0, 16389);
		memcpy(records + i, "\x16\x03\x03\x40", 4);
	}
	while (send(served->fd, records, sizeof(records), MSG_NOSIGNAL) > 0)
		;
}

/* The end comes soon, by the limit of time or of bytes. */
Test(relay_connect, server_that_never_ends_the_handshake, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_without_end);

	expect_failure(server, server->port, "timeout=15", NULL, EPROTO,
		       "no end of the handshake");
}

Test(relay_connect, version_that_the_server_lacks, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_sink);

	SSL_CTX_set_max_proto_version(server->context, TLS1_2_VERSION);
	expect_failure(server, server->port, server->cafile, "tlsv1.3", EPROTO,
		       "protocol_version");
}

Test(relay_connect, missing_cafile, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_sink);

	expect_failure(server, server->port, "cafile=/nonexistent/ca.pem", NULL,
		       EACCES, "cafile=/nonexistent/ca.pem");
}

Test(relay_connect, scheme_that_the_relay_lacks, .timeout = 60)
{
	expect_failure(NULL, 1, "", "sctp", EACCES, "sctp");
}

Test(relay_connect, one_version, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct xs_wire verdict;

	w.request.string[XS_WIRE_SCHEME] = "tlsv1.2";
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	cr_assert_str_eq(verdict.string[XS_WIRE_VERSION_NAME], "TLSv1.2");
	expect_echo(w.end[0], "1.2");
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

Test(relay_connect, resolves, .timeout = 60)
{
	struct server *server = server_start("IP:127.0.0.1", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(0, server->cafile);
	struct xs_wire verdict;

	/* An address as name: checked as one, and no SNI. */
	w.request.string[XS_WIRE_NAME] = "127.0.0.1";
	w.request.string[XS_WIRE_HOST] = "localhost";
	w.request.head.port = server->port;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	expect_echo(w.end[0], "resolved");
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

/* An IPv6 socket reaches an IPv4 address as ::ffff:127.0.0.1; one that is
 * for IPv6 only is replaced. */
static void expect_other_family(int only)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(0, server->cafile);
	struct xs_wire verdict;

	close(w.tcp);
	w.tcp = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(w.tcp, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	w.request.string[XS_WIRE_HOST] = "127.0.0.1";
	w.request.head.port = server->port;
	w.request.head.family = AF_INET6;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	expect_echo(w.end[0], "other family");
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(server);
}

Test(relay_connect, mapped_family, .timeout = 60)
{
	expect_other_family(0);
}

Test(relay_connect, fresh_socket, .timeout = 60)
{
	expect_other_family(1);
}

Test(relay_connect, name_that_does_not_exist, .timeout = 60)
{
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(0, "timeout=15");
	struct xs_wire verdict;
	int error;

	w.request.string[XS_WIRE_HOST] = "nothing.invalid";
	w.request.head.port = 1;
	wrap_send(&w, &relay);
	error = wrap_verdict(&w, &verdict);
	cr_assert(error == EHOSTUNREACH || error == ETIMEDOUT);
	cr_assert(strstr(verdict.string[XS_WIRE_SENTENCE], "nothing.invalid"));
	wrap_close(&w);
	expect_leaves(&relay);
}

/* A file that changes counts for the next connection. */
Test(relay_connect, cafile_that_changes, .timeout = 60)
{
	struct server *good = server_start("DNS:localhost", serve_echo);
	struct server *other = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct xs_wire verdict;
	struct wrapped w, w2;
	char here[100], there[100];

	cr_assert_eq(wrap_open(&w, &relay, good->port, good->cafile, &verdict),
		     0);
	snprintf(here, sizeof(here), "%s/ca.pem", good->folder);
	snprintf(there, sizeof(there), "%s/ca.pem", other->folder);
	cr_assert_eq(rename(there, here), 0);
	cr_assert_eq(wrap_open(&w2, &relay, good->port, good->cafile, &verdict),
		     EKEYREJECTED);
	wrap_close(&w2);
	cr_assert_eq(
		wrap_open(&w2, &relay, other->port, good->cafile, &verdict), 0);
	wrap_close(&w2);
	wrap_close(&w);
	expect_leaves(&relay);
	server_end(good);
	server_end(other);
}
