/* xsock rules: the rules one by one, in canonical form and in words; or the
 * rules that a configuration of stunnel(8) amounts to.
 *
 * What is printed is a file of rules.  Connects to nothing.
 */
#include "xsock/command.h"
#include "xsock/inputs.h"
#include "xsock/lint.h"
#include "xsock/rule_text.h"
#include "xsock/stunnel.h"

#include <argp.h>
#include <string.h>

static const char args_doc[] = "[RULES]";
static const char doc[] =
	"Explain rules one by one, or convert a client configuration of "
	"stunnel(8)."
	"\v"
	"What is printed can be used as a file of rules.  A passphrase is "
	"shown as ***.\n\n"
	"Exit status: 0, 1 if rules are wrong or a section cannot be "
	"converted, 2 for wrong usage.";

static const struct argp_option options[] = {
	{ "from-stunnel", 's', "FILE", 0,
	  "Convert FILE, a client configuration of stunnel(8)", 0 },
	{ .name = NULL },
};

struct arguments {
	struct xs_inputs inputs;
	const char *stunnel; /* NULL: explain rules */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->inputs;
		return 0;
	case 's':
		arguments->stunnel = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->inputs.rules)
			argp_error(state, "RULES are given twice");
		arguments->inputs.rules = arg;
		return 0;
	case ARGP_KEY_END:
		if (arguments->stunnel && arguments->inputs.rules)
			argp_error(state, "either RULES or --from-stunnel");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- explain ------------------------------------------------------------- */

static int print_rule(const struct xs_rule *rule, struct xs_arena *arena)
{
	printf("# %s: ", rule->place);
	xs_rule_explain(stdout, rule);
	printf("\n");
	if (!xs_rule_print(stdout, rule, arena)) {
		fprintf(stderr, "xsock: there is not enough memory\n");
		return XS_EXIT_RULES;
	}
	return XS_EXIT_OK;
}

static int explain(const struct xs_inputs *inputs, struct xs_arena *arena)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	const struct xs_rules *rules;
	int status = XS_EXIT_OK;

	if (!inputs->rules) {
		fprintf(stderr, "xsock rules: there are no rules: give them as "
				"argument, with -r or in XSOCK_RULES\n");
		return XS_EXIT_USAGE;
	}
	rules = xs_inputs_read(inputs, arena, &err);
	if (!rules) {
		fprintf(stderr, "xsock: %s\n", err.text);
		return XS_EXIT_RULES;
	}
	for (size_t i = 0; i < rules->count && status == XS_EXIT_OK; i++)
		status = print_rule(&rules->rule[i], arena);
	fflush(stdout);
	xs_lint(rules, stderr);
	return status;
}

/* --- convert ------------------------------------------------------------- */

static int convert(const char *file, struct xs_arena *arena)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	const struct xs_stunnel_service *service;
	struct xs_stunnel stunnel = { .notes = NULL };
	int status = XS_EXIT_OK;

	if (xs_stunnel_read(file, &stunnel, arena, &err) < 0) {
		fprintf(stderr, "xsock: %s\n", err.text);
		return XS_EXIT_RULES;
	}
	xs_stunnel_print_notes(stdout, stunnel.notes);
	for (service = stunnel.first; service; service = service->next) {
		xs_error_clear(&err);
		if (xs_stunnel_convert(stdout, service, arena, &err) == 0)
			continue;
		fflush(stdout);
		fprintf(stderr, "xsock: %s: [%s]: %s\n", file, service->name,
			err.text);
		status = XS_EXIT_RULES;
	}
	return status;
}

static const struct argp_child children[] = {
	{ .argp = &xs_inputs_argp },
	{ .argp = NULL },
};

const struct argp xs_rules_argp = { .options = options,
				    .parser = parse,
				    .args_doc = args_doc,
				    .doc = doc,
				    .children = children };

int xs_command_rules(int argc, char **argv)
{
	struct arguments arguments = { .stunnel = NULL };
	struct xs_arena arena = { NULL };
	int status;

	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&xs_rules_argp, argc, argv, 0, NULL, &arguments) != 0)
		return XS_EXIT_USAGE;
	if (arguments.stunnel) {
		status = convert(arguments.stunnel, &arena);
	} else {
		xs_inputs_complete(&arguments.inputs);
		status = explain(&arguments.inputs, &arena);
	}
	xs_arena_free(&arena);
	return status;
}
