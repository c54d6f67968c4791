/* Which rule decides about a connection: rules × destination → rule.
 *
 * Pure: no I/O, no allocation, no state; any thread, any signal context.
 * First match wins; an index makes 10,000 rules about as fast as one.
 */
#ifndef XS_MATCH_H
#define XS_MATCH_H

#include "rules/rules.h"

/* A host name as rules and the names table have it: lower case, without the
 * trailing dot.  255 bytes is the longest name (RFC 1035, 2.3.4), so 256 with
 * its NUL.  Returns false when name is empty, longer, or an IP address. */
#define XS_NAME_MAX 256
bool xs_name_normalise(const char *name, char normal[XS_NAME_MAX]);

/* True when the glob matches the whole name: "*" is any text, also none and
 * also with dots; "?" is one byte. */
bool xs_glob_matches(const char *glob, const char *name);

/* The first rule that matches a connection to this address and port.  name is
 * the (normalised) name that the address was looked up by, or NULL.  A network
 * matches by the address, also where the name is known; a name or glob matches
 * names only; "*" matches everything.  With to->len == 0 the address is not
 * known, only its port counts, and no network matches.  Returns NULL when no
 * rule matches. */
const struct xs_rule *xs_match(const struct xs_rules *rules, bool udp,
			       const struct xs_address *to, const char *name);

/* False when no rule is about TCP (or UDP) connections to this port; and the
 * same for rules with an exact name.  In time that does not depend on the
 * number of rules. */
bool xs_match_has_port(const struct xs_rules *rules, bool udp, uint16_t port);
bool xs_match_has_named(const struct xs_rules *rules, bool udp, uint16_t port);

/* The first rule with a glob that is about TCP (or UDP) connections to this
 * port and wants more than plaintext; NULL: none.  Walks all rules if there is
 * a glob for the port. */
const struct xs_rule *xs_match_glob(const struct xs_rules *rules, bool udp,
				    uint16_t port);

/* The first rule whose host part matches this name, whatever its port; NULL:
 * none.  For lookups, where no port is known yet. */
const struct xs_rule *xs_match_name(const struct xs_rules *rules,
				    const char *name);

/* How strict a decision is, for choosing between several names of an address:
 * higher is stricter.  deny > TLS that checks the chain and the name > the
 * chain > nothing > tcp:// > no rule (NULL). */
int xs_match_strictness(const struct xs_rule *rule);

/* Walks the rules with an exact name that could match a TCP (or UDP)
 * connection to this port.  Start with *at == 0; returns NULL at the end. */
const struct xs_rule *xs_match_next_named(const struct xs_rules *rules,
					  bool udp, uint16_t port, size_t *at);

#endif
