/* xsock run: a command with the library and rules.
 *
 * The work is in become.c.
 */
#include "xsock/become.h"
#include "xsock/command.h"

#include <argp.h>
#include <stdio.h>

static const struct argp_option options[] = {
	{ "log", 'l', "LEVEL", 0,
	  "off, error, warning, info or debug; \":FILE\", \":syslog\" or "
	  "\":journal\" behind it tells where to, \"+pairs\" in front of "
	  "that makes lines for programs (default: XSOCK_LOG, else warning)",
	  0 },
	{ "supervise", 's', "WHEN", 0,
	  "always, auto (where the kernel allows it) or never: supervise the "
	  "command and all that it starts, so that static and Go programs "
	  "follow the rules, too (default: never)",
	  0 },
	{ .name = NULL },
};

static const char args_doc[] = "[--] COMMAND [ARGUMENT...]";
static const char doc[] =
	"Run a command whose connections follow the rules."
	"\v"
	"A command is refused if the dynamic loader would ignore the library "
	"in it: static programs, set-user-ID and set-group-ID programs, file "
	"capabilities, another machine or C library, a library on a mount "
	"without exec rights; also Go and Free Pascal programs.  Of a script "
	"its interpreter is judged.  With --supervise such commands run, too."
	"\n\n"
	"Exit status: that of the command; 125 if xsock fails, 126 if the "
	"command is refused or cannot be executed, 127 if it is not found.";

struct arguments {
	struct xs_become become;
	int command; /* where it starts in argv */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->become.inputs;
		return 0;
	case 'l':
		arguments->become.log = arg;
		return 0;
	case 's':
		return xs_become_parse_supervise(state, arg,
						 &arguments->become.supervise);
	default:
		return xs_command_parse_rest(key, state, &arguments->command);
	}
}

static int fail(int status, const struct xs_error *err)
{
	fprintf(stderr, "xsock: %s\n", err->text);
	return status;
}

/* --- the command ---------------------------------------------------------- */

static const struct argp_child children[] = {
	{ .argp = &xs_inputs_argp },
	{ .argp = NULL },
};

const struct argp xs_run_argp = { options, parse, args_doc, doc,
				  .children = children };

int xs_command_run(int argc, char **argv)
{
	struct arguments arguments = { .command = 0 };
	struct xs_error err = { .kind = XS_ERR_NONE };
	int status;

	argp_err_exit_status = XS_EXIT_RUN_FAILED;
	if (argp_parse(&xs_run_argp, argc, argv, ARGP_IN_ORDER, NULL,
		       &arguments) != 0)
		return XS_EXIT_RUN_FAILED;
	if ((arguments.become.supervise != XS_SUPERVISE_NEVER &&
	     xs_become_leave_library("run", argc, argv, &err) < 0) ||
	    xs_become_take_rules_back(&err) < 0)
		return fail(XS_EXIT_RUN_FAILED, &err);
	xs_inputs_complete(&arguments.become.inputs);
	status = xs_become(&arguments.become, argv + arguments.command, &err);
	return fail(status, &err);
}
