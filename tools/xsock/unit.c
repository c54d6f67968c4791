/* xsock unit: the drop-in that gives a service of systemd the library.
 *
 * Prints the variables, and what the sandbox of that unit must let through.
 * What no drop-in can mend is told on standard error.
 */
#include "xsock/command.h"
#include "xsock/inputs.h"
#include "xsock/library.h"
#include "xsock/reach.h"
#include "xsock/unit_daemon.h"
#include "xsock/unit_file.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_RULES "@/etc/xsock.rules"
#define DEFAULT_LOG   "warning:syslog"

static const char args_doc[] = "NAME";
static const char doc[] =
	"Print the drop-in that gives the systemd service NAME the library."
	"\v"
	"Save what is printed with \"systemctl edit NAME\".  What a drop-in "
	"cannot mend is told on standard error.\n\n"
	"Exit status: 0, 1 if a drop-in is not enough or rules are wrong, 2 "
	"for wrong usage or a unit that is not there.";

static const struct argp_option options[] = {
	{ "log", 'l', "LEVEL", 0, "XSOCK_LOG (default: " DEFAULT_LOG ")", 0 },
	{ "root", 'R', "DIR", 0, "Look for the unit in the system below DIR",
	  0 },
	{ .name = NULL },
};

struct arguments {
	struct xs_inputs inputs;
	const char *log;
	const char *root; /* "": this system */
	const char *name;
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
	case 'R':
		arguments->root = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->name)
			argp_error(state, "one NAME at a time");
		arguments->name = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the NAME of a service is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What is known of the service. */
struct service {
	const struct arguments *arguments;
	struct xs_unit unit;
	char program[PATH_MAX]; /* of ExecStart; "": it has none */
	char library[PATH_MAX]; /* the file */
	char preload[PATH_MAX]; /* the entry of LD_PRELOAD, maybe with $LIB */
	char relay[PATH_MAX];	/* "": it was not found */
	size_t warnings;
};

static void warn(struct service *service, const char *what, const char *more)
{
	fprintf(stderr, "xsock: %s: %s%s\n", service->unit.name, what, more);
	service->warnings++;
}

/* --- the program and the library ----------------------------------------- */

/* The program of ExecStart, without systemd's prefixes. */
static void find_program(struct service *service)
{
	const struct xs_unit_line *at = NULL;
	const char *word = NULL;
	size_t len = xs_unit_word(&service->unit, "ExecStart", &at, &word);

	while (len > 0 && strchr("@-:+!|", *word)) {
		word++;
		len--;
	}
	if (len >= sizeof(service->program))
		len = 0;
	memcpy(service->program, word ? word : "", len);
	service->program[len] = '\0';
}

/* Which library the program needs; or why it cannot have one. */
static void judge_program(struct service *service)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	char path[PATH_MAX], full[2 * PATH_MAX];

	if (!*service->program) {
		warn(service, "it has no ExecStart", "");
		return;
	}
	if (strchr(service->program, '%') ||
	    xs_reach_find(service->program, path) != 0)
		snprintf(path, sizeof(path), "%s", service->program);
	snprintf(full, sizeof(full), "%s%s", service->arguments->root, path);
	if (xs_reach_check(full, service->preload, &err) < 0)
		warn(service, "a drop-in is not enough: ", err.text);
}

/* Beside the library, or where "make install" puts it. */
static void find_relay(struct service *service)
{
	static const char *const from[] = {
		"xsock-relay",
		"../libexec/xsock-relay",
		"../../libexec/xsock-relay",
	};
	const char *slash = strrchr(service->library, '/');

	for (size_t i = 0; slash && i < sizeof(from) / sizeof(from[0]); i++) {
		char path[2 * PATH_MAX];

		snprintf(path, sizeof(path), "%.*s%s",
			 (int)(slash + 1 - service->library), service->library,
			 from[i]);
		if (realpath(path, service->relay))
			return;
	}
	service->relay[0] = '\0';
}

/* --- what the sandbox must let through ----------------------------------- */

/* The length of the longest path of the list that holds path, or 0. */
static size_t longest_prefix(const struct xs_unit *unit, const char *key,
			     const char *path)
{
	const struct xs_unit_line *at = NULL;
	const char *word = NULL;
	size_t len, longest = 0;

	while ((len = xs_unit_word(unit, key, &at, &word)) > 0) {
		const char *one = word + strspn(word, "-+");
		size_t bare = len - (size_t)(one - word);

		while (bare > 1 && one[bare - 1] == '/')
			bare--;
		if (strncmp(one, path, bare) == 0 &&
		    (bare == 1 || path[bare] == '/' || path[bare] == '\0') &&
		    bare > longest)
			longest = bare;
	}
	return longest;
}

static bool may_not_execute(const struct xs_unit *unit, const char *path)
{
	return *path && longest_prefix(unit, "NoExecPaths", path) >
				longest_prefix(unit, "ExecPaths", path);
}

static void print_exec_paths(const struct service *service)
{
	const char *const needed[] = { service->library, service->relay };
	const char *before = "# NoExecPaths= of this unit forbids the library "
			     "and the relay otherwise.\nExecPaths=";

	for (size_t i = 0; i < 2; i++) {
		if (!may_not_execute(&service->unit, needed[i]))
			continue;
		printf("%s%s", before, needed[i]);
		before = " ";
	}
	if (*before == ' ')
		printf("\n");
}

/* The list may name what is allowed, or after "~" what is not. */
static void print_address_families(const struct service *service)
{
	const struct xs_unit *unit = &service->unit;
	const char *value = xs_unit_value(unit, "RestrictAddressFamilies");
	bool listed = xs_unit_has(unit, "RestrictAddressFamilies", "AF_UNIX") ||
		      xs_unit_has(unit, "RestrictAddressFamilies", "~AF_UNIX");
	const struct xs_unit_line *at = NULL;
	const char *word = NULL;
	bool forbidden =
		xs_unit_word(unit, "RestrictAddressFamilies", &at, &word) > 0 &&
		*word == '~';

	if (!value || listed != forbidden)
		return;
	printf("# The relay is reached by AF_UNIX.\n"
	       "RestrictAddressFamilies=AF_UNIX\n");
}

/* --- what a drop-in cannot mend ------------------------------------------ */

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

static bool is_home(const char *path)
{
	return is_below(path, "/home") || is_below(path, "/root") ||
	       is_below(path, "/run/user");
}

static void judge_home(struct service *service)
{
	const char *value = xs_unit_value(&service->unit, "ProtectHome");

	if (value && strcmp(value, "no") != 0 && strcmp(value, "false") != 0 &&
	    strcmp(value, "0") != 0 &&
	    (is_home(service->library) || is_home(service->relay)))
		warn(service,
		     "ProtectHome= hides the library; install it elsewhere: ",
		     service->library);
}

static void judge_root(struct service *service)
{
	const char *const keys[] = { "RootDirectory", "RootImage" };

	for (size_t i = 0; i < 2; i++) {
		const char *value = xs_unit_value(&service->unit, keys[i]);

		if (value)
			warn(service,
			     "the library, the relay, the CAs and the rules "
			     "must also be in ",
			     value);
	}
}

/* The relay is a process of the unit. */
static void judge_kill_mode(struct service *service)
{
	const char *value = xs_unit_value(&service->unit, "KillMode");

	if (value && strcmp(value, "mixed") == 0)
		warn(service,
		     "KillMode=mixed kills the relay when the main process has "
		     "ended, and what it has not sent yet is lost: use "
		     "KillMode=control-group",
		     "");
}

static void judge_processes(struct service *service)
{
	const char *tasks = xs_unit_value(&service->unit, "TasksMax");
	const char *processes = xs_unit_value(&service->unit, "LimitNPROC");

	if (tasks && strcmp(tasks, "1") == 0)
		warn(service, "TasksMax=1 leaves no process for the relay", "");
	if (processes &&
	    (strcmp(processes, "0") == 0 || strcmp(processes, "1") == 0))
		warn(service, "LimitNPROC leaves no process for the relay", "");
}

static void judge_daemon(struct service *service)
{
	const struct xs_unit_daemon *daemon =
		xs_unit_daemon_find(service->program);

	if (daemon && daemon->more)
		warn(service, daemon->more, "");
}

/* --- the drop-in --------------------------------------------------------- */

/* As systemd.exec(5) reads it: quotes and backslashes escaped, "%%" for "%". */
static void print_variable(const char *name, const char *value,
			   const char *more)
{
	printf("Environment=\"%s=", name);
	for (const char *part = value; part; part = more, more = NULL)
		for (; *part; part++)
			printf(strchr("\"\\", *part) ? "\\%c"
			       : *part == '%'	     ? "%%%c"
						     : "%c",
			       *part);
	printf("\"\n");
}

/* What the unit preloads already, behind a ":"; or nothing. */
static void others_preloaded(const struct service *service, char *text,
			     size_t size)
{
	static const char name[] = "LD_PRELOAD=";

	text[0] = '\0';
	for (const struct xs_unit_line *line = service->unit.lines; line;
	     line = line->next) {
		const char *at = strstr(line->value, name);
		const char *value = at ? at + strlen(name) : NULL;
		int len = value ? (int)strcspn(value, " \t\"'") : 0;

		if (strcmp(line->key, "Environment") != 0 || !at)
			continue;
		if (memmem(value, (size_t)len, "libxsock.so", 11))
			continue;
		snprintf(text, size, ":%.*s", len, value);
	}
}

/* For a daemon that starts programs without the variables. */
static void print_keep(const struct service *service)
{
	const struct xs_unit_daemon *daemon =
		xs_unit_daemon_find(service->program);

	if (!daemon || !daemon->why)
		return;
	printf("# %s\n", daemon->why);
	print_variable("XSOCK_EXEC", "keep", NULL);
}

static void print_drop_in(const struct service *service)
{
	const struct arguments *arguments = service->arguments;
	char others[PATH_MAX];

	others_preloaded(service, others, sizeof(others));
	printf("# systemctl edit %s\n# %s\n[Service]\n", service->unit.name,
	       service->unit.file);
	print_variable("LD_PRELOAD", service->preload, others);
	print_variable("XSOCK_RULES", arguments->inputs.rules, NULL);
	if (arguments->inputs.options)
		print_variable("XSOCK_OPTIONS", arguments->inputs.options,
			       NULL);
	print_variable("XSOCK_LOG", arguments->log, NULL);
	print_keep(service);
	print_exec_paths(service);
	print_address_families(service);
}

static void print_user(const struct service *service)
{
	const char *user = xs_unit_value(&service->unit, "User");

	if (user && *service->arguments->inputs.rules == '@')
		printf("# %s must be able to read %s.\n", user,
		       service->arguments->inputs.rules + 1);
}

static int print_unit(struct service *service, struct xs_error *err)
{
	if (xs_library_find(service->library, err) < 0)
		return -1;
	snprintf(service->preload, sizeof(service->preload), "%s",
		 service->library);
	find_program(service);
	judge_program(service);
	find_relay(service);
	judge_home(service);
	judge_root(service);
	judge_kill_mode(service);
	judge_processes(service);
	judge_daemon(service);
	print_drop_in(service);
	print_user(service);
	return 0;
}

/* Rules that the library would refuse are not put into a unit.  A file that is
 * to be written later is no mistake. */
static int check_rules(const struct arguments *arguments,
		       struct xs_arena *arena, struct xs_error *err)
{
	const char *rules = arguments->inputs.rules;

	if (*arguments->root || (*rules == '@' && access(rules + 1, F_OK) != 0))
		return 0;
	return xs_inputs_read(&arguments->inputs, arena, err) ? 0 : -1;
}

static int run(const struct arguments *arguments, struct xs_arena *arena)
{
	struct service service = { .arguments = arguments };
	struct xs_error err = { .kind = XS_ERR_NONE };
	int status = XS_EXIT_OK;

	if (xs_unit_read(arguments->name, arguments->root, &service.unit, arena,
			 &err) < 0)
		status = XS_EXIT_USAGE;
	else if (check_rules(arguments, arena, &err) < 0 ||
		 print_unit(&service, &err) < 0)
		status = XS_EXIT_RULES;
	if (status != XS_EXIT_OK)
		fprintf(stderr, "xsock: %s\n", err.text);
	return status == XS_EXIT_OK && service.warnings ? XS_EXIT_RULES
							: status;
}

static const struct argp_child children[] = {
	{ .argp = &xs_inputs_argp },
	{ .argp = NULL },
};

const struct argp xs_unit_argp = { .options = options,
				   .parser = parse,
				   .args_doc = args_doc,
				   .doc = doc,
				   .children = children };

int xs_command_unit(int argc, char **argv)
{
	struct arguments arguments = { .log = DEFAULT_LOG, .root = "" };
	struct xs_arena arena = { NULL };
	int status;

	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&xs_unit_argp, argc, argv, 0, NULL, &arguments) != 0)
		return XS_EXIT_USAGE;
	xs_inputs_complete(&arguments.inputs);
	if (!arguments.inputs.rules)
		arguments.inputs.rules = DEFAULT_RULES;
	status = run(&arguments, &arena);
	xs_arena_free(&arena);
	return status;
}
