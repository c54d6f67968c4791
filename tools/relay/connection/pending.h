/* What a connection needs until it is open, and then gives back. */
#ifndef XS_PENDING_H
#define XS_PENDING_H

#include "relay/client/control.h"
#include "relay/client/ftp_data.h"
#include "relay/connection/app_alive.h"
#include "relay/connection/dial.h"
#include "relay/connection/loader.h"
#include "relay/connection/request.h"
#include "relay/loop/resolver.h"
#include "relay/tls/tls.h"

#include <stdint.h>

struct xs_pending {
	struct xs_connection *connection; /* whose it is */
	struct xs_timer watch;		  /* time to look for the application */
	struct xs_app_alive app_alive;
	struct xs_control *control; /* NULL: nobody waits for the verdict */
	struct xs_request *request;
	struct xs_load *load;		/* under way; else NULL */
	struct xs_lookup *lookup;	/* the same */
	struct xs_tls_context *context; /* NULL: no TLS */
	struct xs_ftp_data
		*ftp_data; /* whose data connection it is; else NULL */
	struct xs_dial dial;
	struct xs_tls_summary summary; /* of the handshake */
	bool secure;		       /* … which is done */
	bool told;	  /* connect=early: the verdict is told already */
	int app_tcp;	  /* the application's own socket */
	int app_end;	  /* a copy of its end of the pair, to open the gate */
	int log_fd;	  /* or -1 */
	int timeout_ms;	  /* as the rule says */
	int64_t began;	  /* by xs_now_ms */
	int64_t deadline; /* of all of it */
};

/* Takes a request and its descriptors over, in any case.  NULL when it is not
 * a proper CONNECT (wrong descriptors) or memory is short.  Puts the relay's
 * end of the pair into *pair_fd. */
struct xs_pending *xs_pending_make(const void *datagram, size_t len,
				   const int *fds, size_t nfds, int *pair_fd);

/* How the request wants TLS; points into it. */
struct xs_tls_policy xs_pending_policy(const struct xs_pending *pending);

/* Reads what the rule says about TLS and time.  Returns 1, 0 when the context
 * of its policy must be loaded, or -1 with *err set. */
int xs_pending_read_rule(struct xs_pending *pending, struct xs_error *err);

/* The addresses to try, when the request has them: where the library has begun
 * to connect, or an IP address instead of a name.  Returns 1, 0 when a name
 * must be resolved, or -1 with *err set. */
int xs_pending_addresses(struct xs_pending *pending, struct xs_error *err);

/* Does TLS begin with the connection, without a dialogue before? */
bool xs_pending_begins_with_tls(const struct xs_pending *pending);

/* Does the rule say connect=early?  Data connections of FTP have a rule of
 * their own. */
bool xs_pending_is_early(const struct xs_pending *pending);

/* Answers the client, if it still waits.  One of err and summary may be
 * NULL. */
void xs_pending_answer(struct xs_pending *pending, const struct xs_error *err,
		       const struct xs_tls_summary *summary);

/* Closes the copy of the application's end.  While it is open, what the
 * application closed is not closed: its epoll sets would go on to tell of it.
 * So this comes before anything that wakes somebody. */
void xs_pending_close_app(struct xs_pending *pending);

/* Closes and frees all that is left, but not app_tcp when it is tcp_fd. */
void xs_pending_free(struct xs_pending *pending, int tcp_fd);

#endif
