/* xsock completion: values, by the names that they have in --help.
 *
 * A name that has no row here and is no list of alternatives ("SECONDS",
 * "DESTINATION") is completed by nothing.
 */
#include "base/log.h"
#include "base/option.h"
#include "xsock/command.h"
#include "xsock/completion.h"
#include "xsock/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- files, words and processes ------------------------------------------- */

static void complete_file(const char *word, const char *value)
{
	xs_completion_begin("files", word, value);
}

static void complete_folder(const char *word, const char *value)
{
	xs_completion_begin("folders", word, value);
}

static void complete_words(const char *word, const char *value,
			   const char *const *names)
{
	xs_completion_begin("words", word, value);
	for (; *names; names++)
		xs_completion_word(*names, "", NULL);
}

/* XSOCK_LOG has a file behind the level. */
static void complete_level(const char *word, const char *value)
{
	const char *colon = strchr(value, ':');

	if (colon)
		complete_file(word, colon + 1);
	else
		complete_words(word, value, xs_log_levels);
}

static void complete_when(const char *word, const char *value)
{
	complete_words(word, value, xs_run_supervise_words);
}

static void complete_subcommand(const char *word, const char *value)
{
	xs_completion_begin("words", word, value);
	for (const struct xs_command *row = xs_commands; row->name; row++)
		xs_completion_word(row->name, "", row->summary);
}

/* Those that this user may look at. */
static void complete_pid(const char *word, const char *value)
{
	struct xs_process process;
	char text[16];
	pid_t *list = NULL;
	size_t count = xs_process_list(&list);

	xs_completion_begin("words", word, value);
	for (size_t i = 0; i < count; i++) {
		if (!xs_process_read(list[i], &process))
			continue;
		snprintf(text, sizeof(text), "%d", (int)process.pid);
		if (process.library != XS_PROCESS_UNKNOWN)
			xs_completion_word(text, "", process.name);
		xs_process_free(&process);
	}
	free(list);
}

/* --- rules ---------------------------------------------------------------- */

static const struct xs_option *find_option(struct xs_span name)
{
	for (const struct xs_option *row = xs_option_table; row->name; row++)
		if (xs_span_is(name, row->name))
			return row;
	return NULL;
}

/* The last of "a=b&c=d", with options for schemes of these kinds. */
static void complete_option(const char *word, const char *text, unsigned kinds)
{
	const char *and = strrchr(text, '&');
	const char *setting = and? and+1 : text;
	const char *equal = strchr(setting, '=');
	const struct xs_option *row;

	if (equal) {
		row = find_option((struct xs_span){ setting, equal });
		if (row)
			xs_completion_value(row->value, word, equal + 1);
		return;
	}
	xs_completion_begin("words", word, setting);
	for (row = xs_option_table; row->name; row++)
		if (!row->missing && (row->kinds & kinds))
			xs_completion_word(row->name, "=", row->summary);
}

static void complete_options(const char *word, const char *value)
{
	complete_option(word, value, ~0u);
}

/* The sockets that a target is for. */
enum transport { STREAM, DATAGRAM, BOTH };

static bool goes_with(const struct xs_scheme *scheme, enum transport transport)
{
	return transport == BOTH || scheme->kind == XS_SCHEME_DENY ||
	       xs_scheme_is_datagram(scheme) == (transport == DATAGRAM);
}

static void complete_scheme(const char *word, const char *value,
			    enum transport transport)
{
	xs_completion_begin("words", word, value);
	for (const struct xs_scheme *row = xs_schemes; row->name; row++)
		if (!row->missing && goes_with(row, transport))
			xs_completion_word(row->name, "://", row->summary);
}

/* SCHEME://HOST:PORT?OPTIONS, of which hosts and ports are not known. */
static void complete_target(const char *word, const char *value,
			    enum transport transport)
{
	const char *colon = strstr(value, "://");
	const char *mark = strchr(value, '?');
	const struct xs_scheme *scheme;

	if (!colon) {
		complete_scheme(word, value, transport);
		return;
	}
	scheme = xs_scheme_find_span((struct xs_span){ value, colon });
	if (scheme && mark)
		complete_option(word, mark + 1, 1u << scheme->kind);
}

static void complete_url(const char *word, const char *value)
{
	complete_target(word, value, BOTH);
}

static enum transport transport_of(const char *pattern)
{
	return strncasecmp(pattern, "udp://", 6) == 0 ? DATAGRAM : STREAM;
}

/* The last of several rules: PATTERN=URL, or @FILE. */
static void complete_rule(const char *word, const char *value)
{
	const char *equal;

	for (const char *at = value; *at; at++)
		if (strchr("; \t", *at))
			value = at + 1;
	equal = strchr(value, '=');
	if (*value == '@')
		complete_file(word, value + 1);
	else if (equal)
		complete_target(word, equal + 1, transport_of(value));
}

/* --- by name -------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*complete)(const char *word, const char *value);
} values[] = {
	{ "DIR", complete_folder },  { "FILE", complete_file },
	{ "LEVEL", complete_level }, { "OPTIONS", complete_options },
	{ "PID", complete_pid },     { "RULES", complete_rule },
	{ "URL", complete_url },     { "SUBCOMMAND", complete_subcommand },
	{ "WHEN", complete_when },
};

/* "required|optional" */
static void complete_alternatives(const char *names, const char *word,
				  const char *value)
{
	char name[32];
	size_t len;

	xs_completion_begin("words", word, value);
	for (; *names; names += len + (names[len] == '|')) {
		len = strcspn(names, "|");
		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		xs_completion_word(name, "", NULL);
	}
}

void xs_completion_value(const char *name, const char *word, const char *value)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (strcmp(values[i].name, name) == 0) {
			values[i].complete(word, value);
			return;
		}
	}
	if (strchr(name, '|'))
		complete_alternatives(name, word, value);
}
