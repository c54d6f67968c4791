/* Which names an address was looked up by.
 *
 * A rule with a name matches when the application looked that name up, but
 * connect() only gets an address.  The hooks of getaddrinfo() and its family
 * put (address, name) into a table here, in memory that a tree of processes
 * shares (names_memory.h), so that what a child resolves is known to its
 * parent, also when the child executes another program to resolve it.  Where a
 * name matters to a rule, the lookup also leaves a tag in bytes of the sockaddr
 * that the kernel ignores (sin_zero; sin6_flowinfo): when it survives until
 * connect, the name is exact, otherwise an address may have several.
 *
 * Lock-free (one sequence lock a slot): any thread, any process that shares
 * the table, any signal context.  Old entries give way to new ones, those
 * that matter least to the rules first.
 */
#ifndef XS_NAMES_H
#define XS_NAMES_H

#include "base/address.h"
#include "rules/match.h"

#include <stdbool.h>
#include <stdint.h>

/* Who said that the address has this name. */
enum xs_names_kind {
	XS_NAMES_ASKED,	    /* the application looked it up */
	XS_NAMES_SYNTHETIC, /* it did, and only a rule knows it: the address is
			       that of the rule's target */
	XS_NAMES_RULE,	    /* the library looked up the name of a rule */
};

/* How much a name matters: how exactly a rule is about it, 0: no rule is.  When
 * the table is full, the entry that matters least gives way. */
enum {
	XS_NAMES_WORTH_NONE,
	XS_NAMES_WORTH_ANY,
	XS_NAMES_WORTH_GLOB,
	XS_NAMES_WORTH_NAME,
};

struct xs_names_entry {
	char name[XS_NAME_MAX];
	enum xs_names_kind kind;
	uint64_t tag;
	uint64_t stamp; /* higher is later */
};

/* Remembers a normalised name (match.h) for the address (the port does not
 * count).  Returns the tag, never 0. */
uint64_t xs_names_add(const struct xs_address *address, const char *name,
		      enum xs_names_kind kind, int worth);

/* Has there ever been an XS_NAMES_SYNTHETIC entry? */
bool xs_names_has_synthetic(void);

/* Walks the names of an address, in no order.  Start with *at == 0; false at
 * the end. */
bool xs_names_next(const struct xs_address *address, unsigned *at,
		   struct xs_names_entry *entry);

/* The tag in a sockaddr that came back from the application, and whether a
 * stored tag is that one.  An IPv6 address has room for 19 bits of it, so that
 * two names of one address may look alike. */
void xs_names_write_tag(struct sockaddr *to, uint64_t tag);
bool xs_names_has_tag(const struct xs_address *from, uint64_t tag);

#endif
