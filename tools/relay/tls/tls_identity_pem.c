/* Certificates and a key from a PEM file, as people have them.
 *
 * Such files are put together with cat(1): a certificate request, parameters of
 * a curve, somebody's public key may stand before, between and behind what is
 * looked for.  OSSL_STORE stops at what it does not know, so the blocks are
 * gone through here, and those with other names are passed over.  One with the
 * right name that cannot be read is an error: a chain without an intermediate
 * would be sent otherwise, and the server's refusal would not say why.
 *
 * Any thread.
 */
#include "relay/tls/tls_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* One "-----BEGIN NAME-----" of a file. */
struct block {
	char *name, *header;
	unsigned char *data;
	long len;
	int begin; /* where in the file */
};

static void free_block(struct block *block)
{
	OPENSSL_free(block->name);
	OPENSSL_free(block->header);
	/* It may be a key. */
	OPENSSL_clear_free(block->data, block->data ? (size_t)block->len : 0);
	*block = (struct block){ .name = NULL };
}

/* The next block of the file; false at the end, or when it is damaged: the two
 * differ in OpenSSL's queue. */
static bool next_block(BIO *in, struct block *block)
{
	free_block(block);
	block->begin = BIO_tell(in);
	return PEM_read_bio(in, &block->name, &block->header, &block->data,
			    &block->len) == 1;
}

/* Is it merely the end?  Then the queue is emptied. */
static bool is_end(void)
{
	unsigned long last = ERR_peek_last_error();

	if (ERR_GET_LIB(last) != ERR_LIB_PEM ||
	    ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

static bool is_certificate(const struct block *block)
{
	return strcmp(block->name, PEM_STRING_X509) == 0 ||
	       strcmp(block->name, PEM_STRING_X509_OLD) == 0 ||
	       strcmp(block->name, PEM_STRING_X509_TRUSTED) == 0;
}

/* What pkcs11-provider writes in place of a key: its URI. */
static const char of_token[] = "PKCS#11 PROVIDER URI";

/* "PRIVATE KEY", "EC PRIVATE KEY", "TSS2 PRIVATE KEY" … */
static bool is_key(const struct block *block)
{
	static const char end[] = "PRIVATE KEY";
	size_t len = strlen(block->name);

	return (len >= sizeof(end) - 1 &&
		strcmp(block->name + len - (sizeof(end) - 1), end) == 0) ||
	       strcmp(block->name, of_token) == 0;
}

static bool read_certificate(const struct block *block, OSSL_LIB_CTX *library,
			     struct xs_tls_identity *identity)
{
	const unsigned char *data = block->data;
	X509 *cert = X509_new_ex(library, NULL);
	bool trusted = strcmp(block->name, PEM_STRING_X509_TRUSTED) == 0;

	if (cert && !(trusted ? d2i_X509_AUX(&cert, &data, block->len)
			      : d2i_X509(&cert, &data, block->len)))
		return false; /* which has freed it */
	return xs_tls_identity_add(identity, cert);
}

/* --- the key -------------------------------------------------------------- */

/* Is it encrypted as in SSLeay, with the algorithm in front of the key?
 * OpenSSL decrypts that in its own library context only. */
static bool is_old_style(const struct block *block)
{
	return strstr(block->header, "ENCRYPTED");
}

/* Decrypts the block in place, with a cipher of library; false: *block is not
 * what it was. */
static bool decrypt(struct block *block, const EVP_CIPHER *cipher,
		    const unsigned char *iv, struct xs_tls_secret *secret)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char key[EVP_MAX_KEY_LENGTH];
	char phrase[PEM_BUFSIZE];
	int phrase_len =
		xs_tls_give_passphrase(phrase, sizeof(phrase), 0, secret);
	int len = 0, rest = 0;
	bool done;

	done = phrase_len >= 0 && context &&
	       EVP_BytesToKey(cipher, EVP_md5(), iv, (unsigned char *)phrase,
			      phrase_len, 1, key, NULL) &&
	       EVP_DecryptInit_ex2(context, cipher, key, iv, NULL) &&
	       EVP_DecryptUpdate(context, block->data, &len, block->data,
				 (int)block->len) &&
	       EVP_DecryptFinal_ex(context, block->data + len, &rest);
	block->len = len + rest;
	EVP_CIPHER_CTX_free(context);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(phrase, sizeof(phrase));
	return done;
}

static EVP_PKEY *read_old_style(struct block *block, OSSL_LIB_CTX *library,
				struct xs_tls_secret *secret)
{
	EVP_CIPHER_INFO info;
	EVP_CIPHER *cipher = NULL;
	const unsigned char *data = block->data;
	EVP_PKEY *key = NULL;

	if (PEM_get_EVP_CIPHER_INFO(block->header, &info) && info.cipher)
		cipher = EVP_CIPHER_fetch(
			library, EVP_CIPHER_get0_name(info.cipher), NULL);
	if (cipher && decrypt(block, cipher, info.iv, secret))
		key = d2i_AutoPrivateKey_ex(NULL, &data, block->len, library,
					    NULL);
	EVP_CIPHER_free(cipher);
	return key;
}

static EVP_PKEY *read_at(BIO *in, int begin, OSSL_LIB_CTX *library,
			 struct xs_tls_secret *secret)
{
	int end = BIO_tell(in);
	EVP_PKEY *key = NULL;

	if (BIO_seek(in, begin) >= 0)
		key = PEM_read_bio_PrivateKey_ex(in, NULL,
						 xs_tls_give_passphrase, secret,
						 library, NULL);
	BIO_seek(in, end);
	return key;
}

/* Which token the URI is about, only the provider can read: it may be any. */
static EVP_PKEY *read_of_token(BIO *in, int begin, OSSL_LIB_CTX *library,
			       struct xs_tls_secret *secret,
			       struct xs_tls_identity *identity)
{
	const struct xs_tls_token token = { "pkcs11:", secret->passphrase,
					    secret->conf };
	EVP_PKEY *key;

	if (!xs_tls_token_enter(&token)) {
		identity->other_login = true;
		return NULL;
	}
	key = read_at(in, begin, library, secret);
	xs_tls_token_leave(&token, key);
	return key;
}

/* Reads the key at this block; what it cannot read it leaves: there may be
 * another. */
static void read_key(BIO *in, struct block *block, OSSL_LIB_CTX *library,
		     struct xs_tls_secret *secret,
		     struct xs_tls_identity *identity)
{
	ERR_clear_error();
	if (is_old_style(block))
		identity->key = read_old_style(block, library, secret);
	else if (strcmp(block->name, of_token) == 0)
		identity->key = read_of_token(in, block->begin, library, secret,
					      identity);
	else
		identity->key = read_at(in, block->begin, library, secret);
	if (identity->key) {
		secret->asked = false;
	} else {
		identity->unread_key = true;
		xs_tls_note_unsupported(identity, library);
	}
	ERR_clear_error();
}

/* --- the file ------------------------------------------------------------- */

static bool read_block(BIO *in, struct block *block, OSSL_LIB_CTX *library,
		       unsigned wanted, struct xs_tls_secret *secret,
		       struct xs_tls_identity *identity)
{
	if ((wanted & XS_TLS_CERTIFICATES) && is_certificate(block))
		return read_certificate(block, library, identity);
	if ((wanted & XS_TLS_KEY) && !identity->key && is_key(block))
		read_key(in, block, library, secret, identity);
	return true;
}

/* Is nothing more to be looked for? */
static bool has_all(const struct xs_tls_identity *identity, unsigned wanted)
{
	return wanted == XS_TLS_KEY && identity->key;
}

static enum xs_tls_file_result read_blocks(BIO *in, OSSL_LIB_CTX *library,
					   unsigned wanted,
					   struct xs_tls_secret *secret,
					   struct xs_tls_identity *identity)
{
	struct block block = { .name = NULL };
	bool found = false, good = true;

	while (good && !has_all(identity, wanted) && next_block(in, &block)) {
		found = true;
		good = read_block(in, &block, library, wanted, secret,
				  identity);
	}
	free_block(&block);
	if (!good)
		return XS_TLS_FILE_DAMAGED;
	if (has_all(identity, wanted))
		return XS_TLS_FILE_READ;
	if (!is_end())
		return found || ERR_peek_error() ? XS_TLS_FILE_DAMAGED
						 : XS_TLS_FILE_OTHER;
	return found ? XS_TLS_FILE_READ : XS_TLS_FILE_OTHER;
}

enum xs_tls_file_result
xs_tls_identity_read_pem(BIO *in, OSSL_LIB_CTX *library, unsigned wanted,
			 struct xs_tls_secret *secret,
			 struct xs_tls_identity *identity)
{
	return read_blocks(in, library, wanted, secret, identity);
}
