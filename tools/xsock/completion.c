/* xsock completion: how a command line may go on.
 *
 * The scripts for bash, zsh and fish in completion/ ask with the words up to
 * the cursor, and complete what the answer (completion.h) says.  Commands,
 * options and the names of their values are read from the tables of --help, so
 * that nothing is written twice.  What a value may be is in completion_value.c.
 */
#include "xsock/completion.h"
#include "xsock/command.h"

#include <argp.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char args_doc[] = "[--] WORD...";
static const char doc[] =
	"Tell how a command line may go on; the completion of bash, zsh and "
	"fish asks."
	"\v"
	"WORDs are those behind \"xsock\", up to the cursor.  The last one is "
	"to "
	"be completed, and may be empty.";

/* argp has these for every command, in no table that could be read. */
static const struct argp_option of_argp[] = {
	{ "help", '?', NULL, 0, "Give this help list", 0 },
	{ "usage", 0, NULL, 0, "Give a short usage message", 0 },
	{ "version", 'V', NULL, 0, "Print program version", 0 },
	{ .name = NULL },
};

/* The words in front of the cursor, read. */
struct line {
	const struct xs_command *command; /* NULL: it is not there yet */
	const char *value; /* the last one wants this behind it, or NULL */
	int arguments;	   /* of the command */
	bool ended;	   /* there was a "--" */
};

/* --- the answer ----------------------------------------------------------- */

void xs_completion_begin(const char *kind, const char *word, const char *end)
{
	printf("%s\n%.*s\n", kind, (int)(end - word), word);
}

void xs_completion_word(const char *name, const char *suffix,
			const char *summary)
{
	printf("%s%s\t%s\n", name, suffix, summary ? summary : "");
}

/* --- the tables of argp --------------------------------------------------- */

/* The option that is called name[0..len), or has this key if name is NULL;
 * NULL: there is none. */
static const struct argp_option *find(const struct argp *argp, const char *name,
				      size_t len, int key)
{
	const struct argp_option *row = argp->options;
	const struct argp_child *child = argp->children;
	const struct argp_option *found = NULL;

	for (; row && row->name; row++)
		if (name ? strncmp(row->name, name, len) == 0 &&
				    row->name[len] == '\0'
			 : row->key == key)
			return row;
	for (; !found && child && child->argp; child++)
		found = find(child->argp, name, len, key);
	return found;
}

static void print_options(const struct argp_option *row)
{
	char name[32];

	for (; row && row->name; row++) {
		snprintf(name, sizeof(name), "--%s", row->name);
		xs_completion_word(name, row->arg ? "=" : "", row->doc);
	}
}

static void print_all_options(const struct argp *argp)
{
	print_options(argp->options);
	for (const struct argp_child *child = argp->children;
	     child && child->argp; child++)
		print_all_options(child->argp);
}

/* In "-jr" or "-rRULES", the letter whose option takes a value, or NULL. */
static const char *find_letter(const struct argp *argp, const char *word)
{
	const struct argp_option *row;

	for (const char *letter = word + 1; *letter; letter++) {
		row = find(argp, NULL, 0, *letter);
		if (!row)
			return NULL;
		if (row->arg)
			return letter;
	}
	return NULL;
}

/* What word, which starts with "-", takes as value, or NULL; *value is where in
 * the word it starts, or NULL if it is the next word. */
static const char *value_of(const struct argp *argp, const char *word,
			    const char **value)
{
	const struct argp_option *row;
	const char *end;

	*value = NULL;
	if (word[1] == '-') {
		end = strchrnul(word, '=');
		row = find(argp, word + 2, (size_t)(end - word - 2), 0);
		if (*end == '=')
			*value = end + 1;
		return row ? row->arg : NULL;
	}
	end = find_letter(argp, word);
	if (!end)
		return NULL;
	if (end[1])
		*value = end + 1;
	return find(argp, NULL, 0, *end)->arg;
}

/* The name of the argument with this number in "[--] COMMAND [ARGUMENT...]";
 * what ends with "..." is there any number of times.  "": there is none. */
static void name_argument(const char *text, int number, char name[32])
{
	size_t len;

	name[0] = '\0';
	while (*text) {
		text += strspn(text, " [");
		len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		if (len > 0) {
			snprintf(name, 32, "%.*s", (int)len, text);
			text += len;
			if (number-- == 0 || strncmp(text, "...", 3) == 0)
				return;
		}
		text += strcspn(text, " ");
	}
	name[0] = '\0';
}

/* --- the line ------------------------------------------------------------- */

static const struct argp nothing = { .options = NULL };

static const struct argp *argp_of(const struct line *line)
{
	return line->command ? line->command->argp : &nothing;
}

/* Is the next argument of xsock run's command, or that itself? */
static bool is_other_command(const struct line *line)
{
	char name[32];

	if (!line->command)
		return false;
	name_argument(line->command->argp->args_doc, line->arguments, name);
	return strcmp(name, "COMMAND") == 0;
}

/* A "-" alone is an argument, unless it is the last word, which is not
 * complete. */
static bool is_option(const struct line *line, const char *word, bool last)
{
	return !line->ended && word[0] == '-' && (word[1] || last);
}

/* A word in front of the cursor.  False: no such command. */
static bool read_word(struct line *line, const char *word)
{
	const char *value;

	if (line->value) {
		line->value = NULL;
	} else if (is_option(line, word, false)) {
		line->ended = strcmp(word, "--") == 0;
		line->value = value_of(argp_of(line), word, &value);
		if (value)
			line->value = NULL;
	} else if (!line->command) {
		line->command = xs_command_find(word);
		line->ended = false;
		return line->command;
	} else {
		line->arguments++;
	}
	return true;
}

static void complete_option(const struct line *line, const char *word)
{
	const char *value;
	const char *name = value_of(argp_of(line), word, &value);

	if (name && value) {
		xs_completion_value(name, word, value);
		return;
	}
	xs_completion_begin("words", word, word);
	print_all_options(argp_of(line));
	print_options(of_argp);
}

static void complete_last(const struct line *line, const char *word)
{
	char name[32];

	if (line->value) {
		xs_completion_value(line->value, word, word);
	} else if (is_option(line, word, true)) {
		complete_option(line, word);
	} else if (!line->command) {
		xs_completion_value("SUBCOMMAND", word, word);
	} else {
		name_argument(line->command->argp->args_doc, line->arguments,
			      name);
		xs_completion_value(name, word, word);
	}
}

static bool has_control(const char *word)
{
	while (*word && !iscntrl((unsigned char)*word))
		word++;
	return *word;
}

static void complete(int count, char **words)
{
	struct line line = { .command = NULL };

	for (int i = 0; i < count; i++) {
		bool last = i == count - 1;

		if (!line.value && !is_option(&line, words[i], last) &&
		    is_other_command(&line)) {
			/* From there on the shell knows better. */
			printf("command\n%d\n", i);
			return;
		}
		if (!last && !read_word(&line, words[i]))
			return;
	}
	/* A head of several lines would be no answer. */
	if (!has_control(words[count - 1]))
		complete_last(&line, words[count - 1]);
}

/* --- the command ---------------------------------------------------------- */

/* Where the words start. */
struct arguments {
	int first;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_ARG:
		arguments->first = state->next - 1;
		/* The rest are words of the line. */
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a WORD is missing, which may be empty");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp xs_completion_argp = { .parser = parse,
					 .args_doc = args_doc,
					 .doc = doc };

int xs_command_completion(int argc, char **argv)
{
	struct arguments arguments = { 0 };

	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&xs_completion_argp, argc, argv, ARGP_IN_ORDER, NULL,
		       &arguments) != 0)
		return XS_EXIT_USAGE;
	complete(argc - arguments.first, argv + arguments.first);
	return XS_EXIT_OK;
}
