/* AES-GCM as a cipher that OpenSSL can fetch: the rows of a provider
 * (tls_provider.c offers them).
 *
 * The arithmetic is that of Intel's Multi-Buffer Crypto library (libipsec-mb),
 * which has functions for processors with VAES and VPCLMULQDQ; OpenSSL before
 * 3.1 has not, and needs more than twice as long for a full record.
 */
#ifndef XS_TLS_GCM_H
#define XS_TLS_GCM_H

#include <openssl/core.h>
#include <stdbool.h>

/* The property of what is here.  Not "provider=…": that in a query would push
 * aside what a configuration says about providers (property(7)). */
#define XS_TLS_WIDE "xsock.wide=yes"

/* Looks the functions up that are best for this processor, once; false when
 * the library finds none or fails its own tests.  *wide: they are for VAES. */
bool xs_tls_gcm_open(bool *wide);

/* AES-128-GCM and AES-256-GCM, for OSSL_OP_CIPHER; only after
 * xs_tls_gcm_open.  Of what OpenSSL's own can do they lack what TLS does not
 * use: other nonces than 12 bytes, and more associated data than 64. */
extern const OSSL_ALGORITHM xs_tls_gcm_algorithms[];

#endif
