/* One rule for people: its canonical text, and a sentence that explains it. */
#ifndef XS_RULE_TEXT_H
#define XS_RULE_TEXT_H

#include "rules/rules.h"

#include <stdio.h>

/* What becomes of a connection, from the table of schemes: "plain TCP",
 * "TLS at once, …". */
const char *xs_rule_in_words(const struct xs_rule *rule);

/* The rule as a line of a file of rules: everything that XSOCK_OPTIONS and
 * relative file names gave it is in it.  A passphrase is "***", so a rule that
 * has one cannot be used as printed.  The scratch memory is the arena's.
 * Returns false when memory is short. */
bool xs_rule_print(FILE *file, const struct xs_rule *rule,
		   struct xs_arena *arena);

/* "TCP connections to db.corp, port 5432, get …", one sentence without a line
 * end. */
void xs_rule_explain(FILE *file, const struct xs_rule *rule);

#endif
