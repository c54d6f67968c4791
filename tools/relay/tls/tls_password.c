/* An RSA key for MySQL's passwords; see tls_password.h.  Any thread. */
#include "relay/tls/tls_password.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

enum { BITS = 2048 };

static EVP_PKEY *key;
static char public_key[1024];
static size_t public_len;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	key = EVP_RSA_gen(BITS);
	if (key && bio && PEM_write_bio_PUBKEY(bio, key) == 1)
		len = BIO_read(bio, public_key, sizeof(public_key));
	public_len = len > 0 ? (size_t)len : 0;
	BIO_free(bio);
	ERR_clear_error();
}

const char *xs_tls_password_key(size_t *len)
{
	pthread_once(&once, make_key);
	*len = public_len;
	return public_len ? public_key : NULL;
}

bool xs_tls_password_decrypt(const uint8_t *data, size_t len,
			     uint8_t plain[XS_TLS_PASSWORD_MAX],
			     size_t *plain_len)
{
	EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	bool done;

	*plain_len = XS_TLS_PASSWORD_MAX;
	done = context && EVP_PKEY_decrypt_init(context) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) ==
		       1 &&
	       EVP_PKEY_decrypt(context, plain, plain_len, data, len) == 1;
	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return done;
}
