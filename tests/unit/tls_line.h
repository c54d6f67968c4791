/* A TLS client of the relay and a server beside it, which speak through memory:
 * for the tests that look at what tls*.c do without sockets. */
#ifndef TEST_TLS_LINE_H
#define TEST_TLS_LINE_H

#include "../relay/authority.h"
#include "relay/tls/tls_private.h"

#include <string.h>

struct bench {
	struct folder folder;
	SSL_CTX *server;
	struct xs_tls_context *client;
};

/* A client; what it and its server have said, and the other has not read. */
struct line {
	struct xs_tls *tls;
	SSL *server;
	BIO *to_server, *to_client;
};

static uint8_t out[XS_TLS_OUT_ROOM(65536)];
static uint8_t in[65536];
static uint8_t plain[XS_TLS_PLAIN_ROOM(65536)];

/* Of the rule's options, those behind cafile. */
static inline struct bench bench_make(const char *more)
{
	struct bench b = { .folder = folder_make(),
			   .server = SSL_CTX_new(TLS_server_method()) };
	struct party ca = party_make("test CA", NULL, NULL);
	struct party leaf = party_make("leaf", "DNS:localhost", &ca);
	X509 *const trusted[] = { ca.cert, NULL };
	struct xs_error err = { 0 };
	char options[200];
	struct xs_tls_policy policy = { .scheme = "tls", .options = options };

	SSL_CTX_use_certificate(b.server, leaf.cert);
	SSL_CTX_use_PrivateKey(b.server, leaf.key);
	snprintf(options, sizeof(options), "cafile=%s&%s",
		 write_pem(&b.folder, "ca.pem", NULL, NULL, trusted), more);
	b.client = xs_tls_context_get(&policy, &err);
	cr_assert(b.client, "%s", err.text);
	party_free(&ca);
	party_free(&leaf);
	return b;
}

static void bench_end(struct bench *b)
{
	xs_tls_context_put(b->client);
	xs_tls_context_forget();
	SSL_CTX_free(b->server);
	folder_end(&b->folder);
}

/* At most size bytes of what the server has said: what is read at once. */
static struct xs_tls_io hear(struct line *line, size_t size)
{
	int len = BIO_read(line->to_client, in, (int)size);

	return (struct xs_tls_io){ .in = in,
				   .in_len = len > 0 ? (size_t)len : 0,
				   .out = out,
				   .out_size = sizeof(out) };
}

static void say(struct line *line, const struct xs_tls_io *io)
{
	if (io->out_len)
		BIO_write(line->to_server, io->out, (int)io->out_len);
}

/* Returns the bytes of plaintext that came. */
static size_t hear_data(struct line *line, size_t size)
{
	struct xs_tls_io io = hear(line, size);
	struct xs_error err = { 0 };
	size_t len;

	cr_assert_eq(
		xs_tls_read(line->tls, &io, plain, sizeof(plain), &len, &err),
		XS_TLS_WANT, "%s", err.text);
	say(line, &io);
	return len;
}

/* The server's side of a line. */
static struct line line_make(const struct bench *b)
{
	struct line line = { .server = SSL_new(b->server),
			     .to_server = BIO_new(BIO_s_mem()),
			     .to_client = BIO_new(BIO_s_mem()) };

	SSL_set_bio(line.server, line.to_server, line.to_client);
	SSL_set_accept_state(line.server);
	return line;
}

/* One turn of the client, then the server's. */
static enum xs_tls_result line_shake(struct line *line,
				     struct xs_tls_summary *summary)
{
	struct xs_tls_io io = hear(line, sizeof(in));
	struct xs_error err = { 0 };
	enum xs_tls_result result =
		xs_tls_handshake(line->tls, &io, summary, &err);

	cr_assert_neq(result, XS_TLS_FAILED, "%s", err.text);
	say(line, &io);
	SSL_do_handshake(line->server);
	return result;
}

/* Until it is open and the tickets, if there are any, are heard. */
static inline void line_finish(struct line *line,
			       struct xs_tls_summary *summary)
{
	while (line_shake(line, summary) != XS_TLS_DONE)
		;
	if (BIO_pending(line->to_client))
		hear_data(line, sizeof(in));
}

#define NAME   "localhost"
#define SERVER "192.0.2.1:443"

/* A client that was not made in advance. */
static struct xs_tls *client_make(const struct bench *b)
{
	struct xs_error err = { 0 };
	struct xs_tls *tls = xs_tls_new(b->client, NAME, &err);

	cr_assert(tls, "%s", err.text);
	xs_tls_resume(tls, SERVER);
	return tls;
}

/* With close_notify, or its last session would not be good any more. */
static void line_end(struct line *line)
{
	struct xs_tls_io io = { .out = out, .out_size = sizeof(out) };

	xs_tls_close(line->tls, &io);
	SSL_free(line->server);
	xs_tls_free(line->tls);
}

#endif
