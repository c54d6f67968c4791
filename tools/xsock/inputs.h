/* What the subcommands share: rules and options from the command line or the
 * environment. */
#ifndef XS_INPUTS_H
#define XS_INPUTS_H

#include "rules/rules.h"

#include <argp.h>

struct xs_inputs {
	const char *rules;   /* -r, else XSOCK_RULES; NULL: neither */
	const char *options; /* -o, else XSOCK_OPTIONS; NULL: neither */
};

/* The options -r and -o, to be a child of a subcommand's argp; its input is a
 * struct xs_inputs. */
extern const struct argp xs_inputs_argp;

/* Fills in from the environment what the command line did not give. */
void xs_inputs_complete(struct xs_inputs *inputs);

/* Reads the rules as the library would, from the working directory.  All
 * memory is from the arena.  Returns NULL with *err set. */
const struct xs_rules *xs_inputs_read(const struct xs_inputs *inputs,
				      struct xs_arena *arena,
				      struct xs_error *err);

#endif
