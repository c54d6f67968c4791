/* Tests: tools/relay/tls/tls_dtls*.c against what is not the server's.
 *
 * Anybody may send a datagram in the server's name.  It changes nothing, and is
 * counted. */
#include "dtls_line.h"

/* A record of any bytes, of this epoch. */
static size_t forge(uint8_t *at, int type, int epoch, size_t len)
{
	static uint8_t number;

	memcpy(at,
	       ((uint8_t[]){ (uint8_t)type, 0xfe, 0xfd, 0, (uint8_t)epoch, 0, 0,
			     0, 0, 200, ++number, (uint8_t)(len >> 8),
			     (uint8_t)len }),
	       XS_DTLS_HEAD);
	for (size_t i = 0; i < len; i++)
		at[XS_DTLS_HEAD + i] = (uint8_t)rand();
	return XS_DTLS_HEAD + len;
}

static void changes_nothing(struct dline *line, const uint8_t *data, size_t len)
{
	enum xs_dtls_state before = xs_dtls_state(line->dtls);
	uint64_t dropped = xs_dtls_facts(line->dtls)->dropped;
	unsigned writes = line->writes;

	xs_dtls_receive(line->dtls, data, len);
	cr_assert_eq(xs_dtls_state(line->dtls), before,
		     "type %d, epoch %d, %zu bytes: %s", data[0], data[4],
		     len - XS_DTLS_HEAD, xs_dtls_error(line->dtls)->text);
	cr_assert_eq(xs_dtls_facts(line->dtls)->dropped, dropped + 1);
	cr_assert_eq(line->writes, writes);
	cr_assert_eq(line->got_count, 0);
}

/* Of each type and epoch, and of each length that may be too short. */
static void forge_all(struct dline *line)
{
	static uint8_t data[XS_DTLS_HEAD + 20000];

	for (int type = 18; type < 28; type++)
		for (int epoch = 0; epoch < 4; epoch++)
			for (size_t len = 0; len < 100; len++)
				changes_nothing(line, data,
						forge(data, type, epoch, len));
	changes_nothing(line, data, forge(data, 23, 1, 16384));
	changes_nothing(line, data, forge(data, 23, 1, 18432));
	changes_nothing(line, data, forge(data, 23, 1, 20000));
}

static void open_takes_nothing(const char *cipher)
{
	char more[100];
	struct dbench b;
	struct dline *line;

	snprintf(more, sizeof(more), "security_level=0&ciphers=%s", cipher);
	b = dbench_make(more);
	line = dline_make(&b);
	SSL_set_cipher_list(line->server, "ALL:@SECLEVEL=0");
	line_open(line);
	forge_all(line);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls_forged, aes_gcm)
{
	open_takes_nothing("ECDHE-ECDSA-AES128-GCM-SHA256");
}

Test(relay_dtls_forged, chacha)
{
	open_takes_nothing("ECDHE-ECDSA-CHACHA20-POLY1305");
}

Test(relay_dtls_forged, ccm_8)
{
	open_takes_nothing("ECDHE-ECDSA-AES128-CCM8");
}

/* See xs_dtls_install. */
Test(relay_dtls_forged, cbc)
{
	open_takes_nothing("ECDHE-ECDSA-AES128-SHA256");
}

/* Each byte of a good record changed. */
Test(relay_dtls_forged, changed_on_the_way)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	struct datagram *good;

	line_open(line);
	SSL_write(line->server, "good", 4);
	good = wire_take(&line->wire[TO_CLIENT]);
	for (size_t i = 0; i < good->len; i++) {
		good->byte[i] ^= 0x20;
		changes_nothing(line, good->byte, good->len);
		good->byte[i] ^= 0x20;
	}
	for (size_t len = 0; len < good->len; len++)
		changes_nothing(line, good->byte, len);
	xs_dtls_receive(line->dtls, good->byte, good->len);
	cr_assert_str_eq(line->got, "4:good");
	free(good);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls_forged, replayed)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	struct datagram *good[80];

	line_open(line);
	for (int i = 0; i < 80; i++) {
		SSL_write(line->server, "x", 1);
		good[i] = wire_take(&line->wire[TO_CLIENT]);
	}
	/* The last overtakes the others: those that the window of 64 has left
	 * are late. */
	xs_dtls_receive(line->dtls, good[79]->byte, good[79]->len);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 80; i++)
			xs_dtls_receive(line->dtls, good[i]->byte,
					good[i]->len);
	cr_assert_eq(line->got_count, 64);
	cr_assert_eq(xs_dtls_facts(line->dtls)->delivered, 64);
	cr_assert_eq(xs_dtls_facts(line->dtls)->dropped, 161 - 64);
	for (int i = 0; i < 80; i++)
		free(good[i]);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

/* What is of another association of the same server. */
Test(relay_dtls_forged, of_another)
{
	struct dbench b = dbench_make("");
	struct dline *one = dline_make(&b), *other = dline_make(&b);
	struct datagram *good;

	line_open(one);
	line_open(other);
	SSL_write(other->server, "private", 7);
	good = wire_take(&other->wire[TO_CLIENT]);
	changes_nothing(one, good->byte, good->len);
	free(good);
	line_works(one);
	dline_end(one);
	dline_end(other);
	dbench_end(&b);
}

/* --- before there are keys ---------------------------------------------- */

/* What is no record of a handshake at all, at each step of one. */
Test(relay_dtls_forged, garbage_in_the_handshake)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	static const char text[] = "SSH-2.0-OpenSSH_9.2 or what else may come";
	uint8_t data[200];

	xs_dtls_begin(line->dtls);
	while (xs_dtls_state(line->dtls) == XS_DTLS_HANDSHAKING) {
		changes_nothing(line, (const uint8_t *)text, sizeof(text));
		changes_nothing(line, data, forge(data, 23, 0, 50));
		changes_nothing(line, data, forge(data, 24, 0, 50));
		changes_nothing(line, data, forge(data, 99, 0, 50));
		changes_nothing(line, data, forge(data, 22, 2, 50));
		changes_nothing(line, data, forge(data, 22, 1, 5));
		changes_nothing(line, data, forge(data, 22, 0, 1));
		changes_nothing(line, data, forge(data, 22, 0, 50));
		changes_nothing(line, data, forge(data, 21, 0, 1));
		changes_nothing(line, data, forge(data, 20, 0, 7));
		server_turn(line);
		client_turn(line);
	}
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

/* A piece of a message that cannot be one. */
Test(relay_dtls_forged, pieces_that_are_none)
{
	static const struct {
		int type, message, from, len;
	} pieces[] = {
		{ SSL3_MT_CLIENT_HELLO, 20, 0, 20 },
		{ SSL3_MT_FINISHED, 12, 0, 12 },
		{ 99, 20, 0, 20 },
		{ SSL3_MT_CERTIFICATE, 20, 10, 20 },
		{ SSL3_MT_CERTIFICATE, 40, 0, 40 },
		{ SSL3_MT_CERTIFICATE, 40, 41, 0 },
		{ SSL3_MT_CERTIFICATE, 40, 0, 10 }, /* and garbage behind */
		{ SSL3_MT_CERTIFICATE, 102401, 0, 20 },
	};
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	uint8_t data[100];

	xs_dtls_begin(line->dtls);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		size_t len = forge(data, 22, 0, DTLS1_HM_HEADER_LENGTH + 20);
		uint8_t *at = data + XS_DTLS_HEAD;

		memcpy(at,
		       ((uint8_t[]){ (uint8_t)pieces[i].type,
				     (uint8_t)(pieces[i].message >> 16),
				     (uint8_t)(pieces[i].message >> 8),
				     (uint8_t)pieces[i].message, 0, 0, 0, 0,
				     (uint8_t)pieces[i].from, 0, 0,
				     (uint8_t)pieces[i].len }),
		       DTLS1_HM_HEADER_LENGTH);
		changes_nothing(line, data, len);
	}
	line_run(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN, "%s",
		     xs_dtls_error(line->dtls)->text);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

/* Records that only keys can tell from the server's are kept, but few. */
Test(relay_dtls_forged, secret_in_the_handshake)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	uint8_t data[200];

	xs_dtls_begin(line->dtls);
	for (int i = 0; i < 10; i++)
		xs_dtls_receive(line->dtls, data, forge(data, 22, 1, 60));
	line_run(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN, "%s",
		     xs_dtls_error(line->dtls)->text);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

/* Any plain alert may be forged; but none opens anything. */
Test(relay_dtls_forged, alert_in_the_handshake)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	uint8_t data[20];

	xs_dtls_begin(line->dtls);
	forge(data, 21, 0, 2);
	data[XS_DTLS_HEAD] = 2;
	data[XS_DTLS_HEAD + 1] = 40;
	xs_dtls_receive(line->dtls, data, XS_DTLS_HEAD + 2);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	line_run(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert_eq(xs_dtls_write(line->dtls, "x", 1), EPROTO);
	dline_end(line);
	dbench_end(&b);
}

/* --- hostile servers ---------------------------------------------------- */

/* The number-th HelloVerifyRequest, each with another cookie. */
static size_t ask_for_cookie(uint8_t *at, unsigned number)
{
	enum { BODY = 2 + 1 + 20 };
	size_t len = forge(at, 22, 0, DTLS1_HM_HEADER_LENGTH + BODY);
	uint8_t *message = at + XS_DTLS_HEAD;

	memcpy(message,
	       ((uint8_t[]){ DTLS1_MT_HELLO_VERIFY_REQUEST, 0, 0, BODY, 0,
			     (uint8_t)number, 0, 0, 0, 0, 0, BODY, 0xfe, 0xff,
			     20 }),
	       DTLS1_HM_HEADER_LENGTH + 3);
	return len;
}

Test(relay_dtls_forged, asks_for_cookies_without_end)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	struct xs_error err = { 0 };
	uint8_t data[200];

	xs_dtls_begin(line->dtls);
	for (unsigned i = 0; i < 1000; i++)
		xs_dtls_receive(line->dtls, data, ask_for_cookie(data, i));
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_HANDSHAKING);
	cr_assert_eq(xs_dtls_facts(line->dtls)->cookies, XS_DTLS_COOKIES_MAX);
	cr_assert_eq(line->writes, 1 + XS_DTLS_COOKIES_MAX);
	xs_error_set(&err, XS_ERR_TIMEOUT, 0, "no end (why?)");
	xs_dtls_explain_silence(line->dtls, &err);
	cr_assert_str_eq(err.text, "no end (why?; it asked for a cookie 8 "
				   "times and took none)");
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls_forged, speaks_something_else)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	struct xs_error err = { 0 };

	xs_dtls_begin(line->dtls);
	for (int i = 0; i < 3; i++)
		xs_dtls_receive(line->dtls, "<13>what is that?", 17);
	xs_error_set(&err, XS_ERR_TIMEOUT, 0, "no end (why?)");
	xs_dtls_explain_silence(line->dtls, &err);
	cr_assert_str_eq(err.text, "no end (why?; what came from it is no "
				   "DTLS (datagrams: 3))");
	dline_end(line);
	dbench_end(&b);
}

/* It answers nothing at all. */
Test(relay_dtls_forged, is_silent)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	int ms;

	SSL_free(line->server);
	line->server = SSL_new(b.server);
	xs_dtls_begin(line->dtls);
	for (ms = 0; xs_dtls_state(line->dtls) == XS_DTLS_HANDSHAKING;) {
		int wait = xs_dtls_wait(line->dtls);

		cr_assert(wait > 0 && wait <= 60000);
		dtls_later(wait + 1);
		ms += wait;
		xs_dtls_timeout(line->dtls);
		wire_empty(&line->wire[TO_SERVER]);
	}
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert_eq(xs_dtls_error(line->dtls)->kind, XS_ERR_TIMEOUT);
	cr_assert(strstr(xs_dtls_error(line->dtls)->text, "did not finish"));
	/* 1 + 2 + 4 + 8 + 16 + 32 s, and 60 s each time from then on. */
	cr_assert(ms > 400 * 1000 && ms < 500 * 1000, "%d", ms);
	cr_assert_eq(line->writes, 13);
	dline_end(line);
	dbench_end(&b);
}
