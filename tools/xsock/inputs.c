/* Rules and options of the subcommands; see inputs.h. */
#include "xsock/inputs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct argp_option options[] = {
	{ "rules", 'r', "RULES", 0, "Rules (default: XSOCK_RULES)", 0 },
	{ "options", 'o', "OPTIONS", 0,
	  "Options that every rule starts from, as a=b&c=d (default: "
	  "XSOCK_OPTIONS)",
	  0 },
	{ .name = NULL },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct xs_inputs *inputs = state->input;

	switch (key) {
	case 'r':
		inputs->rules = arg;
		return 0;
	case 'o':
		inputs->options = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp xs_inputs_argp = { options, parse, NULL, NULL,
				     .children = NULL };

void xs_inputs_complete(struct xs_inputs *inputs)
{
	if (!inputs->rules)
		inputs->rules = getenv("XSOCK_RULES");
	if (!inputs->options)
		inputs->options = getenv("XSOCK_OPTIONS");
}

/* For options that name a variable. */
static const char *look_up(const char *name)
{
	return getenv(name);
}

const struct xs_rules *xs_inputs_read(const struct xs_inputs *inputs,
				      struct xs_arena *arena,
				      struct xs_error *err)
{
	char buffer[PATH_MAX];
	const char *cwd = getcwd(buffer, sizeof(buffer));

	xs_options_environment(look_up);
	/* The rules outlive the buffer. */
	if (cwd)
		cwd = xs_arena_copy(arena, cwd, strlen(cwd));
	return xs_rules_read(inputs->rules, inputs->options, cwd, arena, err);
}
