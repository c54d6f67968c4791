/* xsock trace: what does a command look up, and where does it connect?
 *
 * Runs the command with the library, and with a supervisor where there can be
 * one, and lets both tell what they see (base/trace.h).  Nothing of what the
 * command does changes: without rules, nothing is wrapped.  When it has ended,
 * the servers are asked which of them speak TLS, and what was seen is written
 * as a file of rules.
 */
#include "xsock/trace.h"

#include "base/descriptor.h"
#include "base/log.h"
#include "xsock/command.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the probes of all servers may take together, in seconds; as many servers
 * as are asked. */
enum { ALL_SECONDS = 120, SERVERS_MAX = 64 };

enum { OPTIONS = 256, NO_PROBE };

static const struct argp_option options[] = {
	{ "rules", 'r', "RULES", 0,
	  "Rules that the command follows (default: XSOCK_RULES, else none: "
	  "everything stays plaintext)",
	  0 },
	{ "options", OPTIONS, "OPTIONS", 0,
	  "Options that every rule and probe starts from, as a=b&c=d (default: "
	  "XSOCK_OPTIONS)",
	  0 },
	{ "output", 'o', "FILE", 0,
	  "Write the report to this file, which is one of rules (default: "
	  "standard error)",
	  0 },
	{ "no-probe", NO_PROBE, NULL, 0, "Ask no server whether it speaks TLS",
	  0 },
	{ "json", 'j', NULL, 0, "Make the report one JSON object", 0 },
	{ "log", 'l', "LEVEL", 0,
	  "As of xsock run (default: XSOCK_LOG, else off without rules)", 0 },
	{ "supervise", 's', "WHEN", 0,
	  "always, auto (where the kernel allows it) or never: supervise the "
	  "command and all that it starts, so that static and Go programs are "
	  "seen, too (default: auto)",
	  0 },
	{ .name = NULL },
};

static const char args_doc[] = "[--] COMMAND [ARGUMENT...]";
static const char doc[] =
	"Tell what a command looks up and where it connects, and which rules "
	"would give it TLS."
	"\v"
	"When the command has ended, each server to which it had a plaintext "
	"connection is asked whether it speaks TLS: on that port, on the "
	"usual port for TLS, by STARTTLS.  The report ends with the rules."
	"\n\n"
	"Exit status: that of the command, also if a signal ends it; 125 if "
	"xsock fails, 126 if the command cannot be traced or executed, 127 if "
	"it is not found.";

struct arguments {
	struct xs_become become;
	const char *output; /* NULL: standard error */
	bool no_probe, json;
	int command; /* where it starts in argv */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'r':
		arguments->become.inputs.rules = arg;
		return 0;
	case OPTIONS:
		arguments->become.inputs.options = arg;
		return 0;
	case 'o':
		arguments->output = arg;
		return 0;
	case NO_PROBE:
		arguments->no_probe = true;
		return 0;
	case 'j':
		if (!xs_trace_has_json())
			argp_error(state, "this xsock was built without "
					  "jansson, and has no --json");
		arguments->json = true;
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

/* --- before --------------------------------------------------------------- */

static int fail(const char *what)
{
	fprintf(stderr, "xsock trace: %s: %s\n", what, strerror(errno));
	return XS_EXIT_RUN_FAILED;
}

/* Who only looks on says nothing on the command's standard error, and lets it
 * start whatever it wants. */
static void look_on(struct xs_become *become)
{
	const char *log = getenv("XSOCK_LOG");

	if (become->inputs.rules && *become->inputs.rules)
		return;
	become->inputs.rules = XS_TRACE_NO_RULES;
	if (!become->log && (!log || !*log))
		become->log = xs_log_levels[XS_LOG_OFF];
	unsetenv("XSOCK_EXEC");
}

/* What is in the file stays until there is a report: the command may read it,
 * as rules, and may not be found. */
static FILE *open_output(const char *path)
{
	int fd = xs_above_stdio(
		open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));

	return fd < 0 ? NULL : fdopen(fd, "w");
}

/* Is the rule's place, "/etc/x.rules:3:1", in this file? */
static bool is_place_in(const char *place, const struct stat *file)
{
	char *path = strdup(place);
	struct stat other;
	bool same = false;

	for (int i = 0; path && i < 2; i++) {
		char *colon = strrchr(path, ':');

		if (colon)
			*colon = '\0';
	}
	if (path && stat(path, &other) == 0)
		same = other.st_dev == file->st_dev &&
		       other.st_ino == file->st_ino;
	free(path);
	return same;
}

/* Would the report take the place of rules that the command follows?  They are
 * not in it.  What is wrong with the rules is told when the command starts. */
static bool has_rules(int fd, const struct xs_inputs *inputs)
{
	struct xs_arena arena = { NULL };
	struct xs_error err = { .kind = XS_ERR_NONE };
	const struct xs_rules *rules = xs_inputs_read(inputs, &arena, &err);
	struct stat file;
	bool found = false;

	if (rules && fstat(fd, &file) == 0)
		for (size_t i = 0; i < rules->count && !found; i++)
			found = is_place_in(rules->rule[i].place, &file);
	xs_arena_free(&arena);
	return found;
}

/* NULL: the reason was told. */
static FILE *begin_output(const struct arguments *arguments)
{
	FILE *out = arguments->output ? open_output(arguments->output) : stderr;

	if (!out) {
		fail(arguments->output);
		return NULL;
	}
	if (out == stderr || !has_rules(fileno(out), &arguments->become.inputs))
		return out;
	fprintf(stderr,
		"xsock trace: %s has rules that the command follows, which the "
		"report would replace: give -o another file\n",
		arguments->output);
	fclose(out);
	return NULL;
}

/* --- the servers ---------------------------------------------------------- */

static void announce(const struct xs_book *book)
{
	char text[XS_BOOK_TEXT_MAX];
	struct xs_advice advice;
	unsigned count = 0;

	for (size_t i = 0; i < book->places && count < SERVERS_MAX; i++) {
		const struct xs_book_place *place = &book->place[i];

		if (!xs_advice_is_wanted(book, place) ||
		    !xs_advice_needs_probe(place, &advice))
			continue;
		fprintf(stderr, "%s%s",
			count++ ? ", "
				: "xsock trace: connects now, to see which of "
				  "these servers speak TLS (--no-probe leaves "
				  "that out): ",
			xs_book_text(place, text));
	}
	if (count)
		fputc('\n', stderr);
}

/* Why the server is not asked; NULL: it is. */
static const char *find_obstacle(unsigned asked, time_t end)
{
	if (xs_trace_interrupted())
		return "interrupted";
	if (asked == SERVERS_MAX)
		return "there are too many servers";
	return time(NULL) >= end ? "the others took too long" : NULL;
}

static void advise_one(const struct arguments *arguments,
		       const struct xs_book_place *place, unsigned *asked,
		       time_t end, struct xs_advice *advice)
{
	const char *obstacle;
	char text[XS_BOOK_TEXT_MAX];

	if (!xs_advice_needs_probe(place, advice))
		return;
	obstacle = find_obstacle(*asked, end);
	if (obstacle) {
		snprintf(advice->comment, sizeof(advice->comment),
			 "# %s: not asked (%s)\n", xs_book_text(place, text),
			 obstacle);
		return;
	}
	++*asked;
	xs_advice_probe(place, arguments->become.inputs.options, advice);
}

/* Fills in the advice of each place, and prints it as it comes, unless out is
 * NULL. */
static void advise(FILE *out, const struct arguments *arguments,
		   const struct xs_book *book, struct xs_advice *advice)
{
	const time_t end = time(NULL) + ALL_SECONDS;
	unsigned asked = 0;

	if (out)
		xs_trace_report_heading(out);
	announce(book);
	for (size_t i = 0; i < book->places; i++) {
		if (!xs_advice_is_wanted(book, &book->place[i]))
			continue;
		advise_one(arguments, &book->place[i], &asked, end, &advice[i]);
		if (out)
			xs_trace_report_advice(out, &advice[i]);
	}
	if (out && arguments->become.inputs.options && asked)
		xs_trace_report_options(out);
}

static bool has_wanted(const struct xs_book *book)
{
	for (size_t i = 0; i < book->places; i++)
		if (xs_advice_is_wanted(book, &book->place[i]))
			return true;
	return false;
}

/* --- behind --------------------------------------------------------------- */

/* As the command ended. */
static int end_as(int status)
{
	const struct rlimit no_core = { 0, 0 };
	sigset_t set;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return 128 + WTERMSIG(status);
}

static int report(FILE *out, const struct arguments *arguments,
		  const struct xs_book *book, const char *command, int status)
{
	static struct xs_advice advice[XS_BOOK_PLACES];

	/* (A pipe or terminal has no length.) */
	if (out != stderr && ftruncate(fileno(out), 0) < 0 && errno != EINVAL)
		return fail(arguments->output);
	if (!arguments->json)
		xs_trace_report(out, book, command, status);
	if (!arguments->no_probe && has_wanted(book))
		advise(arguments->json ? NULL : out, arguments, book, advice);
	if (arguments->json &&
	    xs_trace_print_json(out, book, advice, command, status) < 0)
		return fail("the report");
	if (fflush(out) == 0 && !ferror(out))
		return 0;
	return fail(arguments->output ? arguments->output : "the report");
}

/* Runs the command; the report goes to out.  Returns 0, and how it ended, or
 * the exit status of one that could not be. */
static int trace_to(FILE *out, struct arguments *arguments, char **argv,
		    int *status)
{
	static struct xs_book book;
	static char handle[XS_SEGMENT_HANDLE_MAX]; /* the caller's arguments
						      point to it */
	int failed;

	if (xs_trace_make(handle) < 0)
		return fail("no memory to share with the command (shmget(2))");
	look_on(&arguments->become);
	arguments->become.trace = handle;
	failed = xs_trace_run(&arguments->become, argv, &book, status);
	return failed ? failed
		      : report(out, arguments, &book, argv[0], *status);
}

static int trace(struct arguments *arguments, char **argv)
{
	FILE *out = begin_output(arguments);
	int status = 0, failed;

	if (!out)
		return XS_EXIT_RUN_FAILED;
	failed = trace_to(out, arguments, argv, &status);
	if (out != stderr && fclose(out) != 0 && !failed)
		failed = fail(arguments->output);
	return failed ? failed : end_as(status);
}

const struct argp xs_trace_argp = { options, parse, args_doc, doc,
				    .children = NULL };

int xs_command_trace(int argc, char **argv)
{
	struct arguments arguments = {
		.become = { .supervise = XS_SUPERVISE_AUTO }
	};
	struct xs_error err = { .kind = XS_ERR_NONE };

	argp_err_exit_status = XS_EXIT_RUN_FAILED;
	if (argp_parse(&xs_trace_argp, argc, argv, ARGP_IN_ORDER, NULL,
		       &arguments) != 0)
		return XS_EXIT_RUN_FAILED;
	if (xs_become_leave_library("trace", argc, argv, &err) < 0 ||
	    xs_become_take_rules_back(&err) < 0) {
		fprintf(stderr, "xsock: %s\n", err.text);
		return XS_EXIT_RUN_FAILED;
	}
	xs_inputs_complete(&arguments.become.inputs);
	return trace(&arguments, argv + arguments.command);
}
