/* Why a server that asked for a client certificate got none, for a sentence.
 *
 * OpenSSL sends the certificate only if its key can make a signature of a kind
 * that the server has listed; otherwise it sends none, and says nothing.
 *
 * Pure.  Any thread.
 */
#include "relay/tls/tls_private.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* "ECDSA+SHA256", "ED25519"; "" for one that OpenSSL does not know. */
static void name_algorithm(SSL *ssl, int i, char *name, size_t size)
{
	static const struct {
		int key;
		const char *name;
	} kinds[] = {
		{ EVP_PKEY_RSA, "RSA" },
		{ EVP_PKEY_RSA_PSS, "RSA-PSS" },
		{ EVP_PKEY_DSA, "DSA" },
		{ EVP_PKEY_EC, "ECDSA" },
		{ EVP_PKEY_ED25519, "ED25519" },
		{ EVP_PKEY_ED448, "ED448" },
	};
	int key = NID_undef, digest = NID_undef;

	*name = '\0';
	SSL_get_sigalgs(ssl, i, &key, &digest, NULL, NULL, NULL);
	for (size_t at = 0; at < sizeof(kinds) / sizeof(*kinds); at++)
		if (kinds[at].key == key)
			snprintf(name, size, "%s%s%s", kinds[at].name,
				 digest == NID_undef ? "" : "+",
				 digest == NID_undef ? "" : OBJ_nid2sn(digest));
}

/* The first few of the server's list. */
static void add_algorithms(struct xs_tls_text *text, SSL *ssl)
{
	enum { SHOWN = 4 };
	int all = SSL_get_sigalgs(ssl, 0, NULL, NULL, NULL, NULL, NULL);
	int count = 0;
	char name[40];

	for (int i = 0; i < all; i++) {
		name_algorithm(ssl, i, name, sizeof(name));
		if (!*name || count++ >= SHOWN)
			continue;
		xs_tls_add(text, "%s%s", count == 1 ? " (" : ", ", name);
	}
	if (count > SHOWN)
		xs_tls_add(text, " and %d more", count - SHOWN);
	if (count)
		xs_tls_add(text, ")");
}

void xs_tls_add_client_remedy(struct xs_tls_text *text,
			      const struct xs_tls *tls)
{
	EVP_PKEY *key = SSL_get_privatekey(tls->ssl);
	const char *kind = key ? EVP_PKEY_get0_type_name(key) : NULL;

	if (!key) {
		xs_tls_add(text, "it asked for a client certificate and the "
				 "rule has none: add local_cert=FILE");
		return;
	}
	xs_tls_add(text,
		   "it asked for a client certificate, but local_cert has a "
		   "key (%s) that makes none of the signatures that it takes",
		   kind ? kind : "of an unknown kind");
	add_algorithms(text, tls->ssl);
	xs_tls_add(text, ": use a certificate with another kind of key");
}
