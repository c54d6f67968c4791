/* The subcommands of xsock. */
#ifndef XS_COMMAND_H
#define XS_COMMAND_H

#include <argp.h>

/* Exit statuses of "xsock check" and of xsock itself; those of "xsock probe"
 * are in probe_verdict.c. */
enum {
	XS_EXIT_OK = 0,
	XS_EXIT_RULES = 1, /* the rules or options are wrong */
	XS_EXIT_USAGE = 2,
};

/* Exit statuses of "xsock run" and "xsock trace", which are those of env(1) so
 * that a script can tell them from the command's own. */
enum {
	XS_EXIT_RUN_FAILED = 125,  /* xsock itself: usage, rules, library */
	XS_EXIT_RUN_REFUSED = 126, /* found, but cannot be run with xsock */
	XS_EXIT_RUN_NOT_FOUND = 127,
};

/* Each takes its own arguments, with argv[0] "xsock NAME", and returns the
 * exit status. */
int xs_command_check(int argc, char **argv);
int xs_command_completion(int argc, char **argv);
int xs_command_help(int argc, char **argv);
int xs_command_probe(int argc, char **argv);
int xs_command_ps(int argc, char **argv);
int xs_command_rules(int argc, char **argv);
int xs_command_run(int argc, char **argv);
int xs_command_status(int argc, char **argv);
int xs_command_trace(int argc, char **argv);
int xs_command_unit(int argc, char **argv);

/* What each takes, for --help and for the shells' completion. */
extern const struct argp xs_check_argp;
extern const struct argp xs_completion_argp;
extern const struct argp xs_help_argp;
extern const struct argp xs_probe_argp;
extern const struct argp xs_ps_argp;
extern const struct argp xs_rules_argp;
extern const struct argp xs_run_argp;
extern const struct argp xs_status_argp;
extern const struct argp xs_trace_argp;
extern const struct argp xs_unit_argp;

/* What xsock itself takes in front of a command. */
extern const struct argp xs_argp;

/* For the parser of what takes a command behind its options: *command is where
 * that starts in argv, and one that is missing is told. */
error_t xs_command_parse_rest(int key, struct argp_state *state, int *command);

struct xs_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const struct argp *argp;
	char *title; /* argv[0] of the subcommand, for its messages */
	const char *summary;
};

/* All rows, ended by one whose name is NULL. */
extern const struct xs_command xs_commands[];

/* NULL: there is none. */
const struct xs_command *xs_command_find(const char *name);

/* What "xsock run --supervise" takes, ended by NULL. */
extern const char *const xs_run_supervise_words[];

#endif
