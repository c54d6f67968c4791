/* Tests: tools/relay/tls, behind a real relay.
 *
 * What each option does to a connection, seen from both ends. */
#include "authority.h"
#include "client.h"

#include <sys/wait.h>

/* What the server saw of the last connection that it accepted. */
static struct {
	char alpn[64];
	char sni[64];
	char client[64]; /* the CN of the client's certificate */
	int chain;	 /* how many certificates the client sent */
	char group[40];
	bool resumed;
	bool asked_status;
} seen;

static int take_sni(SSL *ssl, int *alert, void *unused)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	(void)unused;
	snprintf(seen.sni, sizeof(seen.sni), "%s", name ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static int take_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int pick_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
		     const unsigned char *in, unsigned int in_len, void *want)
{
	(void)ssl;
	return SSL_select_next_proto((unsigned char **)out, len, want,
				     (unsigned int)strlen(want), in,
				     in_len) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* One byte each way, so that what comes behind the handshake has come. */
static void serve_look(struct served *served)
{
	SSL *ssl = served->ssl;
	const unsigned char *alpn;
	unsigned int len;
	X509 *client = SSL_get0_peer_certificate(ssl);
	char byte;

	SSL_get0_alpn_selected(ssl, &alpn, &len);
	snprintf(seen.alpn, sizeof(seen.alpn), "%.*s", (int)len,
		 len ? (const char *)alpn : "");
	seen.client[0] = '\0';
	if (client)
		X509_NAME_get_text_by_NID(X509_get_subject_name(client),
					  NID_commonName, seen.client,
					  sizeof(seen.client));
	seen.chain = sk_X509_num(SSL_get_peer_cert_chain(ssl));
	snprintf(seen.group, sizeof(seen.group), "%s",
		 SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl)));
	seen.resumed = SSL_session_reused(ssl);
	if (SSL_write(ssl, "!", 1) == 1 && SSL_read(ssl, &byte, 1) > 0)
		SSL_write(ssl, &byte, 1);
	SSL_shutdown(ssl);
}

struct bench {
	struct server *server;
	struct relay relay;
	struct folder folder;
	struct party ca, leaf;
	char cafile[140]; /* the option */
	int patience;	  /* milliseconds for a second line of the log */
	/* Of the connection: */
	const char *scheme, *name, *keylog, *conf, *cert_dir, *log_file;
	char sentence[600], log[4096], version[32], cipher[64], verified[64];
};

static void use_party(struct server *server, const struct party *party)
{
	cr_assert(SSL_CTX_use_certificate(server->context, party->cert));
	cr_assert(SSL_CTX_use_PrivateKey(server->context, party->key));
}

static struct bench bench_make(const char *names)
{
	struct bench b = { .server = server_start("DNS:unused", serve_look),
			   .relay = relay_start("1"),
			   .folder = folder_make() };
	X509 *certs[] = { NULL, NULL };

	b.ca = party_make("CA", NULL, NULL);
	b.leaf = party_make("leaf", names, &b.ca);
	certs[0] = b.ca.cert;
	snprintf(b.cafile, sizeof(b.cafile), "cafile=%s",
		 write_pem(&b.folder, "ca.pem", NULL, NULL, certs));
	use_party(b.server, &b.leaf);
	SSL_CTX_set_tlsext_servername_callback(b.server->context, take_sni);
	SSL_CTX_set_session_id_context(b.server->context,
				       (const unsigned char *)"x", 1);
	return b;
}

static void bench_end(struct bench *b)
{
	int status = relay_wait(&b->relay, 20);

	cr_assert_eq(status, 0, "the relay did not leave well: %d", status);
	party_free(&b->ca);
	party_free(&b->leaf);
	folder_end(&b->folder);
	server_end(b->server);
	SSL_CTX_free(b->server->context);
}

/* Connects; the verdict's errno, what it said in b. */
static int shake_as(struct bench *b, const char *options)
{
	struct wrapped w = wrap_prepare(b->server->port, options);
	struct xs_wire verdict;
	char bytes[2];
	int error;

	if (b->scheme)
		w.request.string[XS_WIRE_SCHEME] = b->scheme;
	if (b->name)
		w.request.string[XS_WIRE_NAME] = b->name;
	w.request.string[XS_WIRE_KEYLOG_FILE] = b->keylog;
	w.request.string[XS_WIRE_OPENSSL_CONF] = b->conf;
	w.request.string[XS_WIRE_CERT_DIR] = b->cert_dir;
	w.request.string[XS_WIRE_LOG_DEST] = b->log_file;
	wrap_send(&w, &b->relay);
	error = wrap_verdict(&w, &verdict);
	snprintf(b->sentence, sizeof(b->sentence), "%s",
		 verdict.string[XS_WIRE_SENTENCE]);
	snprintf(b->version, sizeof(b->version), "%s",
		 verdict.string[XS_WIRE_VERSION_NAME]);
	snprintf(b->cipher, sizeof(b->cipher), "%s",
		 verdict.string[XS_WIRE_CIPHER]);
	snprintf(b->verified, sizeof(b->verified), "%s",
		 verdict.string[XS_WIRE_VERIFIED]);
	if (!error && recv(w.end[0], bytes, 1, 0) == 1 &&
	    send(w.end[0], "?", 1, MSG_NOSIGNAL) == 1)
		recv(w.end[0], bytes, 1, 0);
	if (!b->log_file)
		wrap_log(&w, b->log);
	wrap_close(&w);
	return error;
}

/* The bench's CA and more options. */
static int shake(struct bench *b, const char *more)
{
	char options[2000];

	snprintf(options, sizeof(options), "%s&%s", b->cafile, more);
	return shake_as(b, options);
}

static void good(struct bench *b, const char *more)
{
	cr_assert_eq(shake(b, more), 0, "%s: %s", more, b->sentence);
}

static void bad(struct bench *b, const char *more, int error, const char *word)
{
	cr_assert_eq(shake(b, more), error, "%s: %s", more, b->sentence);
	cr_assert(strstr(b->sentence, word), "%s: %s", more, b->sentence);
}

/* --- versions, ciphers, groups ------------------------------------------ */

Test(tls_options, versions, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	good(&b, "max_version=1.2");
	cr_assert_str_eq(b.version, "TLSv1.2");
	good(&b, "min_version=1.3");
	cr_assert_str_eq(b.version, "TLSv1.3");
	SSL_CTX_set_max_proto_version(b.server->context, TLS1_2_VERSION);
	bad(&b, "min_version=1.3", EPROTO, "protocol_version");
	bench_end(&b);
}

Test(tls_options, old_versions_need_a_low_security_level, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	SSL_CTX_set_security_level(b.server->context, 0);
	SSL_CTX_set_min_proto_version(b.server->context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(b.server->context, TLS1_VERSION);
	b.scheme = "tlsv1.0";
	bad(&b, "", EPROTO, "security_level=0");
	good(&b, "security_level=0");
	cr_assert_str_eq(b.version, "TLSv1");
	b.scheme = NULL;
	good(&b, "security_level=0&max_version=1.0");
	cr_assert_str_eq(b.version, "TLSv1");
	good(&b, "security_level=0&min_version=1.0");
	SSL_CTX_set_max_proto_version(b.server->context, TLS1_1_VERSION);
	b.scheme = "tlsv1.1";
	bad(&b, "", EPROTO, "security_level=0");
	good(&b, "security_level=0");
	cr_assert_str_eq(b.version, "TLSv1.1");
	bench_end(&b);
}

Test(tls_options, security_level, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	good(&b, "security_level=2");
	/* 256 bits are more than P-256 has. */
	cr_assert_neq(shake(&b, "security_level=5"), 0);
	bench_end(&b);
}

Test(tls_options, ciphers, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	good(&b, "max_version=1.2&ciphers=ECDHE-ECDSA-AES128-GCM-SHA256");
	cr_assert_str_eq(b.cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
	good(&b, "max_version=1.2&ciphers=ECDHE%2bCHACHA20:!aNULL:@STRENGTH");
	cr_assert_str_eq(b.cipher, "ECDHE-ECDSA-CHACHA20-POLY1305");
	bad(&b, "ciphers=HIGH:NO-SUCH-CIPHER", EACCES,
	    "option ciphers=HIGH:NO-SUCH-CIPHER cannot be used: this OpenSSL "
	    "has no \"NO-SUCH-CIPHER\"");
	bad(&b, "ciphers=HIGH:!ALL", EACCES, "nothing is left");
	/* As they are published: what takes away need not be there. */
	good(&b, "max_version=1.2&ciphers=HIGH:!aNULL:!RC4");
	good(&b, "max_version=1.2&ciphers=HIGH:MEDIUM:!MD5:!RC4:!3DES:-NONE");
	good(&b,
	     "max_version=1.2&ciphers=EECDH%2bAESGCM%20HIGH%20!kNONE%20+RC4");
	bad(&b, "ciphers=!aNULL:!RC4", EACCES, "nothing is left");
	bad(&b, "ciphers=HIGH:TLS_AES_128_GCM_SHA256", EACCES,
	    "TLS_AES_128_GCM_SHA256 is of TLS 1.3: use ciphersuites");
	/* Newer ones take the names of the standards, too. */
	if (!SSL_CTX_set_cipher_list(b.server->context,
				     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"))
		bad(&b, "ciphers=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		    EACCES,
		    "OpenSSL calls TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 "
		    "ECDHE-ECDSA-AES128-GCM-SHA256");
	/* The server has none of them. */
	bad(&b, "max_version=1.2&ciphers=ECDHE-RSA-AES128-GCM-SHA256", EPROTO,
	    "no cipher");
	bench_end(&b);
}

Test(tls_options, ciphersuites, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	good(&b, "ciphersuites=TLS_CHACHA20_POLY1305_SHA256");
	cr_assert_str_eq(b.cipher, "TLS_CHACHA20_POLY1305_SHA256");
	bad(&b, "ciphersuites=TLS_AES_128_GCM_SHA256:TLS_NOT", EACCES,
	    "\"TLS_NOT\"");
	bad(&b, "ciphersuites=ECDHE-ECDSA-AES128-GCM-SHA256", EACCES,
	    "is of TLS up to 1.2: use ciphers");
	bad(&b, "ciphersuites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", EACCES,
	    "is of TLS up to 1.2: use ciphers");
	bench_end(&b);
}

/* What the server saw, and the line about the connection. */
static void expect_group(const struct bench *b, const char *group)
{
	char text[80];

	cr_assert_str_eq(seen.group, group);
	snprintf(text, sizeof(text), ", group %s, verified ", group);
	cr_assert(strstr(b->log, text), "%s", b->log);
}

/* Of two sides that leave it to OpenSSL. */
#if OPENSSL_VERSION_PREREQ(3, 5)
#define BEST "X25519MLKEM768"
#else
#define BEST "x25519"
#endif

Test(tls_options, groups, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	good(&b, "");
	expect_group(&b, BEST);
	good(&b, "groups=P-384");
	expect_group(&b, "secp384r1");
	good(&b, "groups=X25519:P-256");
	expect_group(&b, "x25519");
	good(&b, "max_version=1.2"); /* which has no hybrid ones */
	expect_group(&b, "x25519");
	bad(&b, "groups=X25519:P-0", EACCES,
	    "option groups=X25519:P-0 cannot be used: this OpenSSL has no "
	    "\"P-0\" (such as ");
	bench_end(&b);
}

Test(tls_options, finite_fields, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *cert = X509_dup(b.leaf.cert);

	X509_set_pubkey(cert, key);
	X509_sign(cert, b.ca.key, EVP_sha256());
	cr_assert(SSL_CTX_use_certificate(b.server->context, cert));
	cr_assert(SSL_CTX_use_PrivateKey(b.server->context, key));
	SSL_CTX_set_dh_auto(b.server->context, 1);
	good(&b, "max_version=1.2&ciphers=DHE-RSA-AES128-GCM-SHA256");
	cr_assert(strstr(b.log, ", group DH 2048 bits, verified "), "%s",
		  b.log);
	/* Encrypted with the server's key: no group at all. */
	good(&b, "max_version=1.2&ciphers=AES128-GCM-SHA256");
	cr_assert(strstr(b.log, " AES128-GCM-SHA256, verified "), "%s", b.log);
	X509_free(cert);
	EVP_PKEY_free(key);
	bench_end(&b);
}

/* A group of the server's own choice, as it comes with TLS 1.2. */
static void use_group(SSL_CTX *server, const char *name)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("group", (char *)name, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *group = NULL;

	cr_assert(EVP_PKEY_paramgen_init(context) == 1 &&
		  EVP_PKEY_CTX_set_params(context, params) == 1 &&
		  EVP_PKEY_paramgen(context, &group) == 1);
	cr_assert(SSL_CTX_set0_tmp_dh_pkey(server, group));
	EVP_PKEY_CTX_free(context);
}

#define ONCE "max_version=1.2&session_reuse=0&ciphers=DHE-RSA-AES128-GCM-SHA256"

/* The time that it takes a worker grows by the third power. */
Test(tls_options, large_finite_fields, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *cert = X509_dup(b.leaf.cert);

	X509_set_pubkey(cert, key);
	X509_sign(cert, b.ca.key, EVP_sha256());
	cr_assert(SSL_CTX_use_certificate(b.server->context, cert));
	cr_assert(SSL_CTX_use_PrivateKey(b.server->context, key));
	use_group(b.server->context, "ffdhe4096");
	good(&b, ONCE);
	use_group(b.server->context, "ffdhe8192");
	bad(&b, ONCE, EPROTO,
	    "Diffie-Hellman group has 8192 bits, more than 4096");
	good(&b, ONCE "&groups=ffdhe8192:X25519");
	/* By name, with TLS 1.3: not offered, unless the rule does. */
	cr_assert(SSL_CTX_set1_groups_list(b.server->context, "ffdhe8192"));
	bad(&b, "min_version=1.3&session_reuse=0", EPROTO, "handshake");
	good(&b, "min_version=1.3&session_reuse=0&groups=X25519:ffdhe8192");
	expect_group(&b, "ffdhe8192");
	X509_free(cert);
	EVP_PKEY_free(key);
	bench_end(&b);
}

/* Where libssl has them; elsewhere the rule is refused by the group's name. */
Test(tls_options, hybrid_groups, .timeout = 60)
{
	static const char *const groups[] = { "X25519MLKEM768",
					      "SecP256r1MLKEM768",
					      "SecP384r1MLKEM1024" };
	struct bench b = bench_make("DNS:localhost");
	char option[80], word[120];

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		snprintf(option, sizeof(option), "groups=%s:P-256", groups[i]);
#if OPENSSL_VERSION_PREREQ(3, 5)
		(void)word;
		cr_assert(
			SSL_CTX_set1_groups_list(b.server->context, groups[i]));
		good(&b, option);
		expect_group(&b, groups[i]);
#else
		snprintf(word, sizeof(word),
			 "has no \"%s\" (groups with ML-KEM came with OpenSSL "
			 "3.5",
			 groups[i]);
		bad(&b, option, EACCES, word);
#endif
	}
	bench_end(&b);
}

/* The operators of lists that OpenSSL 3.5 has. */
Test(tls_options, operators_of_groups, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

#if OPENSSL_VERSION_PREREQ(3, 5)
	good(&b, "groups=?NONE:*P-256/X25519");
	bad(&b, "groups=?NONE:P-256/P-0", EACCES, "has no \"P-0\"");
	bad(&b, "groups=?NONE", EPROTO, "no key exchange group is left");
#else
	bad(&b, "groups=?X25519:P-256", EACCES, "before OpenSSL 3.5");
	bad(&b, "groups=X25519:X25519", EACCES, "each once");
#endif
	bench_end(&b);
}

/* Without a certificate nothing would be asked. */
Test(tls_options, anonymous_ciphers_are_nobody, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	static const char rule[] = "ciphers=ALL&security_level=0&"
				   "max_version=1.2";

	SSL_CTX_set_security_level(b.server->context, 0);
	cr_assert(
		SSL_CTX_set_cipher_list(b.server->context, "AECDH-AES128-SHA"));
	bad(&b, rule, EKEYREJECTED, "AECDH-AES128-SHA is anonymous");
	bad(&b, "verify_peer=0&ciphers=ALL&security_level=0&max_version=1.2",
	    EKEYREJECTED, "anonymous");
	good(&b, "verify_peer=0&verify_peer_name=0&ciphers=ALL&"
		 "security_level=0&max_version=1.2&session_reuse=0");
	bad(&b, rule, EKEYREJECTED, "anonymous");
	bench_end(&b);
}

/* Compression itself is not in Debian's OpenSSL: only that neither breaks. */
Test(tls_options, disable_compression, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	good(&b, "disable_compression=1");
	good(&b, "disable_compression=0&max_version=1.2&security_level=1");
	bench_end(&b);
}

Test(tls_options, alpn, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	SSL_CTX_set_alpn_select_cb(b.server->context, pick_alpn,
				   "\x8http/1.1\x2h2");
	good(&b, "alpn_protocols=h2,http/1.1");
	cr_assert_str_eq(seen.alpn, "http/1.1");
	cr_assert(strstr(b.log, ", ALPN http/1.1"), "%s", b.log);
	good(&b, "alpn_protocols=h2");
	cr_assert_str_eq(seen.alpn, "h2");
	bad(&b, "alpn_protocols=imap", EPROTO, "no_application_protocol");
	good(&b, "");
	cr_assert_str_eq(seen.alpn, "");
	bench_end(&b);
}

Test(tls_options, sni, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost,IP:127.0.0.1");

	good(&b, "");
	cr_assert_str_eq(seen.sni, "localhost");
	good(&b, "SNI_enabled=0");
	cr_assert_str_eq(seen.sni, "");
	b.name = "localhost.";
	good(&b, "");
	cr_assert_str_eq(seen.sni, "localhost");
	b.name = "127.0.0.1";
	good(&b, "");
	cr_assert_str_eq(seen.sni, "");
	bench_end(&b);
}

/* --- who is trusted ------------------------------------------------------ */

Test(tls_options, names_as_in_rfc_9525, .timeout = 60)
{
	static const struct {
		const char *names, *name;
		bool matches;
	} cases[] = {
		{ "DNS:*.example.test", "a.example.test", true },
		{ "DNS:*.example.test", "A.Example.TEST", true },
		{ "DNS:*.example.test", "a.example.test.", true },
		{ "DNS:*.example.test", "a.b.example.test", false },
		{ "DNS:*.example.test", "example.test", false },
		{ "DNS:a*.example.test", "ab.example.test", false },
		{ "DNS:*b.example.test", "ab.example.test", false },
		{ "DNS:a.*.test", "a.example.test", false },
		{ "DNS:*.*.test", "a.b.test", false },
		{ "DNS:*", "localhost", false },
		{ "DNS:*.xn--bcher-kva.test", "a.xn--bcher-kva.test", true },
		{ "DNS:xn--*.test", "xn--bcher-kva.test", false },
		{ "IP:127.0.0.1", "127.0.0.1", true },
		{ "DNS:127.0.0.1", "127.0.0.1", false },
		{ "IP:127.0.0.2", "127.0.0.1", false },
		{ "IP:::1", "::1", true },
		/* The CN is "leaf". */
		{ "DNS:other.test", "leaf", false },
		{ "email:a@leaf", "leaf", false },
	};
	struct bench b = bench_make("DNS:localhost");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct party leaf = party_make("leaf", cases[i].names, &b.ca);

		use_party(b.server, &leaf);
		b.name = cases[i].name;
		cr_expect_eq(shake(&b, "session_reuse=0"),
			     cases[i].matches ? 0 : EKEYREJECTED, "%s %s: %s",
			     cases[i].names, cases[i].name, b.sentence);
		party_free(&leaf);
	}
	bench_end(&b);
}

Test(tls_options, purpose, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	party_extend(&b.leaf, &b.ca, NID_ext_key_usage, "clientAuth");
	use_party(b.server, &b.leaf);
	bad(&b, "", EKEYREJECTED, "not made for servers");
	bench_end(&b);
}

Test(tls_options, allow_self_signed, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	struct party alone = party_make("alone", "DNS:localhost", NULL);
	struct party other = party_make("CA", NULL, NULL);
	struct party strange = party_make("leaf", "DNS:localhost", &other);

	use_party(b.server, &alone);
	bad(&b, "", EKEYREJECTED, "self-signed");
	good(&b, "allow_self_signed=1");
	cr_assert_str_eq(b.verified, "");
	cr_assert(strstr(b.log, "self-signed (allow_self_signed=1), for "
				"\"localhost\""),
		  "%s", b.log);
	/* The name still counts. */
	bad(&b, "allow_self_signed=1&peer_name=other.test", EKEYREJECTED,
	    "not for");
	good(&b, "allow_self_signed=1&verify_peer_name=0");
	/* Only itself, not a CA that nobody knows. */
	use_party(b.server, &strange);
	SSL_CTX_add1_chain_cert(b.server->context, other.cert);
	cr_assert_eq(shake(&b, "allow_self_signed=1"), EKEYREJECTED);
	party_free(&alone);
	party_free(&other);
	party_free(&strange);
	bench_end(&b);
}

Test(tls_options, verify_depth, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	struct party between = party_make("between", NULL, &b.ca);
	struct party leaf = party_make("leaf", "DNS:localhost", &between);

	good(&b, "verify_depth=0");
	use_party(b.server, &leaf);
	bad(&b, "", EKEYREJECTED, "CN=between");
	SSL_CTX_add1_chain_cert(b.server->context, between.cert);
	good(&b, "");
	good(&b, "verify_depth=1");
	/* Otherwise the session of the first would do. */
	bad(&b, "verify_depth=0&session_reuse=0", EKEYREJECTED, "verify_depth");
	party_free(&between);
	party_free(&leaf);
	bench_end(&b);
}

static void print_hex(char *to, const X509 *cert, const EVP_MD *md)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len;

	X509_digest(cert, md, digest, &len);
	for (unsigned int i = 0; i < len; i++)
		to += sprintf(to, "%02X%s", digest[i], i + 1 < len ? ":" : "");
}

static void print_pin(char *to, const X509 *cert)
{
	unsigned char digest[32], *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL);
	EVP_EncodeBlock((unsigned char *)to, digest, 32);
	OPENSSL_free(der);
}

Test(tls_options, peer_fingerprint, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	const EVP_MD *const digests[] = { EVP_md5(), EVP_sha1(), EVP_sha256() };
	char hex[128], pin[64], options[1000];
	static const char none[] = "d41d8cd98f00b204e9800998ecf8427e";

	for (int i = 0; i < 3; i++) {
		print_hex(hex, b.leaf.cert, digests[i]);
		snprintf(options, sizeof(options), "peer_fingerprint=%s", hex);
		good(&b, options);
		snprintf(options, sizeof(options), "peer_fingerprint=%s,%s",
			 none, hex);
		good(&b, options);
	}
	print_pin(pin, b.leaf.cert);
	snprintf(options, sizeof(options), "peer_fingerprint=pin-sha256:%s",
		 pin);
	good(&b, options);
	cr_assert(strstr(b.log, "fingerprint matches"), "%s", b.log);
	snprintf(options, sizeof(options), "peer_fingerprint=%s", none);
	bad(&b, options, EKEYREJECTED, pin);
	/* Also where nothing else is looked at. */
	snprintf(options, sizeof(options),
		 "verify_peer=0&verify_peer_name=0&peer_fingerprint=%s", none);
	cr_assert_eq(shake_as(&b, options), EKEYREJECTED);
	snprintf(options, sizeof(options),
		 "verify_peer=0&verify_peer_name=0&"
		 "peer_fingerprint=pin-sha256:%s",
		 pin);
	cr_assert_eq(shake_as(&b, options), 0, "%s", b.sentence);
	/* It does not make up for the chain. */
	snprintf(options, sizeof(options), "peer_fingerprint=pin-sha256:%s",
		 pin);
	cr_assert_eq(shake_as(&b, options), EKEYREJECTED);
	bench_end(&b);
}

Test(tls_options, crlfile, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	struct party other = party_make("other CA", NULL, NULL);
	char options[200];
	const char *path = write_crl(&b.folder, "crl.pem", &b.ca, NULL);

	snprintf(options, sizeof(options), "crlfile=%s", path);
	good(&b, options);
	/* A new list counts for the next connection, also with sessions. */
	write_crl(&b.folder, "crl.pem", &b.ca, b.leaf.cert);
	bad(&b, options, EKEYREJECTED, "is revoked");
	write_crl(&b.folder, "crl.pem", &other, NULL);
	bad(&b, options, EKEYREJECTED, "crlfile");
	write_pem(&b.folder, "crl.pem", b.leaf.key, NULL, NULL);
	bad(&b, options, EACCES, "crlfile=");
	party_free(&other);
	bench_end(&b);
}

/* --- client certificates ------------------------------------------------- */

Test(tls_options, local_cert, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	struct party between = party_make("between", NULL, &b.ca);
	struct party me = party_make("me", "DNS:me", &between);
	struct party you = party_make("you", "DNS:you", &between);
	X509 *both[] = { me.cert, between.cert, NULL };
	X509 *yours[] = { you.cert, NULL };
	char options[600];
	const char *cert, *pk;

	SSL_CTX_set_verify(b.server->context, SSL_VERIFY_PEER, take_any);
	good(&b, "");
	cr_assert_str_eq(seen.client, "");

	cert = write_pem(&b.folder, "both.pem", me.key, NULL, both);
	snprintf(options, sizeof(options), "local_cert=%s", cert);
	good(&b, options);
	cr_assert_str_eq(seen.client, "me");
	/* Beside the leaf (SSL_get_peer_cert_chain(3), on a server). */
	cr_assert_eq(seen.chain, 1);

	/* A new certificate counts for the next connection. */
	write_pem(&b.folder, "both.pem", you.key, NULL, yours);
	good(&b, options);
	cr_assert_str_eq(seen.client, "you");

	cert = write_pem(&b.folder, "cert.pem", NULL, NULL, both);
	pk = write_pem(&b.folder, "pk.pem", me.key, NULL, NULL);
	snprintf(options, sizeof(options), "local_cert=%s&local_pk=%s", cert,
		 pk);
	good(&b, options);
	cr_assert_str_eq(seen.client, "me");
	write_pem(&b.folder, "pk.pem", you.key, NULL, NULL);
	bad(&b, options, EACCES, "does not belong to the key in local_pk=");
	snprintf(options, sizeof(options), "local_cert=%s", cert);
	bad(&b, options, EACCES, "no private key in local_cert=");
	snprintf(options, sizeof(options), "local_cert=%s", pk);
	bad(&b, options, EACCES, "no certificate in local_cert=");
	party_free(&between);
	party_free(&me);
	party_free(&you);
	bench_end(&b);
}

Test(tls_options, passphrase, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	X509 *certs[] = { b.leaf.cert, NULL };
	char options[600];
	const char *cert, *pk;

	SSL_CTX_set_verify(b.server->context, SSL_VERIFY_PEER, take_any);
	cert = write_pem(&b.folder, "both.pem", b.leaf.key, "geheim", certs);
	snprintf(options, sizeof(options),
		 "local_cert=%s&passphrase=pass:geheim", cert);
	good(&b, options);
	cr_assert_str_eq(seen.client, "leaf");
	cr_assert_null(strstr(b.log, "geheim"));
	snprintf(options, sizeof(options),
		 "local_cert=%s&passphrase=pass:falsch", cert);
	bad(&b, options, EACCES, "the passphrase is wrong");
	cr_assert_null(strstr(b.sentence, "falsch"));
	snprintf(options, sizeof(options), "local_cert=%s", cert);
	bad(&b, options, EACCES, "a passphrase is needed");
	pk = write_pem(&b.folder, "pk.pem", b.leaf.key, "geheim", NULL);
	snprintf(options, sizeof(options),
		 "local_cert=%s&local_pk=%s&passphrase=pass:geheim", cert, pk);
	good(&b, options);
	/* The relay has nobody's environment. */
	snprintf(options, sizeof(options), "local_cert=%s&passphrase=env:HOME",
		 cert);
	bad(&b, options, EACCES, "no such variable");
	bench_end(&b);
}

/* --- files of the user --------------------------------------------------- */

static size_t read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t len = file ? fread(text, 1, size - 1, file) : 0;

	text[len] = '\0';
	if (file)
		fclose(file);
	return len;
}

Test(tls_options, a_server_that_wants_a_certificate, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	char text[4096] = "";

	SSL_CTX_set_verify(b.server->context,
			   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   take_any);
	bad(&b, "max_version=1.2", EPROTO, "local_cert=FILE");
	/* With TLS 1.3 it comes behind the handshake. */
	b.log_file = in_folder(&b.folder, "log");
	shake(&b, "");
	for (int i = 0; i < 500 && !strstr(text, "local_cert=FILE"); i++) {
		usleep(10000);
		read_file(b.log_file, text, sizeof(text));
	}
	cr_assert(strstr(text, "local_cert=FILE"), "log: %s", text);
	bench_end(&b);
}

static void expect_private(const char *path)
{
	struct stat status;

	cr_assert_eq(stat(path, &status), 0, "%s", path);
	cr_assert_eq(status.st_mode & 0777, 0600);
}

/* Only a sanitizer's shadow is longer, and it has no bytes of the program. */
enum { MAPPING_MAX = 1 << 30 };

/* How often text is in the writable memory of a process; -1: we may not look.
 */
static int count_in_memory(pid_t pid, const char *text)
{
	char path[64], line[512], *memory;
	unsigned long from, to;
	int fd, count = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fd >= 0 ? fopen(path, "r") : NULL;
	if (!maps)
		return -1;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 ||
		    !strstr(line, " rw") || to - from > MAPPING_MAX)
			continue;
		memory = malloc(to - from);
		if (pread(fd, memory, to - from, (off_t)from) ==
		    (ssize_t)(to - from))
			for (char *at = memory;
			     (at = memmem(at,
					  (size_t)(memory + (to - from) - at),
					  text, strlen(text)));
			     at++)
				count++;
		free(memory);
	}
	fclose(maps);
	close(fd);
	return count;
}

/* A moment after the verdict. */
static void expect_forgotten(const struct bench *b, const char *text)
{
	/* It stays meanwhile. */
	int count = -1, held = relay_connect(&b->relay);

	for (int i = 0; i < 200 && count != 0; i++) {
		count = count_in_memory(b->relay.pid, text);
		if (count)
			usleep(10000);
	}
	close(held);
	cr_assert_eq(count, 0);
}

/* The context is kept, and so is its key; the passphrase is not. */
Test(tls_options, passphrase_is_forgotten, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	struct party client = party_make("client", "DNS:client", &b.ca);
	X509 *const own[] = { client.cert, NULL };
	char options[400];

	if (geteuid() != 0)
		cr_skip_test("only root may look into a relay");
	if (relay_is_sanitized())
		cr_skip_test("a sanitizer keeps what is freed and what has "
			     "left the stack");
	snprintf(options, sizeof(options),
		 "passphrase=hunter2secret&local_cert=%s",
		 write_pem(&b.folder, "own.pem", client.key, "hunter2secret",
			   own));
	good(&b, options);
	expect_forgotten(&b, "hunter2secret");
	good(&b, options);
	/* Nor one that opens nothing. */
	snprintf(options, sizeof(options),
		 "passphrase=hunter3secret&local_cert=%s",
		 in_folder(&b.folder, "own.pem"));
	bad(&b, options, EACCES, "the passphrase is wrong");
	expect_forgotten(&b, "hunter3secret");
	party_free(&client);
	bench_end(&b);
}

/* "hunter4secret  ." and "hunter5secret  .", in hexadecimal. */
#define OLD_KEY "68756e7465723473656372657420202e"
#define NEW_KEY "68756e7465723573656372657420202e"

static const char *server_key;

static unsigned give_key(SSL *ssl, const char *identity, unsigned char *key,
			 unsigned size)
{
	(void)ssl;
	(void)identity;
	memcpy(key, server_key, strlen(server_key));
	return size < strlen(server_key) ? 0 : (unsigned)strlen(server_key);
}

static void write_key(const char *path, const char *digits)
{
	FILE *file = fopen(path, "w");

	fprintf(file, "you:00\nme:%s\n", digits);
	fclose(file);
}

static void with_key(struct bench *b, const char *key, const char *digits,
		     const char *version)
{
	char options[400];

	server_key = key;
	write_key(in_folder(&b->folder, "keys"), digits);
	snprintf(options, sizeof(options),
		 "psk_identity=me&psk_file=%s&max_version=%s",
		 in_folder(&b->folder, "keys"), version);
	cr_assert_eq(shake_as(b, options), 0, "%s", b->sentence);
	cr_assert_str_eq(b->verified, "psk:me");
}

/* What the file has is forgotten at once; the key when there is another. */
static void key_is_forgotten(struct bench *b, const char *version)
{
	const char *old = "hunter4secret  .", *new = "hunter5secret  .";

	with_key(b, old, OLD_KEY, version);
	expect_forgotten(b, OLD_KEY);
	cr_assert_gt(count_in_memory(b->relay.pid, old), 0);
	with_key(b, new, NEW_KEY, version);
	expect_forgotten(b, old);
	cr_assert_gt(count_in_memory(b->relay.pid, new), 0);
}

Test(tls_options, pre_shared_key_is_forgotten, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	if (geteuid() != 0)
		cr_skip_test("only root may look into a relay");
	if (relay_is_sanitized())
		cr_skip_test("a sanitizer keeps what is freed and what has "
			     "left the stack");
	SSL_CTX_set_psk_server_callback(b.server->context, give_key);
	key_is_forgotten(&b, "1.2");
	key_is_forgotten(&b, "1.3");
	bench_end(&b);
}

/* A file that is there already, which gets no keys. */
static void expect_no_keys(struct bench *b, const char *file, mode_t mode)
{
	char text[100];
	FILE *out = fopen(file, "w");

	fputs("precious", out);
	fclose(out);
	cr_assert_eq(chmod(file, mode), 0);
	good(b, "");
	cr_assert_eq(read_file(file, text, sizeof(text)), 8, "%s", file);
}

/* Others may have put it there, or may read it. */
Test(tls_options, keylog_of_others, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	const char *victim = in_folder(&b.folder, "victim");

	b.keylog = in_folder(&b.folder, "link");
	cr_assert_eq(symlink(victim, b.keylog), 0);
	expect_no_keys(&b, victim, 0600);
	b.keylog = in_folder(&b.folder, "second");
	cr_assert_eq(link(victim, b.keylog), 0);
	expect_no_keys(&b, victim, 0600);
	b.keylog = in_folder(&b.folder, "open");
	expect_no_keys(&b, b.keylog, 0666);
	expect_no_keys(&b, b.keylog, 0640);
	if (geteuid() == 0) {
		cr_assert_eq(chown(b.keylog, 65534, 65534), 0);
		expect_no_keys(&b, b.keylog, 0600);
	}
	bench_end(&b);
}

Test(tls_options, keylog, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	char text[8192];
	size_t once;

	good(&b, "");
	b.keylog = in_folder(&b.folder, "keys");
	good(&b, "session_reuse=0");
	once = read_file(b.keylog, text, sizeof(text));
	cr_assert(strstr(text, "CLIENT_TRAFFIC_SECRET_0 "), "%s", text);
	cr_assert_eq(text[once - 1], '\n');
	expect_private(b.keylog);
	good(&b, "session_reuse=0");
	cr_assert_eq(read_file(b.keylog, text, sizeof(text)), 2 * once);
	/* One that cannot be written costs no connection. */
	b.keylog = "/no-such-folder/keys";
	good(&b, "session_reuse=0");
	bench_end(&b);
}

Test(tls_options, capture_peer_cert_chain, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	const char *path = in_folder(&b.folder, "chain.pem");
	char options[300], text[8192];

	SSL_CTX_add1_chain_cert(b.server->context, b.ca.cert);
	snprintf(options, sizeof(options), "capture_peer_cert_chain=%s", path);
	good(&b, options);
	expect_private(path);
	cr_assert(read_file(path, text, sizeof(text)));
	cr_assert(strstr(strstr(text, "-----BEGIN CERTIFICATE") + 1,
			 "-----BEGIN CERTIFICATE"));
	/* Every connection writes it, also one that is refused. */
	unlink(path);
	good(&b, options);
	unlink(path);
	cr_assert_eq(shake_as(&b, options), EKEYREJECTED);
	expect_private(path);
	snprintf(options, sizeof(options),
		 "capture_peer_cert_chain=/no-such-folder/x");
	bad(&b, options, EACCES, "cannot be written: No such file");
	bench_end(&b);
}

static const char *write_conf(const struct folder *folder, const char *name,
			      const char *text)
{
	const char *path = in_folder(folder, name);
	FILE *file = fopen(path, "w");

	fprintf(file, "%s", text);
	fclose(file);
	return path;
}

#define CONF(text)                                                             \
	"openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\n"                 \
	"system_default = d\n[d]\n" text "\n"

Test(tls_options, openssl_conf, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	const char *one =
		write_conf(&b.folder, "1.cnf", CONF("MaxProtocol = TLSv1.2"));
	const char *two =
		write_conf(&b.folder, "2.cnf", CONF("MinProtocol = TLSv1.3"));
	const char *none = write_conf(&b.folder, "3.cnf", "");
	const char *broken = write_conf(&b.folder, "4.cnf", "[x\n");

	SSL_CTX_set_max_proto_version(b.server->context, 0);
	b.conf = one;
	good(&b, "");
	cr_assert_str_eq(b.version, "TLSv1.2");
	/* It is that connection's alone. */
	b.conf = NULL;
	good(&b, "timeout=21");
	cr_assert_str_eq(b.version, "TLSv1.3");
	b.conf = one;
	good(&b, "timeout=22");
	cr_assert_str_eq(b.version, "TLSv1.2");
	/* One that says nothing about it does not inherit. */
	b.conf = none;
	good(&b, "timeout=23");
	cr_assert_str_eq(b.version, "TLSv1.3");
	SSL_CTX_set_max_proto_version(b.server->context, TLS1_2_VERSION);
	b.conf = two;
	bad(&b, "", EPROTO, "protocol_version");
	b.conf = NULL;
	good(&b, "timeout=24");
	b.conf = broken;
	bad(&b, "", EACCES, "cannot use OPENSSL_CONF=");
	b.conf = "/no-such-file";
	good(&b, "timeout=25");
	bench_end(&b);
}

/* They would be for everybody: refused, however they are written, also when
 * the section is in another file; elsewhere the word is a word. */
Test(tls_options, openssl_conf_with_engines, .timeout = 60)
{
	static const char *const names[] = { "engines", "engines.x", "eng" };
	struct bench b = bench_make("DNS:localhost");
	char text[400];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text),
			 "openssl_conf = init\n[init]\n%s = e\n[e]\n",
			 names[i]);
		b.conf = write_conf(&b.folder, "1.cnf", text);
		bad(&b, "", EACCES,
		    "has engines, which would be for all programs of this "
		    "relay; use providers");
		cr_assert(strstr(b.sentence, b.conf), "%s", b.sentence);
	}
	write_conf(&b.folder, "2.cnf", "[init]\nengines = e\n[e]\n");
	snprintf(text, sizeof(text), "openssl_conf = init\n.include %s\n",
		 in_folder(&b.folder, "2.cnf"));
	b.conf = write_conf(&b.folder, "3.cnf", text);
	bad(&b, "timeout=21", EACCES, "has engines");
	b.conf = write_conf(&b.folder, "4.cnf",
			    "engines = e\nopenssl_conf = init\n[init]\n"
			    "[e]\nengines = e\n");
	good(&b, "timeout=22");
	b.conf = NULL;
	good(&b, "timeout=23");
	bench_end(&b);
}

/* --- sessions ------------------------------------------------------------ */

static void expect_resumption(struct bench *b, const char *options)
{
	seen.resumed = true;
	good(b, options);
	cr_assert_not(seen.resumed, "%s", options);
	for (int i = 0; i < 3; i++) {
		seen.resumed = false;
		good(b, options);
		cr_assert(seen.resumed, "%s: %d", options, i);
		cr_assert(strstr(b->log, ", resumed"), "%s", b->log);
		cr_assert_str_eq(b->verified, "localhost");
	}
}

Test(tls_options, session_reuse, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost,DNS:other.test");

	expect_resumption(&b, "");
	expect_resumption(&b, "max_version=1.2");
	/* Not for another name, not under other options, not if unwanted. */
	b.name = "other.test";
	good(&b, "");
	cr_assert_not(seen.resumed);
	b.name = NULL;
	good(&b, "verify_peer_name=0");
	cr_assert_not(seen.resumed);
	good(&b, "session_reuse=0");
	good(&b, "session_reuse=0");
	cr_assert_not(seen.resumed);
	bench_end(&b);
}

Test(tls_options, tickets_of_tls_13_are_used_once, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	SSL_CTX_set_num_tickets(b.server->context, 1);
	good(&b, "");
	cr_assert_not(seen.resumed);
	SSL_CTX_set_num_tickets(b.server->context, 0);
	good(&b, "");
	cr_assert(seen.resumed);
	good(&b, "");
	cr_assert_not(seen.resumed);
	bench_end(&b);
}

/* A server that keeps sessions itself instead of giving tickets. */
Test(tls_options, sessions_in_the_servers_memory, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	SSL_CTX_set_options(b.server->context, SSL_OP_NO_TICKET);
	expect_resumption(&b, "");
	expect_resumption(&b, "max_version=1.2");
	bench_end(&b);
}

/* A server that has forgotten them gets a whole handshake. */
Test(tls_options, sessions_that_the_server_forgot, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	unsigned char keys[80] = { 1 };

	expect_resumption(&b, "max_version=1.2");
	SSL_CTX_set_tlsext_ticket_keys(b.server->context, keys, sizeof(keys));
	good(&b, "max_version=1.2");
	cr_assert_not(seen.resumed);
	good(&b, "max_version=1.2");
	cr_assert(seen.resumed);
	bench_end(&b);
}

/* A change of what was trusted ends sessions, too. */
Test(tls_options, sessions_end_with_the_trust, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	struct party other = party_make("other CA", NULL, NULL);
	X509 *certs[] = { other.cert, NULL };

	expect_resumption(&b, "");
	write_pem(&b.folder, "ca.pem", NULL, NULL, certs);
	cr_assert_eq(shake(&b, ""), EKEYREJECTED);
	party_free(&other);
	bench_end(&b);
}

/* A folder of trusted CAs: what is written over in place, or behind a link,
 * counts for the next connection. */
Test(tls_options, capath_that_changes, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");
	struct party other = party_make("test CA", NULL, NULL);
	X509 *certs[] = { b.ca.cert, NULL };
	char name[32], link[200], options[200];

	snprintf(options, sizeof(options), "capath=%s", b.folder.path);
	snprintf(name, sizeof(name), "%08lx.0",
		 X509_subject_name_hash(b.ca.cert));
	snprintf(link, sizeof(link), "%s/%s", b.folder.path, name);
	cr_assert_eq(
		symlink(write_pem(&b.folder, "behind.pem", NULL, NULL, certs),
			link),
		0);
	cr_assert_eq(shake_as(&b, options), 0, "%s", b.sentence);
	certs[0] = other.cert;
	write_pem(&b.folder, "behind.pem", NULL, NULL, certs);
	cr_assert_eq(shake_as(&b, options), EKEYREJECTED);
	party_free(&other);
	bench_end(&b);
}

/* An intermediate in capath ends a chain, with nothing above it; that of the
 * environment does not. */
Test(tls_options, capath_with_an_intermediate, .timeout = 60)
{
	struct bench b = bench_make("DNS:unused");
	struct party middle = party_make("middle", NULL, &b.ca);
	struct party leaf = party_make("leaf", "DNS:localhost", &middle);
	X509 *certs[] = { middle.cert, NULL };
	char name[32], options[200];

	use_party(b.server, &leaf);
	snprintf(options, sizeof(options), "capath=%s", b.folder.path);
	/* Nothing has a hashed name yet. */
	cr_assert_eq(shake_as(&b, options), EACCES);
	snprintf(name, sizeof(name), "%08lx.0",
		 X509_subject_name_hash(middle.cert));
	write_pem(&b.folder, name, NULL, NULL, certs);
	cr_assert_eq(shake_as(&b, options), 0, "%s", b.sentence);
	b.cert_dir = b.folder.path;
	cr_assert_eq(shake_as(&b, "timeout=29"), EKEYREJECTED);
	party_free(&middle);
	party_free(&leaf);
	bench_end(&b);
}

/* --- stapled OCSP -------------------------------------------------------- */

static struct {
	const struct party *ca;
	const X509 *cert;
	int status; /* -1: nothing; -2: rubbish */
	long age;
} staple;

static int give_staple(SSL *ssl, void *unused)
{
	unsigned char *der;
	int len;

	(void)unused;
	seen.asked_status = true;
	if (staple.status == -1)
		return SSL_TLSEXT_ERR_NOACK;
	len = make_ocsp(staple.ca, staple.cert,
			staple.status < 0 ? 0 : staple.status, staple.age,
			&der);
	if (staple.status == -2)
		der[len - 1] ^= 1;
	SSL_set_tlsext_status_ocsp_resp(ssl, der, len);
	return SSL_TLSEXT_ERR_OK;
}

static int with_staple(struct bench *b, int status, long age)
{
	int error;

	staple.ca = &b->ca;
	staple.cert = b->leaf.cert;
	staple.status = status;
	staple.age = age;
	seen.asked_status = false;
	error = shake(b, "session_reuse=0");
	cr_assert(seen.asked_status);
	return error;
}

Test(tls_options, stapled_ocsp, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	SSL_CTX_set_tlsext_status_cb(b.server->context, give_staple);
	cr_expect_eq(with_staple(&b, V_OCSP_CERTSTATUS_GOOD, 60), 0, "%s",
		     b.sentence);
	cr_expect_eq(with_staple(&b, V_OCSP_CERTSTATUS_REVOKED, 60),
		     EKEYREJECTED);
	cr_expect(strstr(b.sentence, "is revoked"), "%s", b.sentence);
	/* Without must-staple these count as none. */
	cr_expect_eq(with_staple(&b, V_OCSP_CERTSTATUS_UNKNOWN, 60), 0);
	cr_expect_eq(with_staple(&b, V_OCSP_CERTSTATUS_GOOD, 86400), 0);
	cr_expect_eq(with_staple(&b, -1, 60), 0);
	cr_expect_eq(with_staple(&b, -2, 60), 0);
	bench_end(&b);
}

Test(tls_options, must_staple, .timeout = 60)
{
	struct bench b = bench_make("DNS:localhost");

	party_extend(&b.leaf, &b.ca, NID_tlsfeature, "status_request");
	use_party(b.server, &b.leaf);
	SSL_CTX_set_tlsext_status_cb(b.server->context, give_staple);
	cr_expect_eq(with_staple(&b, V_OCSP_CERTSTATUS_GOOD, 60), 0, "%s",
		     b.sentence);
	cr_expect_eq(with_staple(&b, V_OCSP_CERTSTATUS_REVOKED, 60),
		     EKEYREJECTED);
	cr_expect_eq(with_staple(&b, V_OCSP_CERTSTATUS_UNKNOWN, 60),
		     EKEYREJECTED);
	cr_expect(strstr(b.sentence, "none that is good now"), "%s",
		  b.sentence);
	cr_expect_eq(with_staple(&b, V_OCSP_CERTSTATUS_GOOD, 86400),
		     EKEYREJECTED);
	cr_expect_eq(with_staple(&b, -1, 60), EKEYREJECTED);
	cr_expect(strstr(b.sentence, "the server sent none ("), "%s",
		  b.sentence);
	cr_expect_eq(with_staple(&b, -2, 60), EKEYREJECTED);
	cr_expect_eq(shake(&b, "verify_peer=0"), 0);
	bench_end(&b);
}
