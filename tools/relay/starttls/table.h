/* The protocols that have a dialogue, one row each.
 *
 * The caller that makes a dialogue looks its protocol up here.  The engine
 * (dialogue.c) knows none of them by name.
 */
#ifndef XS_TABLE_H
#define XS_TABLE_H

#include "relay/starttls/protocol.h"

/* The row of a scheme, "smtp+starttls", "ftp+tls" or "starttls"; NULL: none. */
const struct xs_protocol *xs_protocol_find(const char *scheme);

/* All rows; ends with NULL. */
extern const struct xs_protocol *const xs_protocols[];

/* Each is in the file of its name. */
extern const struct xs_protocol xs_protocol_smtp;
extern const struct xs_protocol xs_protocol_lmtp; /* smtp.c */
extern const struct xs_protocol xs_protocol_imap;
extern const struct xs_protocol xs_protocol_pop3;
extern const struct xs_protocol xs_protocol_nntp;
extern const struct xs_protocol xs_protocol_sieve;
extern const struct xs_protocol xs_protocol_irc;
extern const struct xs_protocol xs_protocol_ftp;
extern const struct xs_protocol xs_protocol_ftp_tls; /* ftp.c */
extern const struct xs_protocol xs_protocol_ldap;
extern const struct xs_protocol xs_protocol_xmpp;
extern const struct xs_protocol xs_protocol_xmpp_server; /* xmpp.c */
extern const struct xs_protocol xs_protocol_smtp_tls;
extern const struct xs_protocol xs_protocol_imap_tls;
extern const struct xs_protocol xs_protocol_pop3_tls;
extern const struct xs_protocol xs_protocol_nntp_tls; /* sasl_lines.c */
extern const struct xs_protocol xs_protocol_ldap_tls; /* ldap_filter.c */
extern const struct xs_protocol xs_protocol_xmpp_tls; /* xmpp_filter.c */
extern const struct xs_protocol xs_protocol_postgres;
extern const struct xs_protocol xs_protocol_postgres_tls; /* postgres.c */
extern const struct xs_protocol xs_protocol_mysql;
extern const struct xs_protocol xs_protocol_nats;
extern const struct xs_protocol xs_protocol_nats_tls; /* nats.c */
extern const struct xs_protocol xs_protocol_watch;    /* starttls:// */

#endif
