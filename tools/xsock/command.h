/* The subcommands of xsock. */
#ifndef XS_COMMAND_H
#define XS_COMMAND_H

/* Exit statuses of "xsock check" and of xsock itself; those of "xsock probe"
 * are in probe_verdict.c. */
enum {
	XS_EXIT_OK = 0,
	XS_EXIT_RULES = 1, /* the rules or options are wrong */
	XS_EXIT_USAGE = 2,
};

/* Exit statuses of "xsock run", which are those of env(1) so that a script can
 * tell them from the command's own. */
enum {
	XS_EXIT_RUN_FAILED = 125,  /* xsock itself: usage, rules, library */
	XS_EXIT_RUN_REFUSED = 126, /* found, but cannot be run with xsock */
	XS_EXIT_RUN_NOT_FOUND = 127,
};

/* Each takes its own arguments, with argv[0] "xsock NAME", and returns the
 * exit status. */
int xs_command_check(int argc, char **argv);
int xs_command_probe(int argc, char **argv);
int xs_command_run(int argc, char **argv);

#endif
