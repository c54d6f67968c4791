/* What a connection needs until it is open, and then gives back. */
#ifndef XS_OPENING_H
#define XS_OPENING_H

#include "control.h"
#include "dial.h"
#include "expect.h"
#include "presence.h"
#include "request.h"
#include "resolver.h"
#include "tls.h"

#include <stdint.h>

struct xs_opening {
	struct xs_connection *connection; /* whose it is */
	struct xs_timer watch;		  /* time to look for the application */
	struct xs_presence presence;
	struct xs_control *control; /* NULL: nobody waits for the verdict */
	struct xs_request *request;
	struct xs_lookup *lookup;   /* under way; else NULL */
	struct xs_tls_context *context; /* NULL: no TLS */
	struct xs_expect *expect; /* whose data connection it is; else NULL */
	struct xs_dial dial;
	struct xs_tls_summary summary; /* of the handshake */
	bool secure;		       /* … which is done */
	int app_tcp;		       /* the application's own socket */
	int app_end;	  /* a copy of its end of the pair, to open the gate */
	int log_fd;	  /* or -1 */
	int timeout_ms;	  /* as the rule says */
	int64_t deadline; /* of all of it */
};

/* Takes a request and its descriptors over, in any case.  NULL when it is not
 * a proper CONNECT (wrong descriptors) or memory is short.  Puts the relay's
 * end of the pair into *pair_fd. */
struct xs_opening *xs_opening_make(const void *datagram, size_t len,
				   const int *fds, size_t nfds, int *pair_fd);

/* Reads what the rule says about TLS and time.  Returns 0, or -1 with *err
 * set. */
int xs_opening_read_rule(struct xs_opening *opening, struct xs_error *err);

/* The addresses to try, when the request has them: where the library has begun
 * to connect, or an IP address instead of a name.  Returns 1, 0 when a name
 * must be resolved, or -1 with *err set. */
int xs_opening_addresses(struct xs_opening *opening, struct xs_error *err);

/* Does TLS begin with the connection, without a dialogue before? */
bool xs_opening_begins_with_tls(const struct xs_opening *opening);

/* Answers the client, if it still waits.  One of err and summary may be
 * NULL. */
void xs_opening_answer(struct xs_opening *opening, const struct xs_error *err,
		       const struct xs_tls_summary *summary);

/* Closes the copy of the application's end.  While it is open, what the
 * application closed is not closed: its epoll sets would go on to tell of it.
 * So this comes before anything that wakes somebody. */
void xs_opening_close_app(struct xs_opening *opening);

/* Closes and frees all that is left, but not app_tcp when it is tcp_fd. */
void xs_opening_free(struct xs_opening *opening, int tcp_fd);

#endif
