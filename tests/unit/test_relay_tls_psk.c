/* Tests: tools/relay/tls/tls_psk.c, tls_psk_file.c, tls_error_psk.c: files of
 * keys, and TLS with a pre-shared key. */
#include "tls_line.h"
#include "psk_file.h"
#include "relay/tls/tls_psk.h"

#include <openssl/err.h>
#include <sys/stat.h>

/* --- files --------------------------------------------------------------- */

static struct xs_tls_context *
context_of(const char *scheme, const char *options, struct xs_error *err)
{
	struct xs_tls_policy policy = { .scheme = scheme, .options = options };

	xs_error_clear(err);
	return xs_tls_context_get(&policy, err);
}

static void key_is(const struct folder *folder, const char *text,
		   const char *key, size_t len)
{
	struct xs_error err = { 0 };
	struct xs_tls_context *context =
		context_of("tls", psk_options(folder, text, ""), &err);

	cr_assert(context, "%s: %s", text, err.text);
	cr_assert_eq(xs_tls_context_psk(context)->len, len);
	cr_assert_arr_eq(xs_tls_context_psk(context)->key, key, len);
	xs_tls_context_put(context);
}

static void refused(const char *scheme, const char *options, const char *words)
{
	struct xs_error err = { 0 };

	cr_assert_null(context_of(scheme, options, &err), "%s", options);
	cr_assert_eq(err.kind, XS_ERR_RULES);
	cr_assert(strstr(err.text, words), "%s", err.text);
	/* No part of a key. */
	cr_assert_not(strstr(err.text, "736978"), "%s", err.text);
}

static void file_refused(const struct folder *folder, const char *text,
			 const char *words)
{
	refused("tls", psk_options(folder, text, ""), words);
}

Test(relay_tls_psk, files)
{
	struct folder folder = folder_make();

	key_is(&folder, "me:" PSK_HEX "\n", PSK_KEY, 16);
	key_is(&folder, "me:" PSK_HEX, PSK_KEY, 16);
	key_is(&folder, "me:" PSK_HEX "\r\n", PSK_KEY, 16);
	key_is(&folder, "me:7369787465656E2062797465732E2E2e\n", PSK_KEY, 16);
	/* As psktool writes other names. */
	key_is(&folder, "#6d65:" PSK_HEX "\n", PSK_KEY, 16);
	/* Others do not matter, whatever they are. */
	key_is(&folder,
	       "# a comment: with a colon\n\nmee:" PSK_OTHER_HEX
	       "\nm:text\nnothing\n:\n#:\n#6d6:00\n#6d6500:00\n"
	       "me:" PSK_HEX "\nyou:xx\n",
	       PSK_KEY, 16);
	folder_end(&folder);
	xs_tls_context_forget();
}

Test(relay_tls_psk, files_that_cannot_be_used)
{
	struct folder folder = folder_make();
	char text[1200] = "me:";

	file_refused(&folder, "", "it has no key of \"me\" (its lines are");
	file_refused(&folder, PSK_HEX "\n", "it has no key of \"me\"");
	file_refused(&folder, "ME:" PSK_HEX "\n", "it has no key of \"me\"");
	file_refused(&folder, "you:00\nme:\n", "line 2 has no key behind");
	file_refused(&folder, "me:text that is a key\n",
		     "line 1 has a key that is not of hexadecimal digits");
	file_refused(&folder, "me:" PSK_HEX "0\n", "not of hexadecimal");
	file_refused(&folder, "me:0x" PSK_HEX "\n", "not of hexadecimal");
	file_refused(&folder, "me: " PSK_HEX "\n", "not of hexadecimal");
	file_refused(&folder, "me:" PSK_HEX " \n", "not of hexadecimal");
	file_refused(&folder, "me:" PSK_HEX "\nyou:00\nme:" PSK_HEX "\n",
		     "line 3 has a second key of psk_identity");
	memset(text + 3, '0', 1024);
	key_is(&folder, text, (const char[512]){ 0 }, 512);
	strcat(text, "00");
	file_refused(&folder, text, "a key of more than 512 bytes");
	refused("tls", "psk_identity=me&psk_file=/no-such-file",
		"no key in psk_file=/no-such-file: No such file");
	refused("tls", "psk_identity=me&psk_file=/dev/zero", "not a file");
	folder_end(&folder);
	xs_tls_context_forget();
}

Test(relay_tls_psk, file_without_the_right_to_read)
{
	struct folder folder = folder_make();
	const char *options = psk_options(&folder, "me:" PSK_HEX "\n", "");

	if (geteuid() == 0)
		cr_skip_test("root reads everything");
	cr_assert_eq(chmod(in_folder(&folder, "keys.psk"), 0), 0);
	refused("tls", options, "Permission denied");
	folder_end(&folder);
}

/* --- what is offered ----------------------------------------------------- */

static void with_refused(const struct folder *folder, const char *scheme,
			 const char *more, const char *words)
{
	refused(scheme, psk_options(folder, "me:" PSK_HEX "\n", more), words);
}

Test(relay_tls_psk, short_keys)
{
	struct folder folder = folder_make();
	struct xs_error err = { 0 };
	struct xs_tls_context *context;

	file_refused(&folder, "me:00112233445566778899aabbccddee\n",
		     "the key of \"me\" has 120 bits, and must have 128");
	with_refused(&folder, "tls", "&security_level=4",
		     "has 128 bits, and must have 192");
	context = context_of(
		"tls", psk_options(&folder, "me:00\n", "&security_level=0"),
		&err);
	cr_assert(context, "%s", err.text);
	xs_tls_context_put(context);
	folder_end(&folder);
	xs_tls_context_forget();
}

Test(relay_tls_psk, ciphers_of_the_rule)
{
	struct folder folder = folder_make();

	with_refused(&folder, "tls", "&ciphers=DEFAULT:PSK",
		     "option ciphers cannot be used: ");
	with_refused(&folder, "dtls", "&ciphers=HIGH",
		     "is not for pre-shared keys");
	with_refused(&folder, "dtls", "&ciphers=RSA-PSK-AES256-GCM-SHA384",
		     "no cipher for pre-shared keys is left");
	with_refused(&folder, "dtls", "&ciphers=PSK-NULL-SHA&security_level=0",
		     "no cipher for pre-shared keys is left");
	with_refused(&folder, "tls", "&ciphersuites=TLS_AES_256_GCM_SHA384",
		     "option ciphersuites cannot be used: "
		     "TLS_AES_256_GCM_SHA384 has not the digest");
	folder_end(&folder);
	xs_tls_context_forget();
}

/* All that a client says it takes. */
static void only_keys(const struct folder *folder, const char *scheme,
		      const char *more)
{
	struct xs_error err = { 0 };
	struct xs_tls_context *context;
	STACK_OF(SSL_CIPHER) * all;
	SSL *ssl;

	context = context_of(
		scheme, psk_options(folder, "me:" PSK_HEX "\n", more), &err);
	cr_assert(context, "%s: %s", more, err.text);
	ssl = xs_tls_context_new_ssl(context);
	all = SSL_get1_supported_ciphers(ssl);
	cr_assert_gt(sk_SSL_CIPHER_num(all), 0);
	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);
		int proof = SSL_CIPHER_get_auth_nid(cipher);

		cr_assert(proof == NID_auth_psk || proof == NID_auth_any, "%s",
			  SSL_CIPHER_get_name(cipher));
		cr_assert_neq(SSL_CIPHER_get_cipher_nid(cipher), NID_undef);
		cr_assert(proof != NID_auth_any ||
			  strstr(SSL_CIPHER_get_name(cipher), "SHA256"));
	}
	sk_SSL_CIPHER_free(all);
	SSL_free(ssl);
	xs_tls_context_put(context);
}

Test(relay_tls_psk, offers_keys_alone)
{
	struct folder folder = folder_make();

	only_keys(&folder, "dtls", "");
	only_keys(&folder, "tls", "");
	only_keys(&folder, "tls", "&ciphers=PSK&security_level=0");
	only_keys(&folder, "tlsv1.1", "&ciphers=PSK&security_level=0");
	folder_end(&folder);
	xs_tls_context_forget();
}

/* --- handshakes ---------------------------------------------------------- */

static void set_client(struct bench *b, const char *text, const char *more)
{
	struct xs_error err = { 0 };

	xs_tls_context_put(b->client);
	b->client =
		context_of("tls", psk_options(&b->folder, text, more), &err);
	cr_assert(b->client, "%s", err.text);
}

/* A server that has a key and a certificate. */
static struct bench psk_make(const char *more)
{
	struct bench b = bench_make("");

	SSL_CTX_set_psk_server_callback(b.server, psk_server);
	set_client(&b, "me:" PSK_HEX "\n", more);
	return b;
}

/* Whether it has resumed; the application's bytes go to and fro. */
static bool works(const struct bench *b, const char *version)
{
	struct line line = line_make(b);
	struct xs_tls_summary summary = { 0 };
	char text[16];
	struct xs_tls_io io;
	struct xs_error err = { 0 };

	line.tls = client_make(b);
	line_finish(&line, &summary);
	cr_assert_str_eq(summary.version, version);
	cr_assert_str_eq(summary.how,
			 summary.resumed ? "verified by the pre-shared key of "
					   "\"me\", resumed"
					 : "verified by the pre-shared key of "
					   "\"me\"");
	io = hear(&line, sizeof(in));
	cr_assert_eq(xs_tls_write(line.tls, &io, "question", 8, &err),
		     XS_TLS_DONE);
	say(&line, &io);
	cr_assert_eq(SSL_read(line.server, text, sizeof(text)), 8);
	cr_assert_eq(SSL_write(line.server, "answer", 6), 6);
	cr_assert_eq(hear_data(&line, sizeof(in)), 6);
	line_end(&line);
	return summary.resumed;
}

static void is_refused(const struct bench *b, const char *sentence)
{
	struct line line = line_make(b);
	struct xs_tls_summary summary;
	enum xs_tls_result result = XS_TLS_WANT;
	struct xs_error err = { 0 };
	struct xs_tls_io io;

	line.tls = client_make(b);
	for (int i = 0; i < 10 && result == XS_TLS_WANT; i++) {
		io = hear(&line, sizeof(in));
		result = xs_tls_handshake(line.tls, &io, &summary, &err);
		say(&line, &io);
		SSL_do_handshake(line.server);
		ERR_clear_error();
	}
	cr_assert_eq(result, XS_TLS_FAILED);
	cr_assert_eq(err.kind, XS_ERR_CERTIFICATE, "%s", err.text);
	cr_assert(strstr(err.text, sentence), "%s", err.text);
	cr_assert(!SSL_is_init_finished(line.server));
	line_end(&line);
}

/* The first connection is in full, the second resumes; another key is nothing.
 */
static void version_works(const char *version, const char *more,
			  const char *alert)
{
	struct bench b = psk_make(more);

	cr_assert_not(works(&b, version));
	cr_assert_str_eq(psk_seen, "me");
	cr_assert(works(&b, version));
	set_client(&b, "me:" PSK_OTHER_HEX "\n", more);
	is_refused(&b, alert);
	bench_end(&b);
}

Test(relay_tls_psk, tls_13)
{
	version_works("TLSv1.3", "",
		      "the server does not accept the pre-shared key of "
		      "\"me\": alert ");
}

Test(relay_tls_psk, tls_12)
{
	version_works("TLSv1.2", "&max_version=1.2",
		      "the server does not accept the pre-shared key of "
		      "\"me\": alert bad_record_mac");
}

/* A session of another key would be a way around this one. */
Test(relay_tls_psk, sessions_end_with_the_key)
{
	struct bench b = psk_make("");

	cr_assert_not(works(&b, "TLSv1.3"));
	set_client(&b, "# again\nme:" PSK_HEX "\n", "");
	cr_assert_not(works(&b, "TLSv1.3"));
	bench_end(&b);
}

/* Its certificate is good, and trusted; that is not what the rule says. */
Test(relay_tls_psk, certificate_in_place_of_the_key)
{
	struct bench b = psk_make("");

	SSL_CTX_set_psk_server_callback(b.server, NULL);
	is_refused(&b, "the server came with a certificate, and not with the "
		       "pre-shared key of \"me\"");
	is_refused(&b, "max_version=1.2");
	set_client(&b, "me:" PSK_HEX "\n", "&max_version=1.2");
	is_refused(&b, "the server takes no pre-shared key of \"me\": alert "
		       "handshake_failure");
	bench_end(&b);
}

/* Options that the library never sends together with a key. */
Test(relay_tls_psk, nothing_weakens_it)
{
	struct bench b = psk_make("");

	SSL_CTX_set_psk_server_callback(b.server, NULL);
	set_client(&b, "me:" PSK_HEX "\n", "&verify_peer=0&verify_peer_name=0");
	is_refused(&b, "the server came with a certificate");
	bench_end(&b);
}

/* The relay believes nobody that both are there. */
Test(relay_tls_psk, file_without_an_identity)
{
	struct folder folder = folder_make();
	const char *options = psk_options(&folder, "me:" PSK_HEX "\n", "");

	refused("tls", strchr(options, '&') + 1, "psk_identity");
	folder_end(&folder);
	xs_tls_context_forget();
}

/* A server that wants another group hears of the key a second time. */
Test(relay_tls_psk, hello_retry_request)
{
	struct bench b = psk_make("");

	SSL_CTX_set1_groups_list(b.server, "P-521");
	cr_assert_not(works(&b, "TLSv1.3"));
	cr_assert(works(&b, "TLSv1.3"));
	bench_end(&b);
}
