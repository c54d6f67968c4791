/* The facts of one certificate: for tls_report.c. */
#ifndef XS_TLS_CERTIFICATE_H
#define XS_TLS_CERTIFICATE_H

#include "relay/tls/tls_report.h"

#include <openssl/x509.h>

/* Fills what the certificate itself tells; strings are static or from the
 * arena.  Returns 0, or -1 when memory is short. */
int xs_tls_certificate_read(X509 *cert, struct xs_arena *arena,
			    struct xs_tls_certificate *to);

/* A copy of what a peer wrote, printable; NULL without memory. */
const char *xs_tls_certificate_clean(struct xs_arena *arena, const void *data,
				     size_t len);

#endif
