/* A lookup that the application makes, and what the rules say about its name.
 *
 * What the hooks of getaddrinfo and of the resolver have in common.  Any
 * thread.
 */
#ifndef XS_LOOKUP_H
#define XS_LOOKUP_H

#include "rules/match.h"
#include "rules/names.h"

#include <stdbool.h>
#include <stdint.h>

struct xs_lookup {
	const struct xs_rules *rules; /* NULL: nothing to remember */
	const struct xs_rule *rule;   /* the first about this name, or NULL */
	char name[XS_NAME_MAX];
	char text[XS_ADDRESS_TEXT_MAX]; /* for xs_lookup_substitute */
};

/* Begins with the name that the application asks for; NULL, and an address,
 * leave nothing to remember. */
void xs_lookup_begin(struct xs_lookup *lookup, const char *node);

/* The lookup has ended: failed is EAI_…, or 0. */
void xs_lookup_end(const struct xs_lookup *lookup, int failed);

/* The same for gethostbyname(3) and its kin, with h_errno. */
void xs_lookup_end_host(const struct xs_lookup *lookup, bool found, int reason);

/* The host that a rule puts in place of this name, or NULL. */
const char *xs_lookup_substitute(struct xs_lookup *lookup);

/* Remembers an address of the name; synthetic: that of the rule's target.
 * Returns the tag (names.h). */
uint64_t xs_lookup_remember(const struct xs_lookup *lookup,
			    const struct xs_address *address, bool synthetic);

/* The canonical name, where libc told it: a rule may be about that one, and
 * the application asked for an alias. */
void xs_lookup_remember_canonical(const struct xs_lookup *lookup,
				  const char *name,
				  const struct xs_address *address);

#endif
