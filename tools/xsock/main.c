/* xsock-commands: what xsock becomes for all commands but "run" (start.c).
 *
 * Finds the subcommand in a table and leaves everything to it.  To add one: a
 * file with a function as in command.h, and a row here.
 */
#include "xsock/command.h"

#include <stdio.h>
#include <string.h>

const struct xs_command xs_commands[] = {
	{ "check", xs_command_check, &xs_check_argp, "xsock check",
	  "look for mistakes in rules, and tell what they do" },
	{ "completion", xs_command_completion, &xs_completion_argp,
	  "xsock completion", "tell a shell how a command line may go on" },
	{ "help", xs_command_help, &xs_help_argp, "xsock help",
	  "show what a command does and takes" },
	{ "probe", xs_command_probe, &xs_probe_argp, "xsock probe",
	  "connect to a server as a rule would, and report" },
	{ "ps", xs_command_ps, &xs_ps_argp, "xsock ps",
	  "list the live connections of the relay" },
	{ "rules", xs_command_rules, &xs_rules_argp, "xsock rules",
	  "explain rules, or convert those of stunnel" },
	{ "run", xs_command_run, &xs_run_argp, "xsock run",
	  "run a command with the library and rules" },
	{ "status", xs_command_status, &xs_status_argp, "xsock status",
	  "tell which processes follow rules, and what is wrapped" },
	{ "trace", xs_command_trace, &xs_trace_argp, "xsock trace",
	  "tell where a command connects, and which rules would give it TLS" },
	{ "unit", xs_command_unit, &xs_unit_argp, "xsock unit",
	  "print the drop-in for a service of systemd" },
	{ .name = NULL },
};

static const char args_doc[] = "COMMAND [ARGUMENT...]";
static const char doc[] =
	"TLS for programs that speak plaintext and cannot be changed.\v";

/* Where the subcommand's name stands. */
struct arguments {
	int command; /* 0: there is none */
};

const struct xs_command *xs_command_find(const char *name)
{
	for (const struct xs_command *row = xs_commands; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	if (key == ARGP_KEY_ARG && !xs_command_find(arg))
		argp_error(state, "unknown command \"%s\"", arg);
	return xs_command_parse_rest(key, state, &arguments->command);
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
	for (const struct xs_command *row = xs_commands; row->name; row++)
		fprintf(file, "  %-24s %s\n", row->name, row->summary);
	fprintf(file, "\n\"xsock help COMMAND\" tells more, and the manual "
		      "xsock-COMMAND(1) all.\nSee also libxsock(7) and "
		      "xsock-rules(5).");
	fclose(file);
	return list;
}

const struct argp xs_argp = { .parser = parse,
			      .args_doc = args_doc,
			      .doc = doc,
			      .help_filter = list_commands };

int main(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	const struct xs_command *command;

	argp_err_exit_status = XS_EXIT_USAGE;
	argp_program_version = "xsock " XS_VERSION;
	if (argp_parse(&xs_argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments) !=
	    0)
		return XS_EXIT_USAGE;
	command = xs_command_find(argv[arguments.command]);
	argv += arguments.command;
	/* parse has looked.  NOLINTNEXTLINE(analyzer-null-dereference) */
	argv[0] = command->title;
	return command->run(argc - arguments.command, argv);
}
