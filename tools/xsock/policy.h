/* The policy of a rule, as the library would tell it to the relay. */
#ifndef XS_POLICY_H
#define XS_POLICY_H

#include "relay/tls/tls.h"
#include "rules/rules.h"

/* What the rule says, and what the environment adds.  Its strings live as long
 * as rule.  The first call empties the environment but for what the relay would
 * have of it, so it comes before any other use of OpenSSL. */
struct xs_tls_policy xs_policy(const struct xs_rule *rule);

#endif
