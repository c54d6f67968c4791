/* The rules: from the text of XSOCK_RULES to a list of struct xs_rule.
 *
 * Everything that can be wrong is found here, when the rules are read, and
 * told with its place: "XSOCK_RULES:1:23: unknown transport "tsl" (did you
 * mean "tls"?)".  A list is immutable once it is made, so any number of
 * threads may match against it.
 */
#ifndef XS_RULES_H
#define XS_RULES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/option.h"
#include "rules/pattern.h"
#include "rules/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_rule {
	struct xs_pattern pattern;
	struct xs_target target;
	struct xs_options options;
	const char *options_text; /* canonical */
	const char *text;	  /* as written, cut at 200 characters */
	const char *place;	  /* "XSOCK_RULES:1:1" or "/etc/x.rules:3:1" */
};

struct xs_rules {
	const struct xs_rule *rule;
	size_t count;
	const struct xs_index *index; /* what makes matching fast: index.h */
	size_t announcer; /* the first rule for connections that may announce
			     others, as FTP's do; count: there is none */
};

/* Limits, so that no text exhausts the process that reads it. */
#define XS_RULES_MAX	    1000000	       /* rules */
#define XS_RULES_NESTING    8		       /* files in files */
#define XS_RULES_FILES	    1000	       /* "@file" items */
#define XS_RULES_FILE_BYTES (16 * 1024 * 1024) /* of all files together */

/* Reads the text of XSOCK_RULES (NULL: no rules) over the options that every
 * rule starts from (XSOCK_OPTIONS, NULL: none).  Relative file names start
 * from cwd (NULL: they are refused).  All memory is from the arena.  Returns
 * the rules, or NULL with *err set. */
struct xs_rules *xs_rules_read(const char *rules, const char *options,
			       const char *cwd, struct xs_arena *arena,
			       struct xs_error *err);

#endif
