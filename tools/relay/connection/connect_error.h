/* The sentences for a connect that fails before TLS begins: no address, no
 * time.  The relay tells them to the application, "xsock probe" to a person. */
#ifndef XS_CONNECT_ERROR_H
#define XS_CONNECT_ERROR_H

#include "relay/connection/dial.h"

enum xs_connect_error_step {
	XS_CONNECT_ERROR_RESOLVE,
	XS_CONNECT_ERROR_CONNECT,
	XS_CONNECT_ERROR_HANDSHAKE,
};
enum { XS_CONNECT_ERROR_STEPS = XS_CONNECT_ERROR_HANDSHAKE + 1 };

/* host has no address: what getaddrinfo(3) returned (0: none of IPv4 or IPv6),
 * and errno for EAI_SYSTEM. */
void xs_connect_error_unresolved(struct xs_error *err, const char *host,
				 int error, int errnum);

/* The rule's time is over in this step; dial is looked at unless it is
 * XS_CONNECT_ERROR_RESOLVE.  For XS_CONNECT_ERROR_CONNECT see
 * xs_connect_error_unconnected. */
void xs_connect_error_timeout(struct xs_error *err,
			      enum xs_connect_error_step step, const char *host,
			      const struct xs_dial *dial, double seconds);

/* The rule's time is over in a handshake of DTLS with server.  UDP does not
 * connect, so nobody knows whether it is there. */
void xs_connect_error_dtls_timeout(struct xs_error *err,
				   const struct xs_address *server,
				   double seconds);

/* The rule's time is over while its files are read, and file did not answer;
 * "": all that were asked did.  held: the number of threads that read files,
 * all of which wait for others, one of them for file; 0: it is the rule's own.
 */
void xs_connect_error_unread(struct xs_error *err, const char *file, int held,
			     double seconds);

/* All addresses of dial have been tried, and none is connected.  *err has what
 * was wrong with the first that TCP gave up; it is not set when each of them
 * just had no answer in its time.  Then it becomes the timeout.  It becomes the
 * timeout, too, when some had no answer and none of the rest could be tried
 * (xs_dial_was_tried).  Adds how many others there are. */
void xs_connect_error_unconnected(struct xs_error *err,
				  const struct xs_dial *dial, double seconds);

#endif
