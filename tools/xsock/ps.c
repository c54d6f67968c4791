/* xsock ps: the live connections and associations of relays, and what failed
 * last.
 *
 * The relays are asked (relays.c); /proc tells about processes.  What other
 * users' processes and relays say is printed without the characters that a
 * terminal obeys.
 */
#include "xsock/ps.h"

#include "relay/association/state.h"
#include "relay/connection/state.h"
#include "xsock/command.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char args_doc[] = "[PID]";
static const char doc[] =
	"List the live connections of your relay, and its associations of "
	"datagrams, or those of all users if you are root."
	"\v"
	"With PID, only those that this process and all that it has started "
	"have made, and for each of these processes, whether the library is "
	"mapped.\n\n"
	"Exit status: 0 if each relay has told what it has (or there is none), "
	"1 if one has not, 2 if there is no such process or the arguments are "
	"wrong.";

enum { EXIT_TOLD = 0, EXIT_NOT_TOLD = 1 };

enum { FAILED = 'f', JSON = 'j', METRICS = 'm', WATCH = 'W', WIDE = 'w' };

static const struct argp_option options[] = {
	{ "failed", FAILED, NULL, 0, "the last failures, with their reasons",
	  0 },
	{ "json", JSON, NULL, 0, "print one JSON object", 0 },
	{ "metrics", METRICS, NULL, 0,
	  "print counters in the text format of Prometheus", 0 },
	{ "watch", WATCH, NULL, 0,
	  "a live screen: rates, the busiest connection first", 0 },
	{ "wide", WIDE, NULL, 0,
	  "cut no column to the width of the terminal, and leave none out", 0 },
	{ 0 },
};

struct arguments {
	struct xs_ps ps;
	int (*print)(const struct xs_ps *ps);
	bool watch;
	bool json, metrics;
};

static pid_t read_pid(const char *text, struct argp_state *state)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (*end || pid <= 0 || pid > INT32_MAX)
		argp_error(state, "\"%s\" is not a process ID", text);
	return (pid_t)pid;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	struct xs_ps *ps = &arguments->ps;

	switch (key) {
	case FAILED:
		ps->what = XS_WIRE_LIST_FAILURES;
		return 0;
	case JSON:
		if (!xs_ps_has_json())
			argp_error(state, "this xsock was built without "
					  "jansson, and has no --json");
		arguments->json = true;
		arguments->print = xs_ps_print_json;
		return 0;
	case METRICS:
		arguments->metrics = true;
		arguments->print = xs_ps_print_metrics;
		return 0;
	case WATCH:
		if (!xs_ps_has_watch())
			argp_error(state, "this xsock was built without "
					  "ncurses, and has no --watch");
		arguments->watch = true;
		return 0;
	case WIDE:
		ps->wide = true;
		return 0;
	case ARGP_KEY_ARG:
		if (ps->pid)
			argp_error(state, "more than one process ID");
		ps->pid = read_pid(arg, state);
		return 0;
	case ARGP_KEY_END:
		if (arguments->metrics &&
		    (ps->pid || arguments->json ||
		     ps->what != XS_WIRE_LIST_CONNECTIONS))
			argp_error(state, "--metrics is about all connections: "
					  "it goes with no PID, --failed or "
					  "--json");
		if (arguments->watch &&
		    (arguments->print != xs_ps_print_screen ||
		     ps->what != XS_WIRE_LIST_CONNECTIONS))
			argp_error(state, "--watch goes with no --failed, "
					  "--json or --metrics");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- words ------------------------------------------------------------- */

/* The same one is asked for in each row, and the answer may come from a
 * server. */
const char *xs_ps_user(uid_t user)
{
	static char text[64];
	static uid_t last;
	const struct passwd *entry;

	if (text[0] && user == last)
		return text;
	last = user;
	/* There is one thread.  NOLINTNEXTLINE(getpwuidCalled) */
	entry = getpwuid(user);
	if (entry)
		snprintf(text, sizeof(text), "%s", entry->pw_name);
	else
		snprintf(text, sizeof(text), "%u", (unsigned)user);
	xs_process_make_printable(text);
	return text;
}

const char *xs_ps_state(const struct xs_relay_row *row)
{
	static char text[16];
	const char *name = row->row.association
				   ? xs_association_state_name(row->row.state)
				   : xs_connection_state_name(row->row.state);
	size_t i;

	for (i = 0; name[i] && i < sizeof(text) - 1; i++)
		text[i] = (char)tolower((unsigned char)name[i]);
	text[i] = '\0';
	return text;
}

const char *xs_ps_mapped(const struct xs_process *process)
{
	switch (process->library) {
	case XS_PROCESS_LOADED:
	case XS_PROCESS_REPLACED:
		return "yes";
	case XS_PROCESS_ABSENT:
		return "no";
	case XS_PROCESS_UNKNOWN:
		break;
	}
	return NULL;
}

/* --- which rows -------------------------------------------------------- */

static void note_process(const struct xs_process *process, int depth,
			 void *with)
{
	struct xs_ps *ps = with;

	ps->tree[ps->tree_size].process = process;
	ps->tree[ps->tree_size++].depth = depth;
}

/* False: there is no such process. */
static bool find_tree(struct xs_ps *ps)
{
	struct xs_processes *all = &ps->processes;

	xs_processes_read(all);
	/* A walk that meets a circle meets processes again, once at each
	 * depth. */
	ps->tree = calloc(XS_PROCESSES_DEPTH * (all->count + 1),
			  sizeof(*ps->tree));
	return ps->tree && xs_processes_walk(all, ps->pid, note_process, ps);
}

static bool is_shown(const struct xs_ps *ps, pid_t pid)
{
	for (size_t i = 0; i < ps->tree_size; i++)
		if (ps->tree[i].process->pid == pid)
			return true;
	return !ps->pid;
}

/* By relay, process and age; failures by age, the last one last.  Which of them
 * is asked of what was asked for, not of the rows: whoever answers might mix
 * them, and qsort(3) must not meet an order that contradicts itself. */
static int compare(const void *one, const void *other, void *with)
{
	const struct xs_relay_row *a = *(struct xs_relay_row *const *)one;
	const struct xs_relay_row *b = *(struct xs_relay_row *const *)other;
	const struct xs_ps *ps = with;

	if (a->relay != b->relay)
		return a->relay < b->relay ? -1 : 1;
	if (a->pid != b->pid && ps->what == XS_WIRE_LIST_CONNECTIONS)
		return a->pid < b->pid ? -1 : 1;
	if (a->row.age_ms != b->row.age_ms)
		return a->row.age_ms > b->row.age_ms ? -1 : 1;
	return a < b ? -1 : a > b;
}

static bool choose_rows(struct xs_ps *ps)
{
	struct xs_relays *relays = &ps->relays;

	/* Of pointers.  NOLINTNEXTLINE(bugprone-sizeof-expression) */
	ps->row = calloc(relays->rows + 1, sizeof(*ps->row));
	if (!ps->row)
		return false;
	for (size_t i = 0; i < relays->rows; i++)
		if (is_shown(ps, relays->row[i].pid))
			ps->row[ps->rows++] = &relays->row[i];
	/* NOLINTNEXTLINE(bugprone-sizeof-expression) */
	qsort_r(ps->row, ps->rows, sizeof(*ps->row), compare, ps);
	return true;
}

/* --- all of it ---------------------------------------------------------- */

/* What a relay did not tell is for standard error, so that what is printed
 * stays what it is.  Returns an exit status. */
static int tell_problems(const struct xs_relays *relays)
{
	int status = EXIT_TOLD;

	for (size_t i = 0; i < relays->relays; i++) {
		const struct xs_relay *relay = &relays->relay[i];

		if (!relay->problem[0])
			continue;
		fprintf(stderr, "xsock ps: relay %d of %s: %s\n",
			(int)relay->pid, xs_ps_user(relay->user),
			relay->problem);
		status = EXIT_NOT_TOLD;
	}
	if (!relays->incomplete)
		return status;
	fprintf(stderr, "xsock ps: there are more relays than descriptors to "
			"ask them with, so some are missing (does somebody "
			"bind many names? else raise \"ulimit -n\")\n");
	return EXIT_NOT_TOLD;
}

int xs_ps_gather(struct xs_ps *ps, struct xs_error *err)
{
	if (ps->pid && !find_tree(ps))
		return xs_error_set(err, XS_ERR_SYSTEM, ESRCH,
				    "%d: there is no such process",
				    (int)ps->pid);
	if (xs_relays_ask(&ps->relays, ps->what, err) < 0)
		return -1;
	if (choose_rows(ps))
		return 0;
	return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
}

void xs_ps_release(struct xs_ps *ps)
{
	free(ps->row);
	free(ps->tree);
	xs_relays_free(&ps->relays);
	xs_processes_free(&ps->processes);
	*ps = (struct xs_ps){ .what = ps->what,
			      .pid = ps->pid,
			      .wide = ps->wide,
			      .rates = ps->rates };
}

static int list(struct arguments *arguments)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_ps *ps = &arguments->ps;
	int status = EXIT_NOT_TOLD;

	if (arguments->watch) {
		if (xs_ps_watch(ps, &err) == 0)
			status = EXIT_TOLD;
		else
			fprintf(stderr, "xsock ps: %s\n", err.text);
	} else if (xs_ps_gather(ps, &err) < 0) {
		fprintf(stderr, "xsock ps: %s\n", err.text);
		status = err.errnum == ESRCH ? XS_EXIT_USAGE : EXIT_NOT_TOLD;
	} else if (arguments->print(ps) == 0 && fflush(stdout) == 0) {
		status = tell_problems(&ps->relays);
	} else {
		perror("xsock ps");
	}
	xs_ps_release(ps);
	return status;
}

const struct argp xs_ps_argp = {
	.options = options, .parser = parse, .args_doc = args_doc, .doc = doc
};

int xs_command_ps(int argc, char **argv)
{
	struct arguments arguments = { .ps.what = XS_WIRE_LIST_CONNECTIONS,
				       .print = xs_ps_print_screen };

	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&xs_ps_argp, argc, argv, 0, NULL, &arguments) != 0)
		return XS_EXIT_USAGE;
	return list(&arguments);
}
