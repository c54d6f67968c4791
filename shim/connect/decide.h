/* Which rule decides about a connect: names and rules together.
 *
 * An address may have been looked up by several names.  A tag that survived
 * says which; without one the name whose rule is strictest wins, then the
 * latest.  Where the application looked up no name of the address, the exact
 * names of the rules that could fit are looked up by the relay (at most every
 * half minute), because it may have resolved them some other way.  If that
 * lookup fails, nobody can tell whether a rule is about the address: then the
 * connect is refused.  The same is done where it looked up a name without a
 * dot that no rule is about, and a rule's name begins with it; and where it
 * looked up this host's own name, which programs also do for a greeting.
 */
#ifndef XS_DECIDE_H
#define XS_DECIDE_H

#include "base/address.h"
#include "base/error.h"
#include "rules/match.h"
#include "rules/rules.h"

#include <stdbool.h>

struct xs_decision {
	const struct xs_rule *rule; /* NULL: leave the connection alone */
	char name[XS_NAME_MAX];	    /* what it was looked up by; "": unknown */
	bool unreachable; /* the name exists only in a rule for other ports */
	/* This rule's name could not be looked up, so that it is not known
	 * whether it decides; NULL: it was. */
	const struct xs_rule *unknown;
};

/* Decides.  asked is what the application gave to connect(), its tag included.
 * May wait, and start a relay, to have the rules' names looked up; *err says
 * why that failed, if there is more to say than that it did.  Any thread, any
 * signal context. */
void xs_decide(const struct xs_rules *rules, bool udp,
	       const struct xs_address *asked, struct xs_decision *decision,
	       struct xs_error *err);

/* A rule with a glob that may be meant where *decision is that no rule is:
 * nobody knows a name of the address, because the program has a resolver of its
 * own, or has the address from elsewhere.  NULL: none may, or the address is of
 * this host's loopback network, which nothing leaves and which programs have
 * written in their configuration. */
const struct xs_rule *xs_decide_missed(const struct xs_rules *rules, bool udp,
				       const struct xs_address *asked,
				       const struct xs_decision *decision);

/* The address that asked reaches: the unspecified one is this host (ip(7)). */
struct xs_address xs_decide_meant(const struct xs_address *asked);

#endif
