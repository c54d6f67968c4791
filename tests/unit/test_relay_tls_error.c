/* Tests: tools/relay/tls/tls_error.c, tls_error_table.c;
 * shim/base/message.def.
 *
 * The tables that turn what OpenSSL says into a sentence for a person. */
#include "base/message.h"
#include "relay/tls/tls_private.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static X509 *make_cert(const char *names)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *extension;

	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	ASN1_TIME_set_string(X509_getm_notAfter(cert), "20240101000000Z");
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"www\n.test", -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "O",
				   MBSTRING_ASC,
				   (const unsigned char *)"Issuer", -1, -1, 0);
	X509_set_pubkey(cert, key);
	if (names) {
		extension = X509V3_EXT_conf_nid(NULL, NULL,
						NID_subject_alt_name, names);
		X509_add_ext(cert, extension, -1);
		X509_EXTENSION_free(extension);
	}
	EVP_PKEY_free(key);
	return cert;
}

/* Every sentence fits with room for a long name, and ends with its remedy in
 * brackets. */
static void expect_good(const struct xs_error *err,
			const struct xs_tls_error_row *row)
{
	size_t len = strlen(err->text);

	cr_assert(strstr(err->text, row->cause), "%s", err->text);
	cr_assert(strstr(err->text, row->remedy), "%s", err->text);
	cr_assert_eq(err->text[len - 1], ')', "%s", err->text);
	cr_assert(len < sizeof(err->text) - 1, "%s", err->text);
	cr_assert_null(strchr(err->text, '\n'));
	cr_assert_str_neq(xs_message_id(err->text), "other", "%s", err->text);
}

static void expect_unique(const struct xs_tls_error_row *table)
{
	for (const struct xs_tls_error_row *a = table; a->cause; a++) {
		cr_assert(*a->cause && *a->remedy);
		for (const struct xs_tls_error_row *b = a + 1; b->cause; b++)
			cr_assert_neq(a->code, b->code, "%d", a->code);
	}
}

Test(relay_tls_error, every_certificate_row)
{
	char name[254], trust[300];
	X509 *cert = make_cert("DNS:a.test,DNS:b.test,IP:192.0.2.1,IP:2001:"
			       "db8::1,DNS:c.test");

	memset(name, 'n', sizeof(name));
	name[253] = '\0';
	memset(trust, 't', sizeof(trust));
	trust[299] = '\0';
	expect_unique(xs_tls_error_certificates);
	for (const struct xs_tls_error_row *row = xs_tls_error_certificates;
	     row->cause; row++) {
		struct xs_error err = { 0 };

		xs_tls_error_certificate(&err, row->code, cert, name, trust);
		expect_good(&err, row);
		cr_assert_eq(err.errnum, EKEYREJECTED);
		/* Without a certificate at hand it must not crash. */
		xs_error_clear(&err);
		xs_tls_error_certificate(&err, row->code, NULL, name, trust);
		expect_good(&err, row);
	}
	X509_free(cert);
}

/* Those that an alarm is likely to look for. */
Test(relay_tls_error, identifiers_of_certificates)
{
	static const struct {
		int code;
		const char *id;
	} rows[] = {
		{ X509_V_ERR_HOSTNAME_MISMATCH, "certificate-name" },
		{ X509_V_ERR_CERT_HAS_EXPIRED, "certificate-expired" },
		{ X509_V_ERR_CERT_NOT_YET_VALID, "certificate-not-yet-valid" },
		{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
		  "certificate-self-signed" },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		  "certificate-untrusted" },
		{ X509_V_ERR_CERT_REVOKED, "certificate-revoked" },
		{ X509_V_ERR_CRL_HAS_EXPIRED, "certificate-crl" },
		{ X509_V_ERR_OCSP_VERIFY_NEEDED, "certificate-ocsp" },
		{ X509_V_ERR_INVALID_PURPOSE, "certificate-purpose" },
		{ X509_V_ERR_EE_KEY_TOO_SMALL, "certificate-weak" },
		{ X509_V_ERR_PATH_LOOP, "certificate-refused" },
		{ 9999, "certificate-refused" },
	};
	X509 *cert = make_cert("DNS:a.test");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct xs_error err = { 0 };

		xs_tls_error_certificate(&err, rows[i].code, cert, "b.test",
					 "/trust");
		cr_assert_str_eq(xs_message_id(err.text), rows[i].id, "%s",
				 err.text);
	}
	X509_free(cert);
}

static bool has_row(const struct xs_tls_error_row *table, int code)
{
	while (table->cause && table->code != code)
		table++;
	return table->cause;
}

/* The highest reason of libssl that was looked at, in OpenSSL 3.5 and 3.6: each
 * below has a row or is good as it is.  One above needs a row, or is good, and
 * this number goes up. */
enum { LOOKED_AT = 423 };

/* These two have never been in line. */
static bool is_known(int reason)
{
	return reason <= LOOKED_AT || reason == SSL_R_BAD_RECORD_TYPE ||
	       reason == SSL_R_INVALID_SESSION_ID;
}

Test(relay_tls_error, no_reason_is_overlooked)
{
	enum { ALERTS = SSL_AD_REASON_OFFSET };

	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
	for (int reason = 1; reason < ALERTS + 256; reason++) {
		const char *text = ERR_reason_error_string(
			ERR_PACK(ERR_LIB_SSL, 0, reason));

		if (!text)
			continue;
		if (reason < ALERTS)
			cr_expect(is_known(reason) ||
					  has_row(xs_tls_error_reasons, reason),
				  "%d %s", reason, text);
		else
			cr_expect(has_row(xs_tls_error_alerts, reason - ALERTS),
				  "%d %s", reason, text);
	}
}

/* Whatever OpenSSL has a word for, we have a sentence for. */
Test(relay_tls_error, nothing_is_left_out)
{
	const char *unknown = X509_verify_cert_error_string(9999);

	for (int code = 1; code < 1000; code++)
		if (strcmp(X509_verify_cert_error_string(code), unknown) != 0)
			cr_expect(has_row(xs_tls_error_certificates, code),
				  "%d %s", code,
				  X509_verify_cert_error_string(code));
	for (int code = 0; code < 256; code++)
		if (strcmp(SSL_alert_desc_string_long(code), "unknown") != 0)
			cr_expect(has_row(xs_tls_error_alerts, code), "%d %s",
				  code, SSL_alert_desc_string_long(code));
}

static const char *sentence(int code, const X509 *cert)
{
	static struct xs_error err;

	xs_error_clear(&err);
	xs_tls_error_certificate(&err, code, cert, "want.test",
				 "cafile=/ca.pem");
	return err.text;
}

Test(relay_tls_error, details)
{
	X509 *cert = make_cert("DNS:a.test,DNS:b.test,IP:192.0.2.1,IP:2001:"
			       "db8::1,DNS:c.test,email:x@y.test");
	X509 *nameless = make_cert(NULL);
	const char *text = sentence(X509_V_ERR_HOSTNAME_MISMATCH, cert);

	cr_assert(strstr(text, "\"want.test\", only for a.test, b.test, "
			       "192.0.2.1, 2001:db8::1 and 1 more"),
		  "%s", text);
	cr_assert(strstr(text, "CN=www?.test"), "%s", text);
	text = sentence(X509_V_ERR_HOSTNAME_MISMATCH, nameless);
	cr_assert(strstr(text, "no subjectAltName"), "%s", text);
	text = sentence(X509_V_ERR_CERT_HAS_EXPIRED, cert);
	cr_assert(strstr(text, "expired on 2024-01-01 ("), "%s", text);
	cr_assert(strstr(text, "this machine's clock says 20"), "%s", text);
	text = sentence(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, cert);
	cr_assert(strstr(text, "O=Issuer"), "%s", text);
	cr_assert(strstr(text, "cafile=/ca.pem"), "%s", text);
	cr_assert(strstr(text, "O=Issuer, whose certificate is missing"), "%s",
		  text);
	/* A code without a row is told in OpenSSL's words. */
	text = sentence(9999, cert);
	cr_assert(strstr(text, X509_verify_cert_error_string(9999)), "%s",
		  text);
	X509_free(cert);
	X509_free(nameless);
}

/* That of a rule with certificates. */
static struct xs_tls_context *context_of_rule(void)
{
	const struct xs_tls_policy policy = { .scheme = "tls",
					      .options = "verify_peer=0" };
	struct xs_error err = { 0 };
	struct xs_tls_context *context = xs_tls_context_get(&policy, &err);

	cr_assert(context, "%s", err.text);
	return context;
}

/* What a handshake says whose error queue begins with this reason. */
static struct xs_error shake(int reason, const char *first)
{
	struct xs_tls_early early = { .first_len = strlen(first) };
	struct xs_tls tls = { .early = &early, .context = context_of_rule() };
	struct xs_error err = { 0 };

	memcpy(early.first, first, early.first_len);
	ERR_clear_error();
	ERR_raise(ERR_LIB_SSL, reason);
	xs_tls_error_handshake(&err, &tls, SSL_ERROR_SSL);
	ERR_clear_error();
	xs_tls_context_put(tls.context);
	return err;
}

Test(relay_tls_error, every_alert_row)
{
	expect_unique(xs_tls_error_alerts);
	for (const struct xs_tls_error_row *row = xs_tls_error_alerts;
	     row->cause; row++) {
		struct xs_error err =
			shake(SSL_AD_REASON_OFFSET + row->code, "");

		expect_good(&err, row);
		cr_assert_eq(err.errnum, EPROTO);
	}
}

Test(relay_tls_error, every_reason_row)
{
	expect_unique(xs_tls_error_reasons);
	for (const struct xs_tls_error_row *row = xs_tls_error_reasons;
	     row->cause; row++) {
		struct xs_error err = shake(row->code, "");

		expect_good(&err, row);
		cr_assert_eq(err.errnum, EPROTO);
	}
}

/* What is told of the errors in OpenSSL's queue, which is empty then. */
static struct xs_error told(void)
{
	struct xs_tls_early early = { .first_len = 0 };
	struct xs_tls tls = { .early = &early };
	struct xs_error err = { 0 };

	xs_tls_error_handshake(&err, &tls, SSL_ERROR_SSL);
	ERR_clear_error();
	return err;
}

/* With OpenSSL 3.2 and later a group of 512 bits looks like this. */
Test(relay_tls_error, the_entry_with_words_counts)
{
	struct xs_error err;

	ERR_clear_error();
	ERR_raise(ERR_LIB_EVP, EVP_R_UNSUPPORTED_ALGORITHM);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_DATA);
	ERR_raise(ERR_LIB_SSL, SSL_R_DH_KEY_TOO_SMALL);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_SIGNATURE);
	err = told();
	cr_assert(strstr(err.text, "Diffie-Hellman group is too small"), "%s",
		  err.text);
}

/* Without words the first one tells. */
Test(relay_tls_error, the_first_entry_without_words)
{
	struct xs_error err;

	ERR_clear_error();
	ERR_raise(ERR_LIB_EVP, EVP_R_UNSUPPORTED_ALGORITHM);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_DATA);
	err = told();
	cr_assert(strstr(err.text, "failed: unsupported algorithm ("), "%s",
		  err.text);
}

Test(relay_tls_error, what_a_plaintext_server_said)
{
	struct xs_error err = shake(SSL_R_WRONG_VERSION_NUMBER,
				    "HTTP/1.1 400 Bad Request\r\n");

	cr_assert(strstr(err.text, ": it said \"HTTP/1.1 400 Bad Request\" ("),
		  "%s", err.text);
	err = shake(SSL_R_WRONG_VERSION_NUMBER, "\x01\x02\x03\x04");
	cr_assert_null(strstr(err.text, "it said"), "%s", err.text);
}

Test(relay_tls_error, unknown_reason)
{
	struct xs_error err;

	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
	err = shake(SSL_R_BAD_DATA, "");
	cr_assert(strstr(err.text, "TLS handshake failed: bad data"), "%s",
		  err.text);
}
