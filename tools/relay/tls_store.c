/* Certificates, keys and lists of revoked ones, from files or stores.
 *
 * A client certificate and its key come through OSSL_STORE, which reads PEM,
 * DER and PKCS #12 files and whatever URI a provider in OpenSSL's
 * configuration knows.  A passphrase is asked for by a callback that has it
 * from the rule, or not: the relay has no terminal.  Nothing here shows it.
 *
 * Any thread; each SSL_CTX belongs to its caller.
 */
#include "tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>

/* What one file or store gave. */
struct found {
	X509 *cert;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

struct secret {
	const char *passphrase; /* NULL: none */
	bool asked;
};

static int give_passphrase(char *buffer, int size, int writing, void *data)
{
	struct secret *secret = data;
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

/* Takes over what is in info; the first certificate is the leaf. */
static bool sort(struct found *found, OSSL_STORE_INFO *info)
{
	X509 *cert;

	switch (OSSL_STORE_INFO_get_type(info)) {
	case OSSL_STORE_INFO_PKEY:
		if (!found->key)
			found->key = OSSL_STORE_INFO_get1_PKEY(info);
		return true;
	case OSSL_STORE_INFO_CERT:
		cert = OSSL_STORE_INFO_get1_CERT(info);
		if (!found->cert) {
			found->cert = cert;
			return cert;
		}
		if (!found->chain)
			found->chain = sk_X509_new_null();
		if (cert && found->chain && sk_X509_push(found->chain, cert))
			return true;
		X509_free(cert);
		return false;
	default:
		return true;
	}
}

/* Reads everything, or only what is expected.  False on an error. */
static bool read_store(const char *uri, OSSL_LIB_CTX *library, int expected,
		       struct secret *secret, struct found *found)
{
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give_passphrase, 0);
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
			good = sort(found, info);
		else if (OSSL_STORE_error(store) && !OSSL_STORE_eof(store))
			good = false; /* the end itself is one, too */
		OSSL_STORE_INFO_free(info);
	}
out:
	OSSL_STORE_close(store);
	UI_destroy_method(ui);
	return good;
}

static void free_found(struct found *found)
{
	X509_free(found->cert);
	sk_X509_pop_free(found->chain, X509_free);
	EVP_PKEY_free(found->key);
}

static int fail(struct xs_error *err, const char *what, const char *option,
		const char *value)
{
	char sentence[300];

	snprintf(sentence, sizeof(sentence), "%s in %s=%.200s", what, option,
		 value);
	xs_tls_error_setup(err, sentence);
	return -1;
}

static int fail_key(struct xs_error *err, const struct secret *secret,
		    const char *option, const char *value)
{
	if (!secret->asked)
		return fail(err, "no private key", option, value);
	ERR_clear_error();
	return fail(err,
		    secret->passphrase
			    ? "the passphrase is wrong for the private key"
			    : "a passphrase is needed (passphrase=SECRET) for "
			      "the private key",
		    option, value);
}

static int use(SSL_CTX *ssl, const struct found *found,
	       const struct xs_options *options, struct xs_error *err)
{
	const char *cert = options->local_cert;
	const char *pk = options->local_pk ? options->local_pk : cert;

	ERR_clear_error();
	if (!SSL_CTX_use_certificate(ssl, found->cert))
		return fail(err, "cannot use the certificate", "local_cert",
			    cert);
	for (int i = 0; i < sk_X509_num(found->chain); i++)
		if (!SSL_CTX_add1_chain_cert(ssl,
					     sk_X509_value(found->chain, i)))
			return fail(err, "cannot use the chain", "local_cert",
				    cert);
	if (!X509_check_private_key(found->cert, found->key))
		return fail(err, "the certificate does not belong to the key",
			    options->local_pk ? "local_pk" : "local_cert", pk);
	if (!SSL_CTX_use_PrivateKey(ssl, found->key))
		return fail(err, "cannot use the private key",
			    options->local_pk ? "local_pk" : "local_cert", pk);
	return 0;
}

int xs_tls_store_client(SSL_CTX *ssl, OSSL_LIB_CTX *library,
			const struct xs_options *options, struct xs_error *err)
{
	const char *cert = options->local_cert, *pk = options->local_pk;
	struct secret secret = { .passphrase = options->passphrase };
	struct found found = { NULL };
	int result = -1;
	bool good;

	if (!cert)
		return 0;
	ERR_clear_error();
	good = read_store(cert, library, pk ? OSSL_STORE_INFO_CERT : 0, &secret,
			  &found);
	if (!good && secret.asked) {
		fail_key(err, &secret, "local_cert", cert);
		goto out;
	}
	if (!found.cert) {
		fail(err, "no certificate", "local_cert", cert);
		goto out;
	}
	ERR_clear_error();
	if (pk)
		read_store(pk, library, OSSL_STORE_INFO_PKEY, &secret, &found);
	if (found.key)
		result = use(ssl, &found, options, err);
	else
		fail_key(err, &secret, pk ? "local_pk" : "local_cert",
			 pk ? pk : cert);
out:
	free_found(&found);
	ERR_clear_error();
	return result;
}

/* The whole chain is looked at, as curl does: a CA without a list in the file
 * is an error, not a pass. */
int xs_tls_store_revoked(SSL_CTX *ssl, const char *file, struct xs_error *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	BIO *in;
	X509_CRL *list;
	int count = 0;

	if (!file)
		return 0;
	ERR_clear_error();
	in = BIO_new_file(file, "r");
	while (in && (list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL))) {
		count += X509_STORE_add_crl(store, list);
		X509_CRL_free(list);
	}
	BIO_free(in);
	if (!count)
		return fail(err, "no CRL in PEM", "crlfile", file);
	ERR_clear_error();
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl),
				    X509_V_FLAG_CRL_CHECK |
					    X509_V_FLAG_CRL_CHECK_ALL);
	return 0;
}

/* A file that the rule names must be readable; one that the environment or
 * OpenSSL names may be missing, as for any other OpenSSL client. */
int xs_tls_store_trust(SSL_CTX *ssl, const char *file, const char *dir,
		       bool ours, struct xs_error *err)
{
	bool is_file = file && *file == '/';

	ERR_clear_error();
	if (file && ours && !is_file) {
		if (!SSL_CTX_load_verify_store(ssl, file))
			return fail(err, "no trusted certificates", "cafile",
				    file);
	} else if (file && !SSL_CTX_load_verify_file(ssl, file) && ours) {
		return fail(err, "no trusted certificates", "cafile", file);
	}
	if (dir && !SSL_CTX_load_verify_dir(ssl, dir) && ours)
		return fail(err, "no trusted certificates", "capath", dir);
	ERR_clear_error();
	return 0;
}
