/* A CONNECT request that outlives its datagram, and what is told about it. */
#ifndef XS_REQUEST_H
#define XS_REQUEST_H

#include "error.h"
#include "log.h"
#include "tls.h"
#include "wire.h"

#include <stddef.h>

struct xs_request {
	struct xs_wire wire; /* its strings point into datagram */
	char datagram[];
};

/* A copy on the heap, of a datagram that xs_wire_decode has accepted.  NULL
 * when memory is short. */
struct xs_request *xs_request_copy(const void *datagram, size_t len);

/* Writes one line about the connection, where and if the application's log
 * wants it; log_fd may be -1. */
void xs_request_log(const struct xs_request *request, int log_fd,
		    enum xs_log_level level, const char *sentence);

/* The same for the outcome of the connect. */
void xs_request_log_failure(const struct xs_request *request, int log_fd,
			    const struct xs_error *err);
/* summary is NULL for a connection without TLS, for now or for ever. */
void xs_request_log_success(const struct xs_request *request, int log_fd,
			    const struct xs_tls_summary *summary);

/* Fills *verdict; strings are those of err or summary.  Both may be NULL. */
void xs_request_verdict(const struct xs_request *request,
			struct xs_wire *verdict, const struct xs_error *err,
			const struct xs_tls_summary *summary);

#endif
