/* Certificates and a key from a PKCS #12 file.
 *
 * OSSL_STORE reads such files, too, but decrypts them in OpenSSL's own library
 * context, whatever context it is given (3.0, 3.5): with the legacy provider in
 * the application's OPENSSL_CONF an old file could not be read.
 *
 * Any thread.
 */
#include "relay/tls/tls_identity.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

/* The password by which the file was authenticated: none, an empty one or the
 * rule's.  False: another one. */
static bool find_password(PKCS12 *file, struct xs_tls_secret *secret,
			  const char **password)
{
	*password = NULL;
	if (!PKCS12_mac_present(file)) {
		*password = secret->passphrase;
		return true;
	}
	if (PKCS12_verify_mac(file, NULL, 0))
		return true;
	*password = "";
	if (PKCS12_verify_mac(file, "", 0))
		return true;
	secret->asked = true;
	*password = secret->passphrase;
	ERR_clear_error();
	return *password && PKCS12_verify_mac(file, *password, -1);
}

/* Takes over what is wanted of the rest. */
static bool sort(X509 *cert, STACK_OF(X509) * chain, EVP_PKEY *key,
		 unsigned wanted, struct xs_tls_identity *identity)
{
	bool good = true;

	if (!(wanted & XS_TLS_KEY) || identity->key)
		EVP_PKEY_free(key);
	else
		identity->key = key;
	if (!(wanted & XS_TLS_CERTIFICATES)) {
		X509_free(cert);
		sk_X509_pop_free(chain, X509_free);
		return true;
	}
	if (cert)
		good = xs_tls_identity_add(identity, cert);
	while (good && sk_X509_num(chain) > 0)
		good = xs_tls_identity_add(identity, sk_X509_shift(chain));
	sk_X509_pop_free(chain, X509_free);
	return good;
}

static void read_file(PKCS12 *file, OSSL_LIB_CTX *library, unsigned wanted,
		      struct xs_tls_secret *secret,
		      struct xs_tls_identity *identity)
{
	const char *password;
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;

	if (find_password(file, secret, &password) &&
	    PKCS12_parse(file, password, &key, &cert, &chain) &&
	    sort(cert, chain, key, wanted, identity))
		secret->asked = false;
	else
		xs_tls_note_unsupported(identity, library);
}

enum xs_tls_file_result
xs_tls_identity_read_pkcs12(BIO *in, OSSL_LIB_CTX *library, unsigned wanted,
			    struct xs_tls_secret *secret,
			    struct xs_tls_identity *identity)
{
	PKCS12 *file = PKCS12_init_ex(NID_pkcs7_data, library, NULL);
	bool found = file && d2i_PKCS12_bio(in, &file);

	if (found)
		read_file(file, library, wanted, secret, identity);
	PKCS12_free(file);
	ERR_clear_error();
	return found ? XS_TLS_FILE_READ : XS_TLS_FILE_OTHER;
}
