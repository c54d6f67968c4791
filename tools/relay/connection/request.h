/* A CONNECT request that outlives its datagram, until its verdict. */
#ifndef XS_REQUEST_H
#define XS_REQUEST_H

#include "base/error.h"
#include "base/wire.h"
#include "relay/connection/log_words.h"
#include "relay/tls/tls.h"

#include <stddef.h>

struct xs_request {
	struct xs_log_words *log_words; /* NULL: taken over by another */
	struct xs_wire wire;		/* its strings point into datagram */
	size_t len;
	char datagram[]; /* there may be a passphrase in it */
};

/* A copy on the heap, of a datagram that xs_wire_decode has accepted.  NULL
 * when memory is short. */
struct xs_request *xs_request_copy(const void *datagram, size_t len);

/* NULL is fine. */
void xs_request_free(struct xs_request *request);

/* Fills *verdict; strings are those of err or summary.  Both may be NULL. */
void xs_request_verdict(const struct xs_request *request,
			struct xs_wire *verdict, const struct xs_error *err,
			const struct xs_tls_summary *summary);

#endif
