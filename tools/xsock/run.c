/* xsock run: a command with the library and rules.
 *
 * The library itself can only refuse connections when the rules are wrong, and
 * can do nothing where it is not loaded.  Here is the place to find out before
 * the command starts: rules, log and options are read as the library will read
 * them, and the command's file is inspected.  Then the environment is set and
 * the process becomes the command.
 */
#include "command.h"
#include "inputs.h"
#include "library.h"
#include "log.h"
#include "reach.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct argp_option options[] = {
	{ "log", 'l', "LEVEL", 0,
	  "off, error, info or debug; \":FILE\" or \":syslog\" behind it tells "
	  "where to (default: XSOCK_LOG, else error)",
	  0 },
	{ .name = NULL },
};

static const char args_doc[] = "[--] COMMAND [ARGUMENT...]";
static const char doc[] =
	"Run a command whose connections follow the rules."
	"\v"
	"A command is refused if the dynamic loader would ignore the library "
	"in it: static programs, set-user-ID and set-group-ID programs, file "
	"capabilities, another machine or C library; also Go programs.  Of a "
	"script its interpreter is judged.\n\n"
	"Exit status: that of the command; 125 if xsock fails, 126 if the "
	"command is refused or cannot be executed, 127 if it is not found.";

struct arguments {
	struct xs_inputs inputs;
	const char *log; /* NULL: XSOCK_LOG */
	int command;	 /* where it starts in argv */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->inputs;
		return 0;
	case 'l':
		arguments->log = arg;
		return 0;
	case ARGP_KEY_ARG:
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

static int fail(int status, const struct xs_error *err)
{
	fprintf(stderr, "xsock: %s\n", err->text);
	return status;
}

/* Reads everything that the library will read.  Returns 0, or -1 with *err
 * set. */
static int check_inputs(const struct arguments *arguments, struct xs_error *err)
{
	struct xs_arena arena = { NULL };
	const struct xs_rules *rules =
		xs_inputs_read(&arguments->inputs, &arena, err);
	bool empty = rules && rules->count == 0;
	struct xs_log log;

	xs_arena_free(&arena);
	if (!rules)
		return -1;
	if (empty)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "there are no rules, so the command would "
				    "run without TLS: give some with -r or in "
				    "XSOCK_RULES");
	return xs_log_parse(
		&log, arguments->log ? arguments->log : getenv("XSOCK_LOG"),
		"/", err);
}

/* AddressSanitizer's run-time system wants to be the very first. */
static size_t first_of_all(const char *others)
{
	size_t len = strcspn(others, ": ");
	const char *name = memrchr(others, '/', len);

	name = name ? name + 1 : others;
	return strncmp(name, "libasan.so", strlen("libasan.so")) == 0 ? len : 0;
}

/* Puts the library in front of what is preloaded already. */
static int set_preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *all = NULL;
	int first, result;

	if (!others || *others == '\0')
		return setenv("LD_PRELOAD", library, 1);
	first = (int)first_of_all(others);
	if (asprintf(&all, "%.*s%s%s%s%s", first, others, first ? ":" : "",
		     library, others[first] && !first ? ":" : "",
		     others + first) < 0)
		return -1;
	result = setenv("LD_PRELOAD", all, 1);
	free(all);
	return result;
}

static int set_environment(const struct arguments *arguments,
			   const char *library, struct xs_error *err)
{
	const struct {
		const char *name, *value;
	} variables[] = {
		{ "XSOCK_RULES", arguments->inputs.rules },
		{ "XSOCK_OPTIONS", arguments->inputs.options },
		{ "XSOCK_LOG", arguments->log },
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (variables[i].value &&
		    setenv(variables[i].name, variables[i].value, 1) < 0)
			return xs_error_set(err, XS_ERR_SYSTEM, errno, "%s: %s",
					    variables[i].name, strerror(errno));
	if (set_preload(library) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno, "LD_PRELOAD: %s",
				    strerror(errno));
	return 0;
}

int xs_command_run(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ .argp = &xs_inputs_argp },
		{ .argp = NULL },
	};
	static const struct argp argp = { options, parse, args_doc, doc,
					  .children = children };
	struct arguments arguments = { .command = 0 };
	struct xs_error err = { .kind = XS_ERR_NONE };
	char library[PATH_MAX], path[PATH_MAX];
	int found;

	argp_err_exit_status = XS_EXIT_RUN_FAILED;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments) != 0)
		return XS_EXIT_RUN_FAILED;
	xs_inputs_complete(&arguments.inputs);
	argv += arguments.command;
	if (check_inputs(&arguments, &err) < 0 ||
	    xs_library_find(library, &err) < 0)
		return fail(XS_EXIT_RUN_FAILED, &err);
	found = xs_reach_find(argv[0], path);
	if (found != 0) {
		xs_error_set(&err, XS_ERR_SYSTEM, found, "%s: %s", argv[0],
			     strerror(found));
		return fail(found == ENOENT ? XS_EXIT_RUN_NOT_FOUND
					    : XS_EXIT_RUN_REFUSED,
			    &err);
	}
	/* Which library depends on the command. */
	if (xs_reach_check(path, library, &err) < 0)
		return fail(XS_EXIT_RUN_REFUSED, &err);
	if (set_environment(&arguments, library, &err) < 0)
		return fail(XS_EXIT_RUN_FAILED, &err);
	execv(path, argv);
	xs_error_set(&err, XS_ERR_SYSTEM, errno, "%s: %s", path,
		     strerror(errno));
	return fail(XS_EXIT_RUN_REFUSED, &err);
}
