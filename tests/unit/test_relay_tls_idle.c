/* What an open TLS connection keeps in memory while it is idle.  The server is
 * an SSL object beside it; what it sends goes through memory. */
#include "../../tools/relay/tls_private.h"
#include "../relay/authority.h"

#include <malloc.h>
#include <string.h>

/* Sanitizers have an allocator of their own, which does not tell. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_COUNT 0
#else
#define CAN_COUNT 1
#endif

enum { LINES = 32, RECORD = 16384 };

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

static struct bench bench_make(void)
{
	struct bench b = { .folder = folder_make(),
			   .server = SSL_CTX_new(TLS_server_method()) };
	struct party ca = party_make("test CA", NULL, NULL);
	struct party leaf = party_make("leaf", "DNS:localhost", &ca);
	X509 *const trusted[] = { ca.cert, NULL };
	struct xs_error err = { 0 };
	char options[200];
	struct xs_tls_policy policy = { .scheme = "tlsv1.3",
					.options = options };

	SSL_CTX_use_certificate(b.server, leaf.cert);
	SSL_CTX_use_PrivateKey(b.server, leaf.key);
	snprintf(options, sizeof(options), "cafile=%s&session_reuse=1",
		 write_pem(&b.folder, "ca.pem", NULL, NULL, trusted));
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

	cr_assert_eq(xs_tls_read(line->tls, &io, plain, sizeof(plain), &len,
				 &err),
		     XS_TLS_WANT, "%s", err.text);
	say(line, &io);
	return len;
}

/* Opens it, and hears the tickets if there are any. */
static struct line line_open(const struct bench *b, bool *resumed)
{
	struct line line = { .server = SSL_new(b->server),
			     .to_server = BIO_new(BIO_s_mem()),
			     .to_client = BIO_new(BIO_s_mem()) };
	struct xs_tls_summary summary;
	enum xs_tls_result result;
	struct xs_error err = { 0 };

	SSL_set_bio(line.server, line.to_server, line.to_client);
	SSL_set_accept_state(line.server);
	line.tls = xs_tls_new(b->client, "localhost", &err);
	cr_assert(line.tls, "%s", err.text);
	xs_tls_resume(line.tls, "192.0.2.1:443");
	do {
		struct xs_tls_io io = hear(&line, sizeof(in));

		result = xs_tls_handshake(line.tls, &io, &summary, &err);
		cr_assert_neq(result, XS_TLS_FAILED, "%s", err.text);
		say(&line, &io);
		SSL_do_handshake(line.server);
	} while (result != XS_TLS_DONE);
	*resumed = SSL_session_reused(line.server);
	if (BIO_pending(line.to_client))
		hear_data(&line, sizeof(in));
	return line;
}

static void server_says(struct line *line, const void *data, size_t len)
{
	size_t written;

	cr_assert(SSL_write_ex(line->server, data, len, &written));
}

static void client_says(struct line *line, const void *data, size_t len)
{
	struct xs_tls_io io = { .out = out, .out_size = sizeof(out) };
	struct xs_error err = { 0 };
	char got[100];

	cr_assert_eq(xs_tls_write(line->tls, &io, data, len, &err),
		     XS_TLS_DONE, "%s", err.text);
	say(line, &io);
	cr_assert_eq(SSL_read(line->server, got, sizeof(got)), (int)len);
	cr_assert_eq(memcmp(got, data, len), 0);
}

/* The server's side, which the relay does not have. */
static void line_forget_server(struct line *line)
{
	SSL_free(line->server);
	line->server = NULL;
}

static void line_end(struct line *line)
{
	SSL_free(line->server);
	xs_tls_free(line->tls);
}

static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* What each of LINES connections has in use. */
static size_t measure(const struct bench *b)
{
	struct line line[LINES];
	size_t before = in_use(), each;
	bool resumed;

	for (int i = 0; i < LINES; i++) {
		line[i] = line_open(b, &resumed);
		cr_assert(resumed);
		line_forget_server(&line[i]);
	}
	each = (in_use() - before) / LINES;
	for (int i = 0; i < LINES; i++)
		line_end(&line[i]);
	return each;
}

/* One of OpenSSL's buffers alone would be 16 KiB more. */
Test(relay_tls_idle, keeps_no_buffers)
{
	struct bench b = bench_make();
	bool resumed;
	struct line first = line_open(&b, &resumed); /* makes what is shared */
	size_t each = measure(&b);

	cr_assert(!CAN_COUNT || each < RECORD + 3 * 1024, "%zu bytes", each);
	line_end(&first);
	bench_end(&b);
}

/* A record that is half there is not lost with the buffer. */
Test(relay_tls_idle, keeps_half_a_record)
{
	static const uint8_t sent[RECORD] = { 1, 2, 3 };
	struct bench b = bench_make();
	bool resumed;
	struct line line = line_open(&b, &resumed);

	/* In the middle of the head, right behind it (CVE-2024-4741), in the
	 * middle of the body, and the rest. */
	server_says(&line, sent, sizeof(sent));
	cr_assert_eq(hear_data(&line, 3), 0);
	cr_assert_eq(hear_data(&line, 2), 0);
	cr_assert_eq(hear_data(&line, 1000), 0);
	cr_assert_eq(hear_data(&line, sizeof(in)), sizeof(sent));
	cr_assert_eq(memcmp(plain, sent, sizeof(sent)), 0);
	line_end(&line);
	bench_end(&b);
}

static void expect_empty(EVP_PKEY *key)
{
	size_t len = 0;

	cr_assert(key);
	cr_assert_not(EVP_PKEY_get_raw_private_key(key, NULL, &len));
	cr_assert_not(EVP_PKEY_get_raw_public_key(key, NULL, &len));
	EVP_PKEY_free(key);
}

/* The ephemeral keys go; data, a new ticket and new keys come and go on. */
Test(relay_tls_idle, settles)
{
	struct bench b = bench_make();
	bool resumed;
	struct line line = line_open(&b, &resumed), next;
	EVP_PKEY *key = NULL;

	xs_tls_settle(line.tls);
	xs_tls_settle(line.tls);
	cr_assert(SSL_get_tmp_key(line.tls->ssl, &key));
	expect_empty(key);
	cr_assert(SSL_get_peer_tmp_key(line.tls->ssl, &key));
	expect_empty(key);
	SSL_new_session_ticket(line.server);
	SSL_key_update(line.server, SSL_KEY_UPDATE_REQUESTED);
	server_says(&line, "hello", 5);
	cr_assert_eq(hear_data(&line, sizeof(in)), 5);
	client_says(&line, "hello", 5);
	next = line_open(&b, &resumed);
	cr_assert(resumed);
	line_end(&next);
	line_end(&line);
	bench_end(&b);
}
