/* Would OpenSSL take what a rule says?  See tls_check.h.
 *
 * The library that reads the rules has no OpenSSL and lets names of ciphers
 * and the contents of files pass.  Nothing is kept here, and the trusted
 * certificates of the system are not read: they are not the rule's.
 */
#include "tls_check.h"

#include "tls_private.h"

static int apply(SSL_CTX *ssl, const struct xs_tls_library *library,
		 const struct xs_scheme *scheme,
		 const struct xs_options *options, struct xs_error *err)
{
	if (xs_tls_setup(ssl, scheme, options, err) < 0 ||
	    xs_tls_store_client(ssl, xs_tls_library_openssl(library), options,
				err) < 0)
		return -1;
	if (!options->verify_peer)
		return 0;
	if (xs_tls_store_trust(ssl, options->cafile, options->capath, true,
			       err) < 0)
		return -1;
	return xs_tls_store_revoked(ssl, options->crlfile, err);
}

int xs_tls_check(const struct xs_scheme *scheme,
		 const struct xs_options *options, const char *openssl_conf,
		 struct xs_error *err)
{
	struct xs_tls_library *library;
	SSL_CTX *ssl = xs_tls_library_context(openssl_conf ? openssl_conf : "",
					      &library, err);
	int result = ssl ? apply(ssl, library, scheme, options, err) : -1;

	SSL_CTX_free(ssl);
	xs_tls_library_put(library);
	return result;
}
