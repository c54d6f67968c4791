/* Becoming a command that has the library; see become.h.
 *
 * The library itself can only refuse connections when the rules are wrong, and
 * can do nothing where it is not loaded.  Here is the place to find out before
 * the command starts: rules, log and options are read as the library will read
 * them, and the command's file is inspected.  Then the environment is set and
 * the process becomes the command.
 */
#include "xsock/become.h"

#include "base/log.h"
#include "base/trace.h"
#include "xsock/command.h"
#include "xsock/library.h"
#include "xsock/reach.h"
#include "xsock/supervise.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- the command ---------------------------------------------------------- */

const char *const xs_run_supervise_words[] = { "never", "auto", "always",
					       NULL };

error_t xs_become_parse_supervise(struct argp_state *state, const char *when,
				  enum xs_supervise_when *supervise)
{
	for (int i = XS_SUPERVISE_NEVER; i <= XS_SUPERVISE_ALWAYS; i++) {
		if (strcmp(when, xs_run_supervise_words[i]) == 0) {
			*supervise = (enum xs_supervise_when)i;
			return 0;
		}
	}
	argp_error(state, "--supervise is always, auto or never, not \"%s\"",
		   when);
	return EINVAL;
}

/* Reads everything that the library will read.  Returns 0, or -1 with *err
 * set. */
static int check_inputs(const struct xs_become *become, struct xs_error *err)
{
	struct xs_arena arena = { NULL };
	const struct xs_rules *rules =
		xs_inputs_read(&become->inputs, &arena, err);
	bool empty = rules && rules->count == 0;
	struct xs_log log;

	xs_arena_free(&arena);
	if (!rules)
		return -1;
	if (empty && !become->trace)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "there are no rules, so the command would "
				    "run without TLS: give some with -r or in "
				    "XSOCK_RULES");
	return xs_log_parse(&log,
			    become->log ? become->log : getenv("XSOCK_LOG"),
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

static int set_environment(const struct xs_become *become, const char *library,
			   struct xs_error *err)
{
	const struct {
		const char *name, *value;
	} variables[] = {
		{ "XSOCK_RULES", become->inputs.rules },
		{ "XSOCK_OPTIONS", become->inputs.options },
		{ "XSOCK_LOG", become->log },
		{ XS_TRACE_VARIABLE, become->trace },
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

/* Finds the command.  Returns 0, or the exit status. */
static int find(const char *name, char path[PATH_MAX], struct xs_error *err)
{
	int found = xs_reach_find(name, path);

	if (found == 0)
		return 0;
	xs_error_set(err, XS_ERR_SYSTEM, found, "%s: %s", name,
		     strerror(found));
	return found == ENOENT ? XS_EXIT_RUN_NOT_FOUND : XS_EXIT_RUN_REFUSED;
}

/* May it be supervised, and shall it?  Returns 1, 0, or -1 with *err set. */
static int want_supervisor(enum xs_supervise_when when, struct xs_error *err)
{
	struct xs_error why = { .kind = XS_ERR_NONE };

	if (when == XS_SUPERVISE_NEVER)
		return 0;
	if (xs_supervise_check(&why) == 0)
		return 1;
	if (when == XS_SUPERVISE_AUTO)
		return 0;
	*err = why;
	return -1;
}

int xs_become(const struct xs_become *become, char **argv, struct xs_error *err)
{
	static char library[PATH_MAX];
	char path[PATH_MAX], preload[PATH_MAX];
	int status, supervised;

	if (check_inputs(become, err) < 0 || xs_library_find(library, err) < 0)
		return XS_EXIT_RUN_FAILED;
	status = find(argv[0], path, err);
	if (status != 0)
		return status;
	supervised = want_supervisor(become->supervise, err);
	if (supervised < 0)
		return XS_EXIT_RUN_FAILED;
	/* Which library depends on the command. */
	if (xs_reach_check(path, preload, err) < 0) {
		if (!supervised)
			return XS_EXIT_RUN_REFUSED;
		/* It is for what the command starts. */
		memcpy(preload, library, sizeof(library));
	}
	xs_error_clear(err);
	if (set_environment(become, preload, err) < 0 ||
	    (supervised && xs_supervise_begin(library, err) < 0))
		return XS_EXIT_RUN_FAILED;
	execv(path, argv);
	xs_error_set(err, XS_ERR_SYSTEM, errno, "%s: %s", path,
		     strerror(errno));
	return XS_EXIT_RUN_REFUSED;
}

/* --- without the library -------------------------------------------------- */

/* Where the rules are while this program starts anew. */
static const char aside[] = "XSOCK_RULES_ASIDE";

static int start_anew(const char *command, const char *rules, int argc,
		      char **argv)
{
	char **list = calloc((size_t)argc + 2, sizeof(*list));

	if (!list || setenv(aside, rules, 1) < 0 ||
	    unsetenv("XSOCK_RULES") < 0) {
		free(list);
		return -1;
	}
	list[0] = program_invocation_name;
	list[1] = (char *)command;
	memcpy(list + 2, argv + 1, (size_t)(argc - 1) * sizeof(*list));
	/* The library's execve would tell that the rules are missing. */
	syscall(SYS_execve, "/proc/self/exe", list, environ);
	free(list);
	return -1;
}

int xs_become_leave_library(const char *command, int argc, char **argv,
			    struct xs_error *err)
{
	const char *rules = getenv("XSOCK_RULES");

	if (getenv(aside) || !rules ||
	    start_anew(command, rules, argc, argv) == 0)
		return 0;
	return xs_error_set(err, XS_ERR_SYSTEM, errno,
			    "xsock cannot be started anew: /proc/self/exe: %s",
			    strerror(errno));
}

int xs_become_take_rules_back(struct xs_error *err)
{
	const char *rules = getenv(aside);

	if (!rules)
		return 0;
	if (setenv("XSOCK_RULES", rules, 1) == 0 && unsetenv(aside) == 0)
		return 0;
	return xs_error_set(err, XS_ERR_SYSTEM, errno, "XSOCK_RULES: %s",
			    strerror(errno));
}
