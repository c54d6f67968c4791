/* Tests: tools/relay/tls/tls_dtls.c: servers are verified as those of TLS are,
 * by the same code and with the same sentences. */
#include "dtls_line.h"

#include <stdarg.h>

/* A client with these options behind cafile, in place of the bench's. */
static void set_client(struct dbench *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void set_client(struct dbench *b, const char *format, ...)
{
	struct xs_error err = { 0 };
	char options[1000];
	size_t len =
		(size_t)snprintf(options, sizeof(options), "%s&", b->trust);
	va_list more;

	va_start(more, format);
	vsnprintf(options + len, sizeof(options) - len, format, more);
	va_end(more);
	xs_tls_context_put(b->client);
	b->client = dbench_client(options, &err);
	cr_assert(b->client, "%s", err.text);
}

static void is_refused(const struct dbench *b, const char *name,
		       enum xs_error_kind kind, const char *sentence)
{
	struct dline *line = dline_make_for(b, name, PATH);

	line_shake(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert_eq(xs_dtls_error(line->dtls)->kind, kind);
	cr_assert(strstr(xs_dtls_error(line->dtls)->text, sentence), "%s",
		  xs_dtls_error(line->dtls)->text);
	cr_assert_eq(xs_dtls_write(line->dtls, "secret", 6), EPROTO);
	cr_assert_null(xs_dtls_summary(line->dtls));
	line_run(line);
	cr_assert_eq(line->heard_len, 0);
	cr_assert(!SSL_is_init_finished(line->server));
	dline_end(line);
}

static void is_taken(const struct dbench *b, const char *name, const char *how)
{
	struct dline *line = dline_make_for(b, name, PATH);

	line_open(line);
	cr_assert_str_eq(xs_dtls_summary(line->dtls)->how, how);
	line_works(line);
	dline_end(line);
}

Test(relay_dtls_verify, wrong_name)
{
	struct dbench b = dbench_make_for("DNS:other.test", "");

	is_refused(&b, "www.example.test", XS_ERR_CERTIFICATE,
		   "is not for \"www.example.test\", only for other.test");
	set_client(&b, "peer_name=other.test");
	is_taken(&b, "www.example.test", "verified \"other.test\"");
	set_client(&b, "verify_peer_name=0");
	is_taken(&b, "www.example.test",
		 "chain verified, name not (verify_peer_name=0)");
	dbench_end(&b);
}

Test(relay_dtls_verify, address)
{
	struct dbench b = dbench_make_for("IP:192.0.2.1", "");

	is_taken(&b, "192.0.2.1", "verified \"192.0.2.1\"");
	is_refused(&b, "192.0.2.2", XS_ERR_CERTIFICATE, "is not for");
	dbench_end(&b);
}

Test(relay_dtls_verify, unknown_issuer)
{
	struct dbench b = dbench_make("");
	struct party other = party_make("other CA", NULL, NULL);
	X509 *const trusted[] = { other.cert, NULL };

	snprintf(b.trust, sizeof(b.trust), "cafile=%s",
		 write_pem(&b.folder, "other.pem", NULL, NULL, trusted));
	set_client(&b, "session_reuse=0");
	is_refused(&b, NAME, XS_ERR_CERTIFICATE, "test CA");
	set_client(&b, "verify_peer=0&verify_peer_name=0");
	is_taken(&b, NAME, "not verified (verify_peer=0, verify_peer_name=0)");
	party_free(&other);
	dbench_end(&b);
}

Test(relay_dtls_verify, expired)
{
	struct dbench b = dbench_make("");

	X509_gmtime_adj(X509_getm_notAfter(b.leaf.cert), -60);
	cr_assert(X509_sign(b.leaf.cert, b.ca.key, EVP_sha256()));
	SSL_CTX_use_certificate(b.server, b.leaf.cert);
	is_refused(&b, NAME, XS_ERR_CERTIFICATE, "expired on ");
	dbench_end(&b);
}

Test(relay_dtls_verify, self_signed)
{
	struct dbench b = dbench_make("");
	struct party own = party_make(NAME, NULL, NULL);

	SSL_CTX_use_certificate(b.server, own.cert);
	SSL_CTX_use_PrivateKey(b.server, own.key);
	is_refused(&b, NAME, XS_ERR_CERTIFICATE, "self-signed");
	set_client(&b, "allow_self_signed=1&verify_peer_name=0");
	is_taken(&b, NAME,
		 "self-signed (allow_self_signed=1), name not "
		 "(verify_peer_name=0)");
	party_free(&own);
	dbench_end(&b);
}

Test(relay_dtls_verify, fingerprint)
{
	struct dbench b = dbench_make("");
	unsigned char digest[32];
	unsigned int len;
	char text[65];

	X509_digest(b.leaf.cert, EVP_sha256(), digest, &len);
	for (unsigned int i = 0; i < len; i++)
		snprintf(text + (size_t)i * 2, 3, "%02x", digest[i]);
	set_client(&b, "peer_fingerprint=%s", text);
	is_taken(&b, NAME, "verified \"localhost\", fingerprint matches");
	text[0] = text[0] == '0' ? '1' : '0';
	set_client(&b, "peer_fingerprint=%s", text);
	is_refused(&b, NAME, XS_ERR_CERTIFICATE,
		   "has none of the rule's fingerprints");
	dbench_end(&b);
}

Test(relay_dtls_verify, anonymous)
{
	struct dbench b = dbench_make("");
	struct dline *line;

	set_client(&b, "ciphers=ADH-AES128-SHA256:AECDH-AES128-SHA&"
		       "security_level=0");
	line = dline_make(&b);
	SSL_set_cipher_list(line->server, "aNULL:@SECLEVEL=0");
	SSL_set_dh_auto(line->server, 1);
	line_shake(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert_eq(xs_dtls_write(line->dtls, "x", 1), EPROTO);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls_verify, client_certificate)
{
	struct dbench b = dbench_make("");
	struct party client = party_make("client", "DNS:client", &b.ca);
	X509 *const chain[] = { client.cert, NULL };

	SSL_CTX_load_verify_file(b.server, b.trust + strlen("cafile="));
	SSL_CTX_set_verify(b.server,
			   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	is_refused(&b, NAME, XS_ERR_PROTOCOL,
		   "it asked for a client certificate and the rule has none: "
		   "add local_cert=FILE");
	set_client(&b, "session_reuse=0&local_cert=%s",
		   write_pem(&b.folder, "client.pem", client.key, NULL, chain));
	is_taken(&b, NAME, "verified \"localhost\"");
	party_free(&client);
	dbench_end(&b);
}

/* A handshake that fails forgets the session, so that the next is a full one.
 */
Test(relay_dtls_verify, server_has_changed)
{
	struct dbench b = dbench_make("");
	struct party own = party_make(NAME, NULL, NULL);

	is_taken(&b, NAME, "verified \"localhost\"");
	SSL_CTX_free(b.server);
	b.server = SSL_CTX_new(DTLS_server_method());
	SSL_CTX_set_options(b.server, SSL_OP_NO_QUERY_MTU);
	SSL_CTX_use_certificate(b.server, own.cert);
	SSL_CTX_use_PrivateKey(b.server, own.key);
	is_refused(&b, NAME, XS_ERR_CERTIFICATE, "self-signed");
	SSL_CTX_use_certificate(b.server, b.leaf.cert);
	SSL_CTX_use_PrivateKey(b.server, b.leaf.key);
	is_taken(&b, NAME, "verified \"localhost\"");
	party_free(&own);
	dbench_end(&b);
}

Test(relay_dtls_verify, key_log)
{
	struct dbench b = dbench_make("");
	const char *path = in_folder(&b.folder, "keys");
	struct xs_tls_policy policy = { .scheme = "dtls",
					.options = b.trust,
					.keylog_file = path };
	struct xs_error err = { 0 };
	char text[20] = "";
	FILE *file;

	xs_tls_context_put(b.client);
	b.client = xs_tls_context_get(&policy, &err);
	cr_assert(b.client, "%s", err.text);
	is_taken(&b, NAME, "verified \"localhost\"");
	file = fopen(path, "r");
	cr_assert(file && fgets(text, 14, file));
	cr_assert_str_eq(text, "CLIENT_RANDOM");
	fclose(file);
	dbench_end(&b);
}
