/* The client's own certificate and key: local_cert, local_pk, passphrase.
 *
 * Files are read by tls_identity_pem.c or tls_identity_pkcs12.c.  What else
 * there is, DER and whatever URI a provider in OpenSSL's configuration knows,
 * comes through OSSL_STORE.  A passphrase is asked for by a callback that has
 * it from the rule, or not: the relay has no terminal.  Nothing here shows it.
 *
 * Any thread; each SSL_CTX belongs to its caller.
 */
#include "relay/tls/tls_identity.h"

#include "relay/base/buffers.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>

int xs_tls_give_passphrase(char *buffer, int size, int writing, void *data)
{
	struct xs_tls_secret *secret = data;
	size_t len;

	(void)writing;
	secret->asked = true;
	if (!secret->passphrase)
		return -1;
	len = strlen(secret->passphrase);
	if (len > (size_t)size)
		return -1;
	memcpy(buffer, secret->passphrase, len);
	return (int)len;
}

bool xs_tls_identity_add(struct xs_tls_identity *identity, X509 *cert)
{
	if (!cert || !identity->cert) {
		identity->cert = cert;
		return cert;
	}
	if (!identity->chain)
		identity->chain = sk_X509_new_null();
	if (identity->chain && sk_X509_push(identity->chain, cert))
		return true;
	X509_free(cert);
	return false;
}

/* Reasons of libcrypto for an algorithm that it does not have.  (What a decoder
 * says with the same number only means that the file is something else.) */
static bool is_unsupported(unsigned long code)
{
	static const int of_evp[] = {
		ERR_R_UNSUPPORTED,
		EVP_R_UNSUPPORTED_ALGORITHM,
		EVP_R_UNSUPPORTED_CIPHER,
		EVP_R_UNSUPPORTED_PRF,
		EVP_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION,
		EVP_R_UNKNOWN_CIPHER,
		EVP_R_UNKNOWN_DIGEST,
		EVP_R_UNKNOWN_PBE_ALGORITHM,
	};
	int reason = ERR_GET_REASON(code);

	if (ERR_GET_LIB(code) == ERR_LIB_PKCS12)
		return reason == PKCS12_R_UNKNOWN_DIGEST_ALGORITHM;
	if (ERR_GET_LIB(code) == ERR_LIB_PEM)
		return reason == PEM_R_UNSUPPORTED_ENCRYPTION;
	for (size_t i = 0; i < sizeof(of_evp) / sizeof(*of_evp); i++)
		if (ERR_GET_LIB(code) == ERR_LIB_EVP && reason == of_evp[i])
			return true;
	return false;
}

/* Its name is in the text that goes with the entry, "…, Algorithm (RC2-40-CBC :
 * 0), …", if anywhere. */
static void copy_algorithm(char *name, size_t size, const char *text)
{
	static const char begin[] = "Algorithm (";
	const char *at = text ? strstr(text, begin) : NULL;

	snprintf(name, size, "?");
	if (!at)
		return;
	at += sizeof(begin) - 1;
	snprintf(name, size, "%.*s", (int)strcspn(at, " :)"), at);
}

/* What falls back to OpenSSL's own context may miss it there. */
static bool has_algorithm(OSSL_LIB_CTX *library, const char *name)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(library, name, NULL);
	EVP_MD *digest = cipher ? NULL : EVP_MD_fetch(library, name, NULL);
	bool has = cipher || digest;

	EVP_CIPHER_free(cipher);
	EVP_MD_free(digest);
	return has;
}

void xs_tls_note_unsupported(struct xs_tls_identity *identity,
			     OSSL_LIB_CTX *library)
{
	char name[sizeof(identity->unsupported)] = "";
	const char *text;
	unsigned long code;
	int flags;

	while ((code = ERR_get_error_all(NULL, NULL, NULL, &text, &flags)))
		if (is_unsupported(code) && !*name)
			copy_algorithm(name, sizeof(name),
				       flags & ERR_TXT_STRING ? text : NULL);
	if (*name && !has_algorithm(library, name))
		memcpy(identity->unsupported, name, sizeof(name));
	ERR_clear_error();
}

static void free_identity(struct xs_tls_identity *identity)
{
	X509_free(identity->cert);
	sk_X509_pop_free(identity->chain, X509_free);
	EVP_PKEY_free(identity->key);
}

/* --- stores -------------------------------------------------------------- */

/* Takes over what is in info. */
static bool sort(struct xs_tls_identity *identity, OSSL_STORE_INFO *info)
{
	switch (OSSL_STORE_INFO_get_type(info)) {
	case OSSL_STORE_INFO_PKEY:
		if (!identity->key)
			identity->key = OSSL_STORE_INFO_get1_PKEY(info);
		return true;
	case OSSL_STORE_INFO_CERT:
		return xs_tls_identity_add(identity,
					   OSSL_STORE_INFO_get1_CERT(info));
	default:
		return true;
	}
}

/* Reads everything, or only certificates or keys.  False on an error. */
static bool read_store(const char *uri, OSSL_LIB_CTX *library, unsigned wanted,
		       struct xs_tls_secret *secret,
		       struct xs_tls_identity *identity)
{
	UI_METHOD *ui =
		UI_UTIL_wrap_read_pem_callback(xs_tls_give_passphrase, 0);
	int expected = wanted == XS_TLS_KEY	       ? OSSL_STORE_INFO_PKEY
		       : wanted == XS_TLS_CERTIFICATES ? OSSL_STORE_INFO_CERT
						       : 0;
	OSSL_STORE_CTX *store = NULL;
	bool good = false;

	if (ui)
		store = OSSL_STORE_open_ex(uri, library, NULL, ui, secret, NULL,
					   NULL, NULL);
	if (!store || (expected && !OSSL_STORE_expect(store, expected)))
		goto out;
	good = true;
	while (good && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info)
			good = sort(identity, info);
		else if (OSSL_STORE_error(store) && !OSSL_STORE_eof(store))
			good = false; /* the end itself is one, too */
		OSSL_STORE_INFO_free(info);
	}
out:
	OSSL_STORE_close(store);
	UI_destroy_method(ui);
	return good;
}

/* The same of a token, unless another has opened it. */
static bool read_token(const char *uri, OSSL_LIB_CTX *library, unsigned wanted,
		       struct xs_tls_secret *secret,
		       struct xs_tls_identity *identity)
{
	const struct xs_tls_token token = { uri, secret->passphrase,
					    secret->conf };
	EVP_PKEY *before = identity->key;
	bool good;

	if (!xs_tls_token_enter(&token)) {
		identity->other_login = true;
		return false;
	}
	good = read_store(uri, library, wanted, secret, identity);
	xs_tls_token_leave(&token, identity->key != before);
	return good;
}

/* --- sentences ------------------------------------------------------------ */

/* How much of a file or URI is shown: behind "?" may be a PIN. */
static int shown(const char *value)
{
	enum { MOST = 200 };
	size_t len = *value == '/' ? MOST : strcspn(value, "?");

	return len < MOST ? (int)len : MOST;
}

static int fail(struct xs_error *err, const char *what, const char *option,
		const char *value)
{
	char sentence[XS_ERROR_TEXT_MAX];

	snprintf(sentence, sizeof(sentence), "%s in %s=%.*s", what, option,
		 shown(value), value);
	xs_tls_error_setup(err, sentence);
	return -1;
}

/* Old files are the reason, nearly always.  With another passphrase the end
 * would be the same. */
static int fail_unsupported(struct xs_error *err, const char *algorithm,
			    const char *option, const char *value)
{
	return xs_error_set(
		err, XS_ERR_RULES, 0,
		"unsupported algorithm %s in %s=%.150s: OpenSSL has the old "
		"ones in its legacy provider only (convert the file: \"openssl "
		"pkcs12 -legacy -in OLD -out NEW.pem\", or a key: \"openssl "
		"pkcs8 -topk8 -provider legacy -provider default -in OLD -out "
		"NEW.pem\"; or activate that provider in OPENSSL_CONF)",
		algorithm, option, value);
}

static bool has_pin(const char *value)
{
	return *value != '/' && strstr(value, "pin-");
}

static int fail_key(struct xs_error *err, const struct xs_tls_secret *secret,
		    const struct xs_tls_identity *identity, const char *option,
		    const char *value)
{
	ERR_clear_error();
	if (identity->other_login)
		return xs_error_set(
			err, XS_ERR_RULES, 0,
			"%s=%.*s: another rule has opened this token with "
			"another PIN, or without one (that lasts until the "
			"relay has ended; if it is another token, name both "
			"with token=)",
			option, shown(value), value);
	if (identity->unsupported[0] && (!secret->asked || secret->passphrase))
		return fail_unsupported(err, identity->unsupported, option,
					value);
	if (secret->asked && !secret->passphrase)
		return fail(err,
			    "a passphrase is needed (passphrase=SECRET) for "
			    "the private key",
			    option, value);
	if (secret->asked)
		return fail(err,
			    *value == '/' ? "the passphrase is wrong for the "
					    "private key"
					  : "no private key with that name, or "
					    "a wrong PIN (passphrase),",
			    option, value);
	return fail(err,
		    identity->unread_key
			    ? "a private key of a kind that this OpenSSL does "
			      "not read"
		    : has_pin(value) ? "no private key, or a wrong PIN,"
				     : "no private key",
		    option, value);
}

/* --- both ----------------------------------------------------------------- */

/* What the rule says that has an identity, or a part of it. */
struct source {
	const char *option, *value;
	unsigned wanted;
};

/* The three kinds of files, one after the other.  What wants a passphrase and
 * does not get it is told as such; what is missing then, the caller sees. */
static int read_file(const struct source *source, BIO *in,
		     OSSL_LIB_CTX *library, struct xs_tls_secret *secret,
		     struct xs_tls_identity *identity, struct xs_error *err)
{
	enum xs_tls_file_result result = xs_tls_identity_read_pem(
		in, library, source->wanted, secret, identity);

	/* The rest could be sent, but is not what the file means. */
	if (result == XS_TLS_FILE_DAMAGED)
		return fail(err, "a damaged PEM block", source->option,
			    source->value);
	if (result == XS_TLS_FILE_OTHER && BIO_seek(in, 0) >= 0)
		result = xs_tls_identity_read_pkcs12(
			in, library, source->wanted, secret, identity);
	if (result == XS_TLS_FILE_READ)
		return 0;
	if (!read_store(source->value, library, source->wanted, secret,
			identity))
		xs_tls_note_unsupported(identity, library);
	else if (identity->key)
		secret->asked = false;
	return 0;
}

static int read_source(const struct source *source, OSSL_LIB_CTX *library,
		       struct xs_tls_secret *secret,
		       struct xs_tls_identity *identity, struct xs_error *err)
{
	BIO *in;
	int result;

	ERR_clear_error();
	if (*source->value != '/') {
		xs_tls_reading_note(source->option, NULL);
		if (!read_token(source->value, library, source->wanted, secret,
				identity))
			xs_tls_note_unsupported(identity, library);
		else if (identity->key)
			secret->asked = false;
		xs_tls_reading_done();
		return 0;
	}
	in = xs_tls_file_open(source->value);
	if (!in)
		return xs_tls_file_fail(err,
					source->wanted & XS_TLS_CERTIFICATES
						? "no certificate"
						: "no private key",
					source->option, source->value, errno);
	result = read_file(source, in, library, secret, identity, err);
	BIO_free(in);
	return result;
}

/* What a server may be sent: OpenSSL's take 100 KiB at most, and the records of
 * a handshake must fit where xs_tls_handshake puts them. */
enum { CHAIN_MAX = 120 * 1024 };
_Static_assert(CHAIN_MAX + 16384 < XS_TLS_OUT_ROOM(XS_READ_MAX),
	       "a chain fits with what else a handshake says");

static bool is_too_long(const struct xs_tls_identity *identity)
{
	int len = i2d_X509(identity->cert, NULL);

	for (int i = 0; i < sk_X509_num(identity->chain); i++)
		len += i2d_X509(sk_X509_value(identity->chain, i), NULL);
	return len > CHAIN_MAX;
}

static int use(SSL_CTX *ssl, const struct xs_tls_identity *identity,
	       const struct source *cert, const struct source *key,
	       struct xs_error *err)
{
	ERR_clear_error();
	if (is_too_long(identity))
		return fail(err,
			    "more certificates than servers take (100 KiB)",
			    cert->option, cert->value);
	if (!SSL_CTX_use_certificate(ssl, identity->cert))
		return fail(err, "cannot use the certificate", cert->option,
			    cert->value);
	for (int i = 0; i < sk_X509_num(identity->chain); i++)
		if (!SSL_CTX_add1_chain_cert(ssl,
					     sk_X509_value(identity->chain, i)))
			return fail(err, "cannot use the chain", cert->option,
				    cert->value);
	if (!X509_check_private_key(identity->cert, identity->key))
		return fail(err, "the certificate does not belong to the key",
			    key->option, key->value);
	if (!SSL_CTX_use_PrivateKey(ssl, identity->key))
		return fail(err, "cannot use the private key", key->option,
			    key->value);
	return 0;
}

static int read_both(OSSL_LIB_CTX *library, const struct source *cert,
		     const struct source *key, struct xs_tls_secret *secret,
		     struct xs_tls_identity *identity, struct xs_error *err)
{
	if (read_source(cert, library, secret, identity, err) < 0)
		return -1;
	if (!identity->cert && (secret->asked || identity->unsupported[0] ||
				identity->other_login))
		return fail_key(err, secret, identity, cert->option,
				cert->value);
	if (!identity->cert)
		return fail(err, "no certificate", cert->option, cert->value);
	if (key != cert && read_source(key, library, secret, identity, err) < 0)
		return -1;
	if (!identity->key)
		return fail_key(err, secret, identity, key->option, key->value);
	return 0;
}

int xs_tls_identity_use(SSL_CTX *ssl, OSSL_LIB_CTX *library, const char *conf,
			const struct xs_options *options, struct xs_error *err)
{
	const char *local_pk = options->local_pk;
	struct source cert = { "local_cert", options->local_cert,
			       local_pk ? XS_TLS_CERTIFICATES
					: XS_TLS_CERTIFICATES | XS_TLS_KEY };
	struct source separate = { "local_pk", local_pk, XS_TLS_KEY };
	const struct source *key = local_pk ? &separate : &cert;
	struct xs_tls_secret secret = { .passphrase = options->passphrase,
					.conf = conf };
	struct xs_tls_identity identity = { .cert = NULL };
	int result;

	if (!cert.value)
		return 0;
	result = read_both(library, &cert, key, &secret, &identity, err);
	if (result == 0)
		result = use(ssl, &identity, &cert, key, err);
	free_identity(&identity);
	ERR_clear_error();
	return result;
}
