/* Names of OpenSSL, as a program has them that carries OpenSSL 1.1, BoringSSL
 * or its own idea of either.  Whoever calls one is not this program: the end.
 *
 * Linked into host.c (exported, in front of every library) and as a library of
 * the name libssl.so.1.1.
 */
#include <stdlib.h>
#include <unistd.h>

#define MINE(name)                                                             \
	void name(void);                                                       \
	void name(void)                                                        \
	{                                                                      \
		static const char text[] = #name "() of the program called\n"; \
		if (write(2, text, sizeof(text) - 1) < 0)                      \
			_exit(3);                                              \
		abort();                                                       \
	}

MINE(ASN1_STRING_get0_data)
MINE(ASN1_item_free)
MINE(BIO_free)
MINE(BIO_new)
MINE(BIO_new_mem_buf)
MINE(BIO_read)
MINE(BIO_write)
MINE(CRYPTO_clear_free)
MINE(CRYPTO_free)
MINE(CRYPTO_get_ex_new_index)
MINE(CRYPTO_library_init)
MINE(CRYPTO_malloc)
MINE(CRYPTO_realloc)
MINE(CRYPTO_set_mem_functions)
MINE(CRYPTO_zalloc)
MINE(ERR_clear_error)
MINE(ERR_error_string_n)
MINE(ERR_get_error)
MINE(ERR_peek_error)
MINE(EVP_CIPHER_CTX_new)
MINE(EVP_DigestInit_ex)
MINE(EVP_MD_CTX_new)
MINE(EVP_sha256)
MINE(OPENSSL_cleanse)
MINE(OPENSSL_free)
MINE(OPENSSL_init_crypto)
MINE(OPENSSL_init_ssl)
MINE(OPENSSL_malloc)
MINE(OPENSSL_sk_num)
MINE(OPENSSL_sk_value)
MINE(PEM_read_bio_X509)
MINE(RAND_bytes)
MINE(SSL_CTX_free)
MINE(SSL_CTX_load_verify_locations)
MINE(SSL_CTX_new)
MINE(SSL_CTX_set_verify)
MINE(SSL_connect)
MINE(SSL_ctrl)
MINE(SSL_do_handshake)
MINE(SSL_free)
MINE(SSL_get_error)
MINE(SSL_library_init)
MINE(SSL_new)
MINE(SSL_read)
MINE(SSL_set_fd)
MINE(SSL_shutdown)
MINE(SSL_write)
MINE(TLS_client_method)
MINE(TLS_method)
MINE(X509_STORE_new)
MINE(X509_VERIFY_PARAM_set1_host)
MINE(X509_free)
MINE(X509_verify_cert)
