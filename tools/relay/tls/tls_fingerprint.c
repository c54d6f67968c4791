/* peer_fingerprint: is it this very certificate, or this very key?
 *
 * Beside the chain and the name, not instead of them; who wants nothing but
 * the fingerprint says verify_peer=0 and verify_peer_name=0.  Any of several
 * may match, so that the next certificate can be announced before it comes.
 */
#include "relay/tls/tls_private.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* The digest of the public key as the certificate has it, DER
 * (SubjectPublicKeyInfo; RFC 7469, 2.4). */
static bool digest_key(const X509 *cert, unsigned char *digest,
		       unsigned int *len)
{
	unsigned char *der = NULL;
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool good = size > 0 && EVP_Digest(der, (size_t)size, digest, len,
					   EVP_sha256(), NULL);

	OPENSSL_free(der);
	return good;
}

static bool digest(const X509 *cert, enum xs_fingerprint_kind kind,
		   unsigned char *to, unsigned int *len)
{
	switch (kind) {
	case XS_FINGERPRINT_MD5:
		return X509_digest(cert, EVP_md5(), to, len);
	case XS_FINGERPRINT_SHA1:
		return X509_digest(cert, EVP_sha1(), to, len);
	case XS_FINGERPRINT_SHA256:
		return X509_digest(cert, EVP_sha256(), to, len);
	case XS_FINGERPRINT_PIN:
		return digest_key(cert, to, len);
	}
	return false;
}

bool xs_tls_fingerprint_match(const char *list, const X509 *cert)
{
	struct xs_fingerprint wanted;
	unsigned char has[EVP_MAX_MD_SIZE];
	unsigned int len;

	while (xs_fingerprint_next(&list, &wanted))
		if (digest(cert, wanted.kind, has, &len) && len == wanted.len &&
		    CRYPTO_memcmp(has, wanted.digest, len) == 0)
			return true;
	ERR_clear_error();
	return false;
}

void xs_tls_fingerprint_text(const X509 *cert,
			     char text[XS_TLS_FINGERPRINT_MAX])
{
	unsigned char has[EVP_MAX_MD_SIZE];
	char hex[2 * 32 + 1] = "", pin[64] = "";
	unsigned int len = 0;

	if (digest(cert, XS_FINGERPRINT_SHA256, has, &len))
		for (unsigned int i = 0; i < 32; i++)
			snprintf(hex + 2 * i, 3, "%02x", has[i]);
	if (digest(cert, XS_FINGERPRINT_PIN, has, &len))
		EVP_EncodeBlock((unsigned char *)pin, has, (int)len);
	snprintf(text, XS_TLS_FINGERPRINT_MAX, "sha256:%s, pin-sha256:%s", hex,
		 pin);
}
