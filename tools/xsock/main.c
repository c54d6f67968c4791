/* xsock: the tool beside the library.
 *
 * Finds the subcommand in a table and leaves everything to it.  To add one: a
 * file with a function as in command.h, and a row here.
 */
#include "command.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	char *title; /* argv[0] of the subcommand, for its messages */
	const char *summary;
} commands[] = {
	{ "check", xs_command_check, "xsock check",
	  "look for mistakes in rules, and tell what they do" },
	{ "probe", xs_command_probe, "xsock probe",
	  "connect to a server as a rule would, and report" },
	{ "run", xs_command_run, "xsock run",
	  "run a command with the library and rules" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char args_doc[] = "COMMAND [ARGUMENT...]";
static const char doc[] =
	"TLS for programs that speak plaintext and cannot be changed.\v";

/* Where the subcommand's name stands. */
struct arguments {
	int command; /* 0: there is none */
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (!find_command(arg))
			argp_error(state, "unknown command \"%s\"", arg);
		arguments->command = state->next - 1;
		/* The rest is the command's own. */
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Lists the commands at the end of --help.  argp frees what is returned. */
static char *list_commands(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t size;
	FILE *file;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	file = open_memstream(&list, &size);
	if (!file)
		return (char *)text;
	fprintf(file, "Commands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(file, "  %-24s %s\n", commands[i].name,
			commands[i].summary);
	fprintf(file,
		"\n\"xsock COMMAND --help\" tells more.  See also xsock(1) and "
		"libxsock(7).");
	fclose(file);
	return list;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { .parser = parse,
					  .args_doc = args_doc,
					  .doc = doc,
					  .help_filter = list_commands };
	struct arguments arguments = { 0 };
	const struct command *command;

	argp_program_version = "xsock " XS_VERSION;
	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments) != 0)
		return XS_EXIT_USAGE;
	command = find_command(argv[arguments.command]);
	argv += arguments.command;
	argv[0] = command->title;
	return command->run(argc - arguments.command, argv);
}
