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
#ifndef XS_FTP_DATA_H
#define XS_FTP_DATA_H

#include "base/address.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct xs_tls;
struct xs_tls_context;
struct xs_tls_session;

/* What one control connection has announced. */
struct xs_ftp_data;

/* About the control connection; strings are copied. */
struct xs_ftp_data_terms {
	struct xs_address asked; /* by the application */
	struct xs_address peer;	 /* what it is connected to */
	const char *name;	 /* as xs_tls_new takes it */
	const char *scheme;	 /* for messages, as in CONNECT */
	const char *rule;
};

/* Begins; context is kept.  NULL when memory is short. */
struct xs_ftp_data *xs_ftp_data_begin(const struct xs_ftp_data_terms *terms,
				      struct xs_tls_context *context);

/* The control connection has ended.  NULL is fine. */
void xs_ftp_data_end(struct xs_ftp_data *ftp_data);

/* The server has announced a connection to this address, or, when its len is 0,
 * to this port of the control connection's host.  The port at that host counts
 * in any case, because many applications do not trust the address.  session is
 * the one that a server may demand to be resumed.  It is taken over; NULL: as
 * before.  If too many addresses are announced, the oldest is forgotten.  With
 * the option ftp_data=control the address is only how the connection is known,
 * and it goes to the control connection's host.  False with *err set. */
bool xs_ftp_data_add(struct xs_ftp_data *ftp_data, const struct xs_address *to,
		     uint16_t port, struct xs_tls_session *session,
		     struct xs_error *err);

/* What the library is told of an announced address. */
struct xs_ftp_data_answer {
	uint32_t token[2];
	struct xs_address to; /* where it really goes */
	char name[256];
	char scheme[32];
	char rule[1100];
};

/* Has a connection to this address been announced?  If so, fills *answer. */
bool xs_ftp_data_find(const struct xs_address *asked,
		      struct xs_ftp_data_answer *answer);

/* Redeems a token for a connection to this port, with a reference for the
 * caller (xs_ftp_data_put).  NULL: it is not valid any more, or never was. */
struct xs_ftp_data *xs_ftp_data_take(const uint32_t token[2], uint16_t port);
void xs_ftp_data_put(struct xs_ftp_data *ftp_data);

/* The context of the control connection; lives as long as ftp_data. */
struct xs_tls_context *xs_ftp_data_context(const struct xs_ftp_data *ftp_data);

/* Lets tls resume the control connection's session. */
void xs_ftp_data_resume(struct xs_ftp_data *ftp_data, struct xs_tls *tls);

/* Forgets everything, at the end of the program. */
void xs_ftp_data_forget(void);

#endif
