/* What reads a client's certificate and key; only tls_identity*.c. */
#ifndef XS_TLS_IDENTITY_H
#define XS_TLS_IDENTITY_H

#include "relay/tls/tls_private.h"

/* What files and stores gave; NULL: not found. */
struct xs_tls_identity {
	X509 *cert; /* the first, which is the client's */
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
	/* A key is there, and cannot be read: encrypted with an algorithm that
	 * this OpenSSL does not have (its name, or "?"; "": it has it), or of
	 * another kind. */
	char unsupported[40];
	bool unread_key;
	bool other_login; /* the token has been opened with another PIN */
};

/* Takes cert over, behind those that are there.  False, with cert gone, when
 * memory is short or cert is NULL. */
bool xs_tls_identity_add(struct xs_tls_identity *identity, X509 *cert);

/* Looks through OpenSSL's queue for an algorithm that library does not have,
 * and empties it. */
void xs_tls_note_unsupported(struct xs_tls_identity *identity,
			     OSSL_LIB_CTX *library);

/* The rule's passphrase, for whoever asks. */
struct xs_tls_secret {
	const char *passphrase; /* NULL: none */
	const char *conf; /* OPENSSL_CONF, which may have a PIN, or NULL */
	bool asked;	  /* somebody did, and has not opened anything yet */
};

/* tls_token.c: where a key is that does not leave a token, and how it is
 * opened. */
struct xs_tls_token {
	const char *uri;
	const char *pin;  /* the rule's passphrase; NULL: none */
	const char *conf; /* the application's OPENSSL_CONF, or NULL */
};

/* Before anything is read from the token: false if another rule has opened it
 * with another PIN, or may have.  True: leave must follow, in this thread, with
 * opened if there was a key. */
bool xs_tls_token_enter(const struct xs_tls_token *token);
void xs_tls_token_leave(const struct xs_tls_token *token, bool opened);

/* A pem_password_cb; data is a struct xs_tls_secret. */
int xs_tls_give_passphrase(char *buffer, int size, int writing, void *data);

/* What is looked for. */
enum { XS_TLS_CERTIFICATES = 1, XS_TLS_KEY = 2 };

enum xs_tls_file_result {
	XS_TLS_FILE_READ,    /* all that was wanted and found is in identity */
	XS_TLS_FILE_DAMAGED, /* a block cannot be read */
	XS_TLS_FILE_OTHER,   /* the file is something else */
};

/* tls_identity_pem.c, tls_identity_pkcs12.c: read all certificates and the
 * first private key of a file (xs_tls_file_open), as far as they are wanted. */
enum xs_tls_file_result
xs_tls_identity_read_pem(BIO *in, OSSL_LIB_CTX *library, unsigned wanted,
			 struct xs_tls_secret *secret,
			 struct xs_tls_identity *identity);
enum xs_tls_file_result
xs_tls_identity_read_pkcs12(BIO *in, OSSL_LIB_CTX *library, unsigned wanted,
			    struct xs_tls_secret *secret,
			    struct xs_tls_identity *identity);

#endif
