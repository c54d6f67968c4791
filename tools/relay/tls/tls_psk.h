/* A pre-shared key: by it client and server know each other, and there are no
 * certificates (RFC 4279; with TLS 1.3, RFC 8446, 2.2).  Only tls*.c.
 */
#ifndef XS_TLS_PSK_H
#define XS_TLS_PSK_H

#include "relay/tls/tls_private.h"

struct xs_psk {
	char shown[XS_OPTION_IDENTITY_MAX + 1]; /* the identity, for people */
	char verified[XS_OPTION_IDENTITY_MAX + 5]; /* "psk:" and that */
	size_t len;
	unsigned char key[PSK_MAX_PSK_LEN];
};

/* tls_psk_file.c: fills key and len by the rule's psk_file.  0, or -1 with *err
 * set. */
int xs_psk_file_read(const struct xs_options *options, struct xs_psk *psk,
		     struct xs_error *err);

/* tls_psk.c: if the rule has psk_file, reads it, offers what it allows, and
 * nothing else, and sets *psk, which ssl must not outlive; after xs_tls_setup.
 * 0, or -1 with *err set; *psk is for the caller to free in both cases. */
int xs_psk_use(SSL_CTX *ssl, const struct xs_options *options,
	       struct xs_psk **psk, struct xs_error *err);
/* Overwrites the key.  NULL is fine. */
void xs_psk_free(struct xs_psk *psk);

/* After the handshake: has the server shown that it has the key?  0, or -1 with
 * *err set. */
int xs_psk_finish(const struct xs_tls *tls, struct xs_error *err);
/* A certificate has come instead.  Sets *err, and returns -1. */
int xs_psk_refuse_certificate(const struct xs_tls *tls, struct xs_error *err);

/* tls_error_psk.c: sets *err and returns true if an alert of the server's is
 * about the rule's key. */
bool xs_psk_error_alert(const struct xs_tls *tls,
			const struct xs_tls_error_row *alert,
			struct xs_error *err);
/* A server has gone without an alert, or has not answered in time: sets *err
 * and returns true if it was heard until the rule's key was used. */
bool xs_psk_error_end(const struct xs_tls *tls, struct xs_error *err);

#endif
