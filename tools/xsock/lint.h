/* Rules that are allowed and most likely not meant. */
#ifndef XS_LINT_H
#define XS_LINT_H

#include "rules.h"

/* Prints a line for each to standard output.  Returns their number. */
size_t xs_lint(const struct xs_rules *rules);

#endif
