/* Data connections that FTP servers have announced on a control connection that
 * is protected, so that the application's connect finds TLS although no rule
 * can name its port.
 *
 * The control connection tells each address before the application reads of
 * it.  The library asks about connects that no rule decides, gets a token, and
 * connects with it (wire.h).  An address counts as long as the control
 * connection lasts, and a minute longer; also when a connection to it has been
 * made, because a second try must not be plaintext.  A token counts once.
 *
 * Any thread.  What the dialogue read (starttls/ftp_observe.c) and what it
 * means for a connection (upgrade.c) is not decided here.
 */
#ifndef XS_EXPECT_H
#define XS_EXPECT_H

#include "address.h"
#include "error.h"
#include "tls.h"

#include <stdbool.h>
#include <stdint.h>

/* What one control connection has announced. */
struct xs_expect;

/* About the control connection; strings are copied. */
struct xs_expect_terms {
	struct xs_address asked; /* by the application: whom it believes to be
				    connected to */
	struct xs_address peer;	 /* whom it is connected to */
	const char *name;	 /* as xs_tls_new takes it */
	const char *scheme;	 /* for messages, as in CONNECT */
	const char *rule;
};

/* Begins; context is kept.  NULL when memory is short. */
struct xs_expect *xs_expect_begin(const struct xs_expect_terms *terms,
				  struct xs_tls_context *context);

/* The control connection has ended.  NULL is fine. */
void xs_expect_end(struct xs_expect *expect);

/* Expects a connection to this address, or, when its len is 0, to this port of
 * the control connection's host; to the host the application may go in any
 * case, because many do not believe the address.  session is what a server may
 * demand to be resumed; it is taken over, NULL: as before.  The oldest of many
 * is forgotten.  False with *err set. */
bool xs_expect_add(struct xs_expect *expect, const struct xs_address *to,
		   uint16_t port, struct xs_tls_session *session,
		   struct xs_error *err);

/* What the library is told of an address that is expected. */
struct xs_expect_answer {
	uint32_t token[2];
	struct xs_address to; /* where it really goes */
	char name[256];
	char scheme[32];
	char rule[1100];
};

/* Is a connection to this address expected? */
bool xs_expect_find(const struct xs_address *asked,
		    struct xs_expect_answer *answer);

/* Redeems a token for a connection to this port, with a reference for the
 * caller (xs_expect_put).  NULL: it is not valid any more, or never was. */
struct xs_expect *xs_expect_take(const uint32_t token[2], uint16_t port);
void xs_expect_put(struct xs_expect *expect);

/* The context of the control connection; lives as long as expect. */
struct xs_tls_context *xs_expect_context(const struct xs_expect *expect);

/* Lets tls resume the control connection's session. */
void xs_expect_resume(struct xs_expect *expect, struct xs_tls *tls);

/* Forgets everything, at the end of the program. */
void xs_expect_forget(void);

#endif
