/* What the watchers of starttls:// share; see watch.c. */
#ifndef XS_WATCH_H
#define XS_WATCH_H

#include "relay/starttls/protocol.h"

extern const struct xs_protocol xs_watch_ldap;
extern const struct xs_protocol xs_watch_nats;
extern const struct xs_protocol xs_watch_postgres;
extern const struct xs_protocol xs_watch_text;
extern const struct xs_protocol xs_watch_xmpp;

/* The server does not agree; said are its words, which are on their way to
 * the application already.  MORE with starttls=optional, else REFUSED. */
enum xs_dialogue_result xs_watch_refused(struct xs_dialogue *dialogue,
					 const char *said,
					 struct xs_error *err);

/* The application says something that must not be plaintext; what it is, as a
 * message may show it (a verb, never an argument).  PASS with
 * starttls=optional, and the unit must have been passed on then; else BROKEN,
 * and nothing of it goes anywhere. */
enum xs_dialogue_result xs_watch_plaintext(struct xs_dialogue *dialogue,
					   const char *what,
					   struct xs_error *err);

#endif
