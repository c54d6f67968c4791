/* A provider for OpenSSL that has faster AES-GCM than OpenSSL 3.0.
 *
 * OpenSSL 3.0 encrypts 3 GB/s with AES-256-GCM where processors with VAES can
 * do 9 (3.1 does, so nothing is offered to it).  The provider stands beside
 * OpenSSL's own, never in its place: it is loaded only where AES-GCM would be
 * that of "default", and only libssl prefers it, by the property query that
 * xs_tls_provider_offer returns.  Where a configuration wants another provider
 * (FIPS, or a vendor's), that one is used.
 *
 * Before a library context gets it, what it encrypts is compared with what
 * OpenSSL's own does.
 */
#include "relay/tls/tls_gcm.h"
#include "relay/tls/tls_private.h"

#include <cpuid.h>
#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
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
	OSSL_FUNC_core_get_libctx_fn *get_library = NULL;

	for (; in->function_id; in++)
		if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
			get_library = OSSL_FUNC_core_get_libctx(in);
	if (!get_library)
		return 0;
	*out = provider_functions;
	*provider = get_library(handle);
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

	return encrypt_sample(name, NULL, library, &theirs) &&
	       encrypt_sample(name, XS_TLS_WIDE, library, &ours) &&
	       memcmp(&theirs, &ours, sizeof(ours)) == 0;
}

/* --- offering it --------------------------------------------------------- */

static const char name[] = "xsock";

/* Does the configuration leave it to OpenSSL's own?  That one is loaded by
 * being asked for, where it is loaded at all. */
static bool is_default(const char *cipher_name, OSSL_LIB_CTX *library)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(library, cipher_name, NULL);
	const OSSL_PROVIDER *provider =
		cipher ? EVP_CIPHER_get0_provider(cipher) : NULL;
	bool yes = provider &&
		   strcmp(OSSL_PROVIDER_get0_name(provider), "default") == 0;

	EVP_CIPHER_free(cipher);
	return yes;
}

OSSL_PROVIDER *xs_tls_provider_load(OSSL_LIB_CTX *library)
{
	OSSL_PROVIDER *provider = NULL;

	if (is_default("AES-128-GCM", library) &&
	    is_default("AES-256-GCM", library) &&
	    OSSL_PROVIDER_add_builtin(library, name, provider_init))
		provider = OSSL_PROVIDER_load(library, name);
	if (provider && !(agrees("AES-128-GCM", library) &&
			  agrees("AES-256-GCM", library))) {
		OSSL_PROVIDER_unload(provider);
		provider = NULL;
	}
	ERR_clear_error();
	return provider;
}

/* Not every compiler's library has a name for these two (clang 14 has none for
 * VAES). */
static bool has_wide_aes(void)
{
	const unsigned int both = bit_VAES | bit_VPCLMULQDQ;
	unsigned int a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & both) == both;
}

/* Asked of the compiler's library, which looks at what the kernel has switched
 * on, too (XCR0); libipsec-mb does not, and tries its functions. */
static bool is_wide_processor(void)
{
	return __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && has_wide_aes();
}

static bool is_useful(void)
{
	bool wide;

	return OPENSSL_version_major() == 3 && OPENSSL_version_minor() == 0 &&
	       is_wide_processor() && xs_tls_gcm_open(&wide) && wide;
}

const char *xs_tls_provider_offer(OSSL_LIB_CTX *library,
				  struct xs_tls_faster *faster)
{
	if (!faster->asked && is_useful())
		faster->provider = xs_tls_provider_load(library);
	faster->asked = true;
	return faster->provider ? "?" XS_TLS_WIDE : NULL;
}
