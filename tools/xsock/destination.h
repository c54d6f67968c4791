/* A destination as "xsock check" gets it, and the rules that decide it. */
#ifndef XS_CHECK_DESTINATION_H
#define XS_CHECK_DESTINATION_H

#include "rules/match.h"

/* Addresses of one name that are looked at. */
#define XS_CHECK_DESTINATION_ADDRESSES 64

struct xs_check_destination {
	const char *text; /* as it was given */
	bool udp;
	const char *name;	   /* NULL: given as an address */
	struct xs_address address; /* with the port; len 0: given as a name */
	uint16_t port;
};

/* What one rule, or none, decides about some addresses of a destination. */
struct xs_verdict {
	const struct xs_rule *rule; /* NULL: none matches */
	const char *name; /* by which it was decided; NULL: by address */
	struct xs_address address; /* an example; len 0: whatever it is */
	bool found; /* the name is one that a rule knows, not one given */
};

/* Reads "[tcp://|udp://]host:port".  Returns 0, or -1 with *err set. */
int xs_check_destination_read(struct xs_check_destination *destination,
			      const char *text, struct xs_arena *arena,
			      struct xs_error *err);

/* Decides as the library would.  The name is only looked up if a network above
 * its rule makes its addresses matter; for an address, the names in the rules
 * are looked up.  Returns the number of verdicts, one for each rule that
 * decides some address; note becomes a sentence about what could not be
 * found out, or "". */
size_t xs_check_destination_decide(
	const struct xs_check_destination *destination,
	const struct xs_rules *rules,
	struct xs_verdict verdicts[XS_CHECK_DESTINATION_ADDRESSES], char *note,
	size_t size);

#endif
