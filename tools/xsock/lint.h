/* Rules that are allowed and most likely not meant. */
#ifndef XS_LINT_H
#define XS_LINT_H

#include "rules/rules.h"

#include <stdio.h>

/* Prints a line for each to file.  Returns their number. */
size_t xs_lint(const struct xs_rules *rules, FILE *file);

#endif
