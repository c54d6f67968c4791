/* Tests: xs_tls_settle in tools/relay/tls/tls.c.
 *
 * What an open TLS connection keeps in memory while it is idle. */
#include "tls_line.h"

#include <malloc.h>

/* Sanitizers have an allocator of their own, which does not tell. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_COUNT 0
#else
#define CAN_COUNT 1
#endif

enum { LINES = 32, RECORD = 16384 };

static struct line line_open(const struct bench *b, bool *resumed)
{
	struct line line = line_make(b);
	struct xs_tls_summary summary;

	line.tls = client_make(b);
	line_finish(&line, &summary);
	*resumed = SSL_session_reused(line.server);
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

	cr_assert_eq(xs_tls_write(line->tls, &io, data, len, &err), XS_TLS_DONE,
		     "%s", err.text);
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

static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* What each of LINES connections has in use, settled as an open one is. */
static size_t measure(const struct bench *b)
{
	struct line line[LINES];
	size_t before = in_use(), each;
	bool resumed;

	for (int i = 0; i < LINES; i++) {
		line[i] = line_open(b, &resumed);
		cr_assert(resumed);
		line_forget_server(&line[i]);
		xs_tls_settle(line[i].tls);
	}
	each = (in_use() - before) / LINES;
	for (int i = 0; i < LINES; i++)
		line_end(&line[i]);
	return each;
}

/* What OpenSSL keeps: tools/relay/README.md has it piece by piece.  Since 3.2
 * there is an object for the records of each direction (4.4 KB), and since 3.5
 * a hybrid group makes the Hellos larger (2.8 KB). */
#if OPENSSL_VERSION_PREREQ(3, 2)
enum { KEPT = 26 * 1024 };
#else
enum { KEPT = 14 * 1024 };
#endif

/* One of OpenSSL's buffers alone would be 16 KiB more, and an ML-KEM key that
 * stays 8. */
Test(relay_tls_idle, keeps_no_buffers)
{
	struct bench b = bench_make("session_reuse=1");
	bool resumed;
	struct line first = line_open(&b, &resumed); /* makes what is shared */
	size_t each = measure(&b);

	cr_assert(!CAN_COUNT || each < KEPT + 3 * 1024, "%zu bytes", each);
	line_end(&first);
	bench_end(&b);
}

/* A record that is half there is not lost with the buffer. */
Test(relay_tls_idle, keeps_half_a_record)
{
	static const uint8_t sent[RECORD] = { 1, 2, 3 };
	struct bench b = bench_make("session_reuse=1");
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

static bool has_key(EVP_PKEY *key)
{
	size_t len = 0;
	bool has = EVP_PKEY_get_raw_private_key(key, NULL, &len) ||
		   EVP_PKEY_get_raw_public_key(key, NULL, &len);

	EVP_PKEY_free(key);
	return has;
}

/* Ours: of ML-KEM, that is 8 KB. */
static bool has_our_key(const struct line *line)
{
	EVP_PKEY *key = NULL;

	cr_assert(SSL_get_tmp_key(line->tls->ssl, &key));
	return has_key(key);
}

/* The server's: of a hybrid group it has none, only a ciphertext. */
static bool has_their_key(const struct line *line)
{
	EVP_PKEY *key = NULL;

	return SSL_get_peer_tmp_key(line->tls->ssl, &key) && has_key(key);
}

/* The ephemeral keys go; data, a new ticket and new keys come and go on. */
static void expect_settled(const char *options, bool hybrid)
{
	struct bench b = bench_make(options);
	bool resumed;
	struct line line = line_open(&b, &resumed), next;

	cr_assert(has_our_key(&line));
	cr_assert_eq(has_their_key(&line), !hybrid);
	xs_tls_settle(line.tls);
	xs_tls_settle(line.tls);
	cr_assert_not(has_our_key(&line));
	cr_assert_not(has_their_key(&line));
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

Test(relay_tls_idle, settles)
{
	expect_settled("session_reuse=1&groups=X25519", false);
}

#if OPENSSL_VERSION_PREREQ(3, 5)
Test(relay_tls_idle, settles_with_a_hybrid_group)
{
	expect_settled("session_reuse=1&groups=X25519MLKEM768", true);
}
#endif
