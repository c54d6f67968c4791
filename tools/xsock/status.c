/* xsock status: which processes have the library and rules, and which of their
 * connections are wrapped.
 *
 * The library cannot say that it is not there.  /proc can: what is mapped, with
 * which variables a process was started, and what its sockets are.
 */
#include "base/arena.h"
#include "rules/rules.h"
#include "xsock/command.h"
#include "xsock/process_tree.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char args_doc[] = "[PID...]";
static const char doc[] =
	"Tell which processes follow rules: these and all that they have "
	"started, or all that have the library or XSOCK_RULES."
	"\v"
	"For each process: whether the library is loaded, the rules that it "
	"was "
	"started with, and its TCP connections and UDP sockets, wrapped or "
	"not.\n\n"
	"Exit status: 0 if every process has both the library and rules, 1 if "
	"one has not, 2 if there is no such process or it may not be looked "
	"at.";

enum { EXIT_ALL = 0, EXIT_NOT_ALL = 1, EXIT_UNSEEN = 2 };

enum { PIDS_MAX = 256 };

struct arguments {
	pid_t pid[PIDS_MAX];
	size_t count;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	char *end;
	long pid;

	switch (key) {
	case ARGP_KEY_ARG:
		pid = strtol(arg, &end, 10);
		if (*end || pid <= 0 || pid > INT32_MAX)
			argp_error(state, "\"%s\" is not a process ID", arg);
		if (arguments->count == PIDS_MAX)
			argp_error(state, "more than %d process IDs", PIDS_MAX);
		arguments->pid[arguments->count++] = (pid_t)pid;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- one process -------------------------------------------------------- */

static const char *const libraries[] = {
	[XS_PROCESS_UNKNOWN] = "cannot be seen",
	[XS_PROCESS_LOADED] = "loaded",
	[XS_PROCESS_REPLACED] = "loaded, an older one than is installed now",
	[XS_PROCESS_ABSENT] = "NOT LOADED",
};

static bool has_library(const struct xs_process *process)
{
	return process->library == XS_PROCESS_LOADED ||
	       process->library == XS_PROCESS_REPLACED;
}

/* One line; the text comes from another user's process. */
static void print_text(int indent, const char *what, const char *text)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s", text);
	xs_process_make_printable(line);
	printf("%*s%s %s\n", indent, "", what, line);
}

/* The rules as the library tells them: without secrets. */
static void print_rules(const struct xs_process *process, int indent)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_arena arena = { NULL };
	const struct xs_rules *rules = xs_rules_read(
		process->rules, process->options,
		process->folder[0] ? process->folder : NULL, &arena, &err);

	if (!rules)
		print_text(indent, "rules that cannot be used:", err.text);
	for (size_t i = 0; rules && i < rules->count; i++)
		print_text(indent, "rule", rules->rule[i].text);
	xs_arena_free(&arena);
}

struct listing {
	int indent;
	size_t wrapped, plain;
};

static void print_connection(const struct xs_process_connection *connection,
			     void *with)
{
	struct listing *listing = with;

	if (connection->wrapped)
		listing->wrapped++;
	else
		listing->plain++;
	printf("%*s%s %d %s: %s\n", listing->indent, "",
	       connection->wrapped ? "wrapped    " : "not wrapped",
	       connection->fd, connection->text, connection->state);
}

static const char *rules_of(const struct xs_process *process)
{
	if (process->rules && has_library(process) && !process->active)
		return "rules set, which it DOES NOT FOLLOW";
	if (process->rules)
		return "rules set";
	if (process->active)
		return "rules set (which, its environment does not show any "
		       "more)";
	return "NO RULES";
}

/* Returns an exit status. */
static int print_process(const struct xs_process *process, int depth)
{
	struct listing listing = { .indent = 2 * depth + 4 };

	printf("%*s%d %s: library %s, %s\n", 2 * depth, "", (int)process->pid,
	       process->name, libraries[process->library], rules_of(process));
	if (process->rules)
		print_rules(process, listing.indent);
	xs_process_connections(process->pid, print_connection, &listing);
	if (process->library == XS_PROCESS_UNKNOWN)
		return EXIT_UNSEEN;
	return process->active ? EXIT_ALL : EXIT_NOT_ALL;
}

/* --- all of them -------------------------------------------------------- */

static int worse(int one, int other)
{
	return one > other ? one : other;
}

static void print_one(const struct xs_process *process, int depth, void *with)
{
	int *status = with;

	*status = worse(*status, print_process(process, depth));
}

static int print_tree(const struct xs_processes *all, pid_t pid)
{
	int status = EXIT_ALL;

	if (xs_processes_walk(all, pid, print_one, &status))
		return status;
	printf("%d: there is no such process\n", (int)pid);
	return EXIT_UNSEEN;
}

/* Without IDs: whoever has one of the two. */
static int print_concerned(const struct xs_processes *all)
{
	int status = EXIT_ALL;
	size_t printed = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct xs_process *process = &all->process[i];

		if (process->pid == getpid() ||
		    (!has_library(process) && !process->rules))
			continue;
		status = worse(status, print_process(process, 0));
		printed++;
	}
	if (!printed)
		puts("no process that can be seen here has the library or "
		     "XSOCK_RULES");
	return status;
}

const struct argp xs_status_argp = { .parser = parse,
				     .args_doc = args_doc,
				     .doc = doc };

int xs_command_status(int argc, char **argv)
{
	struct arguments arguments = { .count = 0 };
	struct xs_processes all;
	int status = EXIT_ALL;

	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&xs_status_argp, argc, argv, 0, NULL, &arguments) != 0)
		return XS_EXIT_USAGE;
	xs_processes_read(&all);
	for (size_t i = 0; i < arguments.count; i++)
		status = worse(status, print_tree(&all, arguments.pid[i]));
	if (!arguments.count)
		status = print_concerned(&all);
	xs_processes_free(&all);
	return status;
}
