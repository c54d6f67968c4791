/* xsock help: what "xsock COMMAND --help" prints, and what "xsock --help" does.
 */
#include "xsock/command.h"

#include <stddef.h>

static const char args_doc[] = "[SUBCOMMAND]";
static const char doc[] = "Show what a command does and takes.";

struct arguments {
	const struct xs_command *of; /* NULL: of xsock itself */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	if (key != ARGP_KEY_ARG || arguments->of)
		return ARGP_ERR_UNKNOWN;
	arguments->of = xs_command_find(arg);
	if (!arguments->of)
		argp_error(state, "unknown command \"%s\"", arg);
	return 0;
}

const struct argp xs_help_argp = { .parser = parse,
				   .args_doc = args_doc,
				   .doc = doc };

int xs_command_help(int argc, char **argv)
{
	struct arguments arguments = { NULL };
	char *help[] = { (char *)"xsock", (char *)"--help", NULL };

	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&xs_help_argp, argc, argv, 0, NULL, &arguments) != 0)
		return XS_EXIT_USAGE;
	if (!arguments.of)
		return argp_parse(&xs_argp, 2, help, 0, NULL, NULL);
	help[0] = arguments.of->title;
	return arguments.of->run(2, help);
}
