/* The protocols that have a dialogue; see table.h. */
#include "relay/starttls/table.h"

#include <string.h>

const struct xs_protocol *const xs_protocols[] = {
	&xs_protocol_smtp,
	&xs_protocol_lmtp,
	&xs_protocol_imap,
	&xs_protocol_pop3,
	&xs_protocol_nntp,
	&xs_protocol_sieve,
	&xs_protocol_irc,
	&xs_protocol_ftp,
	&xs_protocol_ftp_tls,
	&xs_protocol_ldap,
	&xs_protocol_xmpp,
	&xs_protocol_xmpp_server,
	&xs_protocol_xmpp_tls,
	&xs_protocol_postgres,
	&xs_protocol_postgres_tls,
	&xs_protocol_smtp_tls,
	&xs_protocol_imap_tls,
	&xs_protocol_pop3_tls,
	&xs_protocol_nntp_tls,
	&xs_protocol_ldap_tls,
	&xs_protocol_mysql,
	&xs_protocol_nats,
	&xs_protocol_nats_tls,
	&xs_protocol_watch,
	NULL,
};

const struct xs_protocol *xs_protocol_find(const char *scheme)
{
	const char *plus = strstr(scheme, "+starttls");
	size_t len = plus ? (size_t)(plus - scheme) : strlen(scheme);

	for (const struct xs_protocol *const *row = xs_protocols; *row; row++)
		if (strlen((*row)->name) == len &&
		    strncmp((*row)->name, scheme, len) == 0)
			return *row;
	return NULL;
}
