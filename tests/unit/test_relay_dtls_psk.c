/* Tests: tools/relay/tls/tls_psk.c, tls_error_psk.c, tls_dtls.c: associations
 * with a pre-shared key, and what is refused. */
#include "dtls_line.h"
#include "psk_file.h"

/* A client with more options; a file with the server's key of "me". */
static void set_client(struct dbench *b, const char *text, const char *more)
{
	struct xs_error err = { 0 };

	xs_tls_context_put(b->client);
	b->client = dbench_client(psk_options(&b->folder, text, more), &err);
	cr_assert(b->client, "%s", err.text);
}

/* A server that has a key and a certificate. */
static struct dbench psk_make(const char *more)
{
	struct dbench b = dbench_make("");

	SSL_CTX_set_psk_server_callback(b.server, psk_server);
	set_client(&b, "me:" PSK_HEX "\n", more);
	return b;
}

static void is_refused(const struct dbench *b, const char *sentence)
{
	struct dline *line = dline_make(b);

	line_shake(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert_eq(xs_dtls_error(line->dtls)->kind, XS_ERR_CERTIFICATE, "%s",
		     xs_dtls_error(line->dtls)->text);
	cr_assert(strstr(xs_dtls_error(line->dtls)->text, sentence), "%s",
		  xs_dtls_error(line->dtls)->text);
	cr_assert_eq(xs_dtls_write(line->dtls, "secret", 6), EPROTO);
	line_run(line);
	cr_assert_eq(line->heard_len, 0);
	cr_assert(!SSL_is_init_finished(line->server));
	dline_end(line);
}

static void is_taken(const struct dbench *b, const char *cipher)
{
	struct dline *line = dline_make(b);

	line_open(line);
	cr_assert_str_eq(xs_dtls_summary(line->dtls)->how,
			 "verified by the pre-shared key of \"me\"");
	cr_assert_str_eq(xs_dtls_summary(line->dtls)->verified, "psk:me");
	cr_assert_str_eq(xs_dtls_summary(line->dtls)->cipher, cipher);
	cr_assert_str_eq(psk_seen, "me");
	line_works(line);
	dline_end(line);
}

Test(relay_dtls_psk, works)
{
	struct dbench b = psk_make("");

	is_taken(&b, "ECDHE-PSK-CHACHA20-POLY1305");
	dbench_end(&b);
}

/* What small servers have; newer libraries think that its tag is too short. */
Test(relay_dtls_psk, small_server)
{
	struct dbench b = psk_make("&security_level=0");

	SSL_CTX_set_security_level(b.server, 0);
	cr_assert(SSL_CTX_set_cipher_list(b.server, "PSK-AES128-CCM8"));
	is_taken(&b, "PSK-AES128-CCM8");
	dbench_end(&b);
}

Test(relay_dtls_psk, key_exchange_comes_first)
{
	static const char *const servers[][2] = {
		{ "PSK:!CHACHA20", "DHE-PSK-AES256-GCM-SHA384" },
		{ "kPSK", "PSK-AES256-GCM-SHA384" },
		{ "kPSK:!AESGCM", "PSK-CHACHA20-POLY1305" },
	};
	struct dbench b = psk_make("&session_reuse=0");

	SSL_CTX_set_dh_auto(b.server, 1);
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		cr_assert(SSL_CTX_set_cipher_list(b.server, servers[i][0]));
		is_taken(&b, servers[i][1]);
	}
	dbench_end(&b);
}

/* A server drops what it cannot decrypt, and says nothing. */
Test(relay_dtls_psk, wrong_key)
{
	struct dbench b = psk_make("");

	set_client(&b, "me:" PSK_OTHER_HEX "\n", "");
	is_refused(&b, "the server has answered, but not what was made with "
		       "the pre-shared key of \"me\"");
	dbench_end(&b);
}

static unsigned knows_nobody(SSL *ssl, const char *identity, unsigned char *key,
			     unsigned size)
{
	(void)ssl, (void)identity, (void)key, (void)size;
	return 0;
}

Test(relay_dtls_psk, unknown_identity)
{
	struct dbench b = psk_make("");

	SSL_CTX_set_psk_server_callback(b.server, knows_nobody);
	is_refused(&b, "the server does not know the identity \"me\"");
	dbench_end(&b);
}

/* Its certificate would be good, and is not what the rule wants. */
Test(relay_dtls_psk, server_without_keys)
{
	struct dbench b = psk_make("");

	SSL_CTX_set_psk_server_callback(b.server, NULL);
	is_refused(&b, "the server takes no pre-shared key of \"me\": alert "
		       "handshake_failure");
	dbench_end(&b);
}

/* One that never answers is late, and nothing is known of its key. */
Test(relay_dtls_psk, silent_server)
{
	struct dbench b = psk_make("");
	struct dline *line = dline_make(&b);
	struct xs_error err = { 0 };

	xs_dtls_begin(line->dtls);
	for (int i = 0; i < 5; i++) {
		wire_empty(&line->wire[TO_SERVER]);
		dtls_later(xs_dtls_wait(line->dtls) + 1);
		xs_dtls_timeout(line->dtls);
	}
	xs_dtls_explain_key(line->dtls, &err);
	cr_assert(!xs_error_is_set(&err), "%s", err.text);
	dline_end(line);
	dbench_end(&b);
}

static int drop_proof(struct dline *line, enum way way, unsigned number)
{
	(void)line;
	return way == TO_CLIENT || number < 2 ? 1 : 0;
}

/* So may the way be that loses what we say, as long as nothing was sent again.
 */
Test(relay_dtls_psk, silence_is_not_told_at_once)
{
	struct dbench b = psk_make("");
	struct dline *line = dline_make(&b);
	struct xs_error err = { 0 };

	line->fate = drop_proof;
	xs_dtls_begin(line->dtls);
	line_run(line);
	xs_dtls_explain_key(line->dtls, &err);
	cr_assert(!xs_error_is_set(&err), "%s", err.text);
	dtls_later(xs_dtls_wait(line->dtls) + 1);
	xs_dtls_timeout(line->dtls);
	xs_dtls_explain_key(line->dtls, &err);
	cr_assert_eq(err.kind, XS_ERR_CERTIFICATE);
	dline_end(line);
	dbench_end(&b);
}

static bool resumes(const struct dbench *b)
{
	struct dline *line = dline_make(b);
	bool resumed;

	line_open(line);
	resumed = xs_dtls_summary(line->dtls)->resumed;
	cr_assert(strstr(xs_dtls_summary(line->dtls)->how,
			 resumed ? "\"me\", resumed" : "of \"me\""));
	line_works(line);
	dline_end(line);
	return resumed;
}

/* Under the same key only: a file that has changed is another key. */
Test(relay_dtls_psk, sessions)
{
	struct dbench b = psk_make("");

	cr_assert_not(resumes(&b));
	cr_assert(resumes(&b));
	cr_assert(resumes(&b));
	set_client(&b, "# another file\nme:" PSK_HEX "\n", "");
	cr_assert_not(resumes(&b));
	cr_assert(resumes(&b));
	set_client(&b, "me:" PSK_OTHER_HEX "\n", "");
	is_refused(&b, "has answered, but not");
	dbench_end(&b);
}
