/* Who is trusted and who is not any more: trusted certificates and lists of
 * revoked ones, from files or stores.
 *
 * The client's own certificate and key are in tls_identity.c.
 *
 * Any thread; each SSL_CTX belongs to its caller.
 */
#include "relay/tls/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

static int fail(struct xs_error *err, const char *what, const char *option,
		const char *value)
{
	char sentence[XS_ERROR_TEXT_MAX];

	snprintf(sentence, sizeof(sentence), "%s in %s=%.200s", what, option,
		 value);
	xs_tls_error_setup(err, sentence);
	return -1;
}

/* Adds all lists of the file to store.  Returns how many, or -1 when one is
 * damaged: without it, its CA's certificates would be refused for no reason
 * that anybody could see. */
static int add_lists(X509_STORE *store, BIO *in)
{
	X509_CRL *list;
	int count = 0;
	bool is_end;

	while ((list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL))) {
		count += X509_STORE_add_crl(store, list);
		X509_CRL_free(list);
	}
	is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	return count && !is_end ? -1 : count;
}

/* The whole chain is looked at, as curl does: a CA without a list in the file
 * is an error, not a pass. */
int xs_tls_store_revoked(SSL_CTX *ssl, const char *file, struct xs_error *err)
{
	BIO *in;
	int count;

	if (!file)
		return 0;
	in = xs_tls_file_open(file);
	if (!in)
		return xs_tls_file_fail(err, "no CRL", "crlfile", file, errno);
	ERR_clear_error();
	count = add_lists(SSL_CTX_get_cert_store(ssl), in);
	BIO_free(in);
	if (count <= 0)
		return fail(err, count ? "a damaged CRL" : "no CRL in PEM",
			    "crlfile", file);
	ERR_clear_error();
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl),
				    X509_V_FLAG_CRL_CHECK |
					    X509_V_FLAG_CRL_CHECK_ALL);
	return 0;
}

static bool is_named(const char *by, const char *name)
{
	return by && strcmp(by, name) == 0;
}

/* Everything of the file that is a certificate or a CRL, as
 * X509_load_cert_crl_file(3); "" is the passphrase of what is encrypted.  How
 * many. */
static int add_all(X509_STORE *store, OSSL_LIB_CTX *library, BIO *in)
{
	STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio_ex(
		in, NULL, NULL, (void *)"", library, NULL);
	int count = 0;

	for (int i = 0; i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *info = sk_X509_INFO_value(all, i);

		count += info->x509 && X509_STORE_add_cert(store, info->x509);
		count += info->crl && X509_STORE_add_crl(store, info->crl);
	}
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	return count;
}

/* Sets *loaded if there are certificates in the file.  Only OpenSSL's own may
 * be missing: what is there and cannot be read now would be missed in each
 * later connection. */
static int trust_file(SSL_CTX *ssl, const struct xs_tls_library *library,
		      const struct xs_tls_trust *trust, bool *loaded,
		      struct xs_error *err)
{
	static const char none[] = "no trusted certificates";
	const char *by = trust->file_by ? trust->file_by : "OpenSSL's file";
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	BIO *in = NULL;

	if (is_named(trust->file_by, "cafile") && *trust->file != '/') {
		xs_tls_reading_note("cafile", NULL);
		*loaded = X509_STORE_load_store_ex(
			store, trust->file, xs_tls_library_stores(library),
			NULL);
		xs_tls_reading_done();
	} else {
		in = xs_tls_file_open(trust->file);
		if (!in && (trust->file_by || errno != ENOENT))
			return xs_tls_file_fail(err, none, by, trust->file,
						errno);
		*loaded = in && add_all(store, xs_tls_library_openssl(library),
					in) > 0;
		BIO_free(in);
	}
	if (*loaded || !trust->file_by)
		return 0;
	return fail(err, none, by, trust->file);
}

int xs_tls_store_trust(SSL_CTX *ssl, const struct xs_tls_library *library,
		       struct xs_tls_trust *trust, struct xs_error *err)
{
	const char *by = trust->folder_by;
	bool loaded = false, needed;
	int result = 0;

	ERR_clear_error();
	if (trust->file)
		result = trust_file(ssl, library, trust, &loaded, err);
	/* The environment's, as curl has it, beside a good file. */
	needed = by && (strcmp(by, "capath") == 0 || !loaded);
	if (result == 0 && trust->folder)
		result = xs_tls_folder_read(
			ssl, xs_tls_library_openssl(library), trust->folder, by,
			needed, trust->skipped, sizeof(trust->skipped), err);
	/* What the rule names is trusted as it is, as by curl: it need not be a
	 * root. */
	if (is_named(trust->file_by, "cafile") ||
	    is_named(trust->folder_by, "capath"))
		X509_STORE_set_flags(SSL_CTX_get_cert_store(ssl),
				     X509_V_FLAG_PARTIAL_CHAIN);
	ERR_clear_error();
	return result;
}
