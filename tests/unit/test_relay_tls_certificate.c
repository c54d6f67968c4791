/* Tests: tools/relay/tls/tls_certificate.c.
 *
 * The facts of a certificate, above all of certificates that no CA should
 * issue. */
#include "relay/tls/tls_certificate.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

static struct xs_arena arena;

static void add_name(GENERAL_NAMES *names, int type, const void *data, int len)
{
	ASN1_STRING *value = ASN1_STRING_type_new(
		type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	GENERAL_NAME *name = GENERAL_NAME_new();

	ASN1_STRING_set(value, data, len);
	GENERAL_NAME_set0_value(name, type, value);
	sk_GENERAL_NAME_push(names, name);
}

static X509 *make_cert(EVP_PKEY *key, const char *cn, int cn_len)
{
	X509 *cert = X509_new();

	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400 + 3600);
	if (cn)
		X509_NAME_add_entry_by_txt(
			X509_get_subject_name(cert), "CN", V_ASN1_UTF8STRING,
			(const unsigned char *)cn, cn_len, -1, 0);
	if (key) {
		X509_set_pubkey(cert, key);
		X509_sign(cert, key,
			  EVP_PKEY_is_a(key, "EC") ? EVP_sha256() : NULL);
	}
	return cert;
}

static struct xs_tls_certificate read(X509 *cert)
{
	struct xs_tls_certificate facts = { .sent = false };

	cr_assert_eq(xs_tls_certificate_read(cert, &arena, &facts), 0);
	return facts;
}

Test(relay_tls_certificate, names_that_nobody_should_have)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_cert(key, NULL, 0);
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	struct xs_tls_certificate facts;

	add_name(names, GEN_DNS, "good.test\0evil.test", 19);
	add_name(names, GEN_DNS, "\x1b[2J\xff", 5);
	add_name(names, GEN_DNS, "", 0);
	add_name(names, GEN_IPADD, "\x7f\0\0\1", 4);
	add_name(names, GEN_IPADD, "12345", 5);
	add_name(names, GEN_URI, "x:\n", 3);
	X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0);
	facts = read(cert);
	cr_assert_eq(facts.names, 6);
	cr_assert_str_eq(facts.name[0], "DNS:good.test\\x00evil.test");
	cr_assert_str_eq(facts.name[1], "DNS:\\x1b[2J\\xff");
	cr_assert_str_eq(facts.name[2], "DNS:");
	cr_assert_str_eq(facts.name[3], "IP:127.0.0.1");
	cr_assert_str_eq(facts.name[4], "IP:?");
	cr_assert_str_eq(facts.name[5], "URI:x:\\x0a");
	cr_assert_str_eq(facts.subject, "");
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
	X509_free(cert);
	EVP_PKEY_free(key);
	xs_arena_free(&arena);
}

Test(relay_tls_certificate, subjects_are_printable)
{
	static const char nasty[] = "a\0b\n\x1b[31m, O=x \xc2\x9b\xe2\x80\xae";
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *cert = make_cert(key, nasty, sizeof(nasty) - 1);
	struct xs_tls_certificate facts = read(cert);

	for (const char *at = facts.subject; *at; at++)
		cr_assert(*at >= ' ' && *at <= '~', "%s", facts.subject);
	/* What looks like another part of the name is escaped. */
	cr_assert(strstr(facts.subject, "\\, O=x"), "%s", facts.subject);
	cr_assert_str_eq(facts.key, "ED25519");
	cr_assert_null(facts.key_group);
	X509_free(cert);
	EVP_PKEY_free(key);
	xs_arena_free(&arena);
}

Test(relay_tls_certificate, without_key_and_dates)
{
	X509 *cert = X509_new();
	struct xs_tls_certificate facts = { .sent = false };

	/* It cannot be encoded, so it has no digest: refused, not a crash. */
	cr_assert_eq(xs_tls_certificate_read(cert, &arena, &facts), -1);
	X509_free(cert);
	xs_arena_free(&arena);
}

Test(relay_tls_certificate, days)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_cert(key, "x", 1);
	struct xs_tls_certificate facts = read(cert);

	cr_assert_eq(facts.days_left, 1);
	X509_gmtime_adj(X509_getm_notAfter(cert), -60);
	/* A minute ago is expired, and not "0 days left". */
	cr_assert_eq(read(cert).days_left, -1);
	ASN1_TIME_set_string(X509_getm_notAfter(cert), "99991231235959Z");
	facts = read(cert);
	cr_assert_str_eq(facts.not_after, "9999-12-31T23:59:59Z");
	cr_assert(facts.days_left > 2000000);
	X509_free(cert);
	EVP_PKEY_free(key);
	xs_arena_free(&arena);
}
