/* The key under which a client sends a password that it would not send in
 * plaintext: MySQL's caching_sha2_password and sha256_password.
 *
 * A server that sees TLS wants the password itself, and a client that knows
 * nothing of TLS insists on RSA.  So the relay has a key for its clients, one
 * as long as it lives, made when it is first asked for.
 */
#ifndef XS_TLS_PASSWORD_H
#define XS_TLS_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { XS_TLS_PASSWORD_MAX = 512 };

/* The public key, PEM (SubjectPublicKeyInfo), static; NULL without memory. */
const char *xs_tls_password_key(size_t *len);

/* Decrypts what was encrypted with it, RSA-OAEP with SHA-1 as MySQL's clients
 * do, into plain.  False: it was not. */
bool xs_tls_password_decrypt(const uint8_t *data, size_t len,
			     uint8_t plain[XS_TLS_PASSWORD_MAX],
			     size_t *plain_len);

#endif
