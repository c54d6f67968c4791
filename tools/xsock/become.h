/* Becoming a command that has the library, for "xsock run" and "xsock trace".
 */
#ifndef XS_BECOME_H
#define XS_BECOME_H

#include "base/error.h"
#include "xsock/inputs.h"

#include <argp.h>

enum xs_supervise_when {
	XS_SUPERVISE_NEVER,
	XS_SUPERVISE_AUTO, /* where the kernel allows it */
	XS_SUPERVISE_ALWAYS,
};

struct xs_become {
	struct xs_inputs inputs; /* complete */
	const char *log;	 /* NULL: XSOCK_LOG */
	enum xs_supervise_when supervise;
	/* The handle of the ring to which events go (base/trace.h), and then
	 * there may be no rules; NULL: none. */
	const char *trace;
};

/* Reads a word of xs_run_supervise_words.  Returns 0; a wrong one is
 * argp_error's. */
error_t xs_become_parse_supervise(struct argp_state *state, const char *when,
				  enum xs_supervise_when *supervise);

/* Becomes the command argv.  Returns the exit status with *err set when that
 * fails. */
int xs_become(const struct xs_become *become, char **argv,
	      struct xs_error *err);

/* The library may be in this process, too.  Then a supervisor's own connects
 * would follow its rules, and its hooks ask the supervisor before there is one.
 * Without rules it does nothing: starts "xsock COMMAND" anew, with the rules
 * put aside.  Returns 0 when that is not needed, or -1 with *err set. */
int xs_become_leave_library(const char *command, int argc, char **argv,
			    struct xs_error *err);

/* Takes them back.  Returns 0, or -1 with *err set. */
int xs_become_take_rules_back(struct xs_error *err);

#endif
