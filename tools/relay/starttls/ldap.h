/* LDAP's messages (RFC 4511, 4.1.1), for ldap.c and ldap_filter.c. */
#ifndef XS_LDAP_H
#define XS_LDAP_H

#include "relay/starttls/ber.h"
#include "relay/starttls/protocol.h"

struct xs_ldap {
	uint32_t id;
	uint8_t operation; /* its tag */
	struct xs_ber body;
};

/* Reads the head of a whole message; false: it is malformed. */
bool xs_ldap_read(struct xs_unit unit, struct xs_ldap *message);

/* Is it this text, whatever the case? */
bool xs_ldap_is(struct xs_ber text, const char *word);

/* TLS stands, and from here on the dialogue is the filter's (sasl.h).  Returns
 * OPEN, or MORE where the application takes part already, or BROKEN without
 * memory. */
xs_step xs_ldap_filter;

#endif
