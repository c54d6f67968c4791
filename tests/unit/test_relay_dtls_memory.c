/* Tests: tools/relay/tls/tls_dtls*.c: the memory of an association that is
 * idle, and of one whose server is hostile. */
#include "dtls_line.h"

#include <malloc.h>
#include <sys/mman.h>

/* Sanitizers have an allocator of their own, which does not tell. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_COUNT 0
#else
#define CAN_COUNT 1
#endif

enum { LINES = 32, KIB = 1024 };

static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* What the kernel has of the large blocks that an association keeps: all of
 * it, but for the pages that were given back. */
static size_t missing(void *block, size_t size)
{
	enum { PAGE = 4096 };
	unsigned char there[64] = { 0 };
	size_t pages = size / PAGE, count = 0;

	cr_assert_leq(pages, sizeof(there));
	cr_assert_eq(mincore(block, size, there), 0);
	for (size_t i = 0; i < pages; i++)
		count += !(there[i] & 1);
	return count * PAGE;
}

/* Of LINES associations, settled as open ones are, what each has in use. */
static size_t measure(const char *more)
{
	struct dbench b = dbench_make(more);
	struct dline *line[LINES];
	void *block[LINES];
	size_t all;

	/* What the context keeps is not theirs. */
	line[0] = dline_make(&b);
	line_open(line[0]);
	dline_end(line[0]);
	for (int i = 0; i < LINES; i++) {
		line[i] = dline_make(&b);
		xs_dtls_begin(line[i]->dtls);
		block[i] = line[i]->dtls->shake_buffer;
		line_open(line[i]);
		line_works(line[i]);
		xs_dtls_settle(line[i]->dtls);
		xs_dtls_pause(line[i]->dtls);
	}
	all = in_use();
	for (int i = 0; i < LINES; i++)
		all -= missing(block[i], 6 * 4096);
	for (int i = 0; i < LINES; i++) {
		xs_dtls_free(line[i]->dtls);
		line[i]->dtls = NULL;
	}
	all -= in_use();
	for (int i = 0; i < LINES; i++) {
		SSL_free(line[i]->server);
		free(line[i]);
	}
	dbench_end(&b);
	return all / LINES;
}

/* Since OpenSSL 3.2 each has an object for the records of each direction, 4.4
 * KB, and a resumed one what our last flight was written with. */
static bool is_large_openssl(void)
{
	return OpenSSL_version_num() >= 0x30200000L;
}

Test(relay_dtls_memory, idle_resumed)
{
	size_t each;

	if (!CAN_COUNT)
		return;
	each = measure("");
	cr_log_info("an idle association that was resumed takes %zu bytes",
		    each);
	cr_assert_leq(each, (is_large_openssl() ? 68 : 14) * KIB, "%zu", each);
}

/* The server's certificate is the same as that of the others. */
Test(relay_dtls_memory, idle)
{
	size_t each;

	if (!CAN_COUNT)
		return;
	each = measure("session_reuse=0");
	cr_log_info("an idle association takes %zu bytes", each);
	cr_assert_leq(each, (is_large_openssl() ? 38 : 14) * KIB, "%zu", each);
}

static X509 *certificate_of(const struct dline *line)
{
	return SSL_get0_peer_certificate(xs_dtls_tls(line->dtls)->ssl);
}

/* What servers send with certificates of their own is never another's, whether
 * it is kept or not. */
static void meet_others(struct dbench *b, int count)
{
	for (int i = 0; i < count; i++) {
		struct party other = party_make("leaf", "DNS:" NAME, &b->ca);
		struct dline *line = dline_make(b);

		SSL_CTX_use_certificate(b->server, other.cert);
		SSL_CTX_use_PrivateKey(b->server, other.key);
		SSL_free(line->server);
		line->server = server_make(b, line);
		line_open(line);
		cr_assert_eq(X509_cmp(certificate_of(line), other.cert), 0);
		dline_end(line);
		party_free(&other);
	}
	SSL_CTX_use_certificate(b->server, b->leaf.cert);
	SSL_CTX_use_PrivateKey(b->server, b->leaf.key);
}

Test(relay_dtls_memory, equal_certificates_are_one)
{
	struct dbench b = dbench_make("session_reuse=0");
	struct dline *line[4];

	for (int i = 0; i < 4; i++) {
		if (i == 2)
			meet_others(&b, 40);
		line[i] = dline_make(&b);
		line_open(line[i]);
		cr_assert_eq(X509_cmp(certificate_of(line[i]), b.leaf.cert), 0);
	}
	cr_assert_eq(certificate_of(line[0]), certificate_of(line[1]));
	cr_assert_eq(certificate_of(line[2]), certificate_of(line[3]));
	for (int i = 0; i < 4; i++)
		dline_end(line[i]);
	dbench_end(&b);
}

/* A message of a handshake finds the buffer as good as new. */
Test(relay_dtls_memory, buffer_is_used_again)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);

	line_open(line);
	xs_dtls_settle(line->dtls);
	line->writes = 0;
	SSL_renegotiate(line->server);
	SSL_do_handshake(line->server);
	client_turn(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN, "%s",
		     xs_dtls_error(line->dtls)->text);
	/* The warning that there will be none. */
	cr_assert_eq(line->writes, 1);
	cr_assert_eq(xs_dtls_write(line->dtls, "x", 1), 0);
	dline_end(line);
	dbench_end(&b);
}

/* --- hostile servers ---------------------------------------------------- */

static size_t put_head(uint8_t *at, int epoch, unsigned number, size_t len)
{
	memcpy(at,
	       ((uint8_t[]){ SSL3_RT_HANDSHAKE, 0xfe, 0xfd, 0, (uint8_t)epoch,
			     0, 0, 0, (uint8_t)(number >> 16),
			     (uint8_t)(number >> 8), (uint8_t)number,
			     (uint8_t)(len >> 8), (uint8_t)len }),
	       XS_DTLS_HEAD);
	return XS_DTLS_HEAD + len;
}

/* The first bytes of a message that is as long as one may be. */
static size_t put_fragment(uint8_t *at, unsigned number, unsigned message,
			   unsigned from)
{
	enum { LONG = 100 * KIB, PART = 1000 };
	uint8_t *body = at + XS_DTLS_HEAD;

	memcpy(body,
	       ((uint8_t[]){ SSL3_MT_CERTIFICATE, (uint8_t)(LONG >> 16),
			     (uint8_t)(LONG >> 8 & 0xff),
			     (uint8_t)(LONG & 0xff), (uint8_t)(message >> 8),
			     (uint8_t)message, (uint8_t)(from >> 16),
			     (uint8_t)(from >> 8), (uint8_t)from, 0, PART >> 8,
			     PART & 0xff }),
	       DTLS1_HM_HEADER_LENGTH);
	return put_head(at, 0, number, DTLS1_HM_HEADER_LENGTH + PART);
}

static void flood(struct dline *line, bool fragments)
{
	static uint8_t data[2000];
	unsigned number = 1;

	for (unsigned round = 0; round < 50; round++)
		for (unsigned i = 0; i < 100; i++, number++)
			xs_dtls_receive(
				line->dtls, data,
				fragments ? put_fragment(data, number, i % 60,
							 round * 1000)
					  : put_head(data, 1, number, 1000));
}

static void stays_small(bool fragments, size_t most)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	size_t before = in_use();

	xs_dtls_begin(line->dtls);
	flood(line, fragments);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_HANDSHAKING, "%s",
		     xs_dtls_error(line->dtls)->text);
	if (CAN_COUNT)
		cr_assert_leq(in_use() - before, most, "%zu",
			      in_use() - before);
	cr_assert_leq(line->writes, 2);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls_memory, flood_of_fragments)
{
	stays_small(true, 1300 * KIB);
}

Test(relay_dtls_memory, flood_of_early_records)
{
	stays_small(false, 700 * KIB);
}

/* A message that is longer than any may be. */
Test(relay_dtls_memory, message_too_long)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	uint8_t data[2000];
	size_t before = in_use();

	xs_dtls_begin(line->dtls);
	put_fragment(data, 1, 0, 0);
	data[XS_DTLS_HEAD + 1] = 0xff;
	xs_dtls_receive(line->dtls, data, XS_DTLS_HEAD + 1012);
	if (CAN_COUNT)
		cr_assert_leq(in_use() - before, 200 * KIB);
	dline_end(line);
	dbench_end(&b);
}
