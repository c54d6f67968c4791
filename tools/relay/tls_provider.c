/* A provider for OpenSSL that has faster AES-GCM than OpenSSL 3.0.
 *
 * OpenSSL 3.0 encrypts 3 GB/s with AES-256-GCM where processors with VAES can
 * do 9 (3.1 does, so nothing is offered to it).  The provider stands beside
 * OpenSSL's own, never in its place: it is loaded only where "default" is, and
 * only libssl prefers it, by the property query that xs_tls_provider_offer
 * returns.  Where the configuration wants others (FIPS), they are used.
 *
 * Before it is offered for the first time, what it encrypts is compared with
 * what OpenSSL's own does.
 */
#include "tls_gcm.h"
#include "tls_private.h"

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <string.h>

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_CIPHER ? xs_tls_gcm_algorithms : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
	{ 0, NULL },
};

static int provider_init(const OSSL_CORE_HANDLE *handle,
			 const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
			 void **provider)
{
	(void)in;
	*out = provider_functions;
	*provider = (void *)handle;
	return 1;
}

/* --- does it say the same as OpenSSL's own? ------------------------------ */

enum { SAMPLE = 1021, HEAD = 5, TAG = 16 };

struct sample {
	uint8_t text[SAMPLE];
	uint8_t tag[TAG];
};

static bool encrypt_sample(const char *name, const char *properties,
			   OSSL_LIB_CTX *library, struct sample *out)
{
	static const uint8_t key[32] = "a key that is not one, 32 bytes";
	static const uint8_t nonce[12] = "a nonce";
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(library, name, properties);
	EVP_CIPHER_CTX *run = EVP_CIPHER_CTX_new();
	int len;
	bool good;

	memset(out->text, 'x', sizeof(out->text));
	good = cipher && run &&
	       EVP_EncryptInit_ex2(run, cipher, key, nonce, NULL) &&
	       EVP_EncryptUpdate(run, NULL, &len, nonce, HEAD) &&
	       EVP_EncryptUpdate(run, out->text, &len, out->text, SAMPLE) &&
	       EVP_EncryptFinal_ex(run, out->text + len, &len) &&
	       EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_GET_TAG, TAG, out->tag);
	EVP_CIPHER_CTX_free(run);
	EVP_CIPHER_free(cipher);
	return good;
}

static bool agrees(const char *name, OSSL_LIB_CTX *library)
{
	struct sample theirs, ours;

	return encrypt_sample(name, "provider=default", library, &theirs) &&
	       encrypt_sample(name, "provider=" XS_TLS_PROVIDER, library,
			      &ours) &&
	       memcmp(&theirs, &ours, sizeof(ours)) == 0;
}

/* --- offering it --------------------------------------------------------- */

OSSL_PROVIDER *xs_tls_provider_load(OSSL_LIB_CTX *library)
{
	OSSL_PROVIDER *provider = NULL;

	/* To load one explicitly is to do without the default one, unless that
	 * is loaded already (OSSL_PROVIDER(3)); asking for it does. */
	if (OSSL_PROVIDER_available(library, "default") &&
	    !EVP_default_properties_is_fips_enabled(library) &&
	    OSSL_PROVIDER_add_builtin(library, XS_TLS_PROVIDER, provider_init))
		provider = OSSL_PROVIDER_load(library, XS_TLS_PROVIDER);
	if (provider && !(agrees("AES-128-GCM", library) &&
			  agrees("AES-256-GCM", library))) {
		OSSL_PROVIDER_unload(provider);
		provider = NULL;
	}
	ERR_clear_error();
	return provider;
}

const char *xs_tls_provider_offer(OSSL_LIB_CTX *library,
				  OSSL_PROVIDER **provider)
{
	bool wide;

	if (OPENSSL_version_major() > 3 || OPENSSL_version_minor() > 0 ||
	    !xs_tls_gcm_open(&wide) || !wide)
		return NULL;
	if (!*provider)
		*provider = xs_tls_provider_load(library);
	return *provider ? "?provider=" XS_TLS_PROVIDER : NULL;
}
