/* Copying the environment; see environment.h. */
#include "connect/environment.h"

#include "base/option.h"
#include "base/trace.h"
#include "rules/names_hand_on.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

struct xs_environment xs_environment;

static const struct {
	const char *name;
	size_t offset;
} own[] = {
	{ "XSOCK_RULES", offsetof(struct xs_environment, rules) },
	{ "XSOCK_OPTIONS", offsetof(struct xs_environment, options) },
	{ "XSOCK_LOG", offsetof(struct xs_environment, log) },
	{ "XSOCK_RELAY", offsetof(struct xs_environment, relay) },
	{ "XSOCK_RELAY_IDLE", offsetof(struct xs_environment, relay_idle) },
	{ "XSOCK_EXEC", offsetof(struct xs_environment, exec) },
	{ "XSOCK_FRONT", offsetof(struct xs_environment, front) },
	{ XS_TRACE_VARIABLE, offsetof(struct xs_environment, trace) },
};
_Static_assert(sizeof(own) / sizeof(*own) == XS_ENVIRONMENT_OWN,
	       "each has its place");

/* Files and folders of OpenSSL's, for the relay, whose working directory is
 * "/". */
static const struct {
	const char *name;
	size_t offset;
} files[] = {
	{ "SSL_CERT_FILE", offsetof(struct xs_environment, cert_file) },
	{ "SSL_CERT_DIR", offsetof(struct xs_environment, cert_dir) },
	{ "SSLKEYLOGFILE", offsetof(struct xs_environment, keylog_file) },
	{ "OPENSSL_CONF", offsetof(struct xs_environment, openssl_conf) },
};

/* A relative file name, from the working directory.  (A list of folders in
 * SSL_CERT_DIR is left as it is.) */
static const char *make_absolute(struct xs_arena *arena, const char *path)
{
	size_t len = strlen(path) + 1;
	size_t cwd_len = xs_environment.cwd ? strlen(xs_environment.cwd) : 0;
	char *full;

	if (path[0] == '/' || !cwd_len || strchr(path, ':'))
		return path;
	full = xs_arena_take(arena, cwd_len + 1 + len);
	if (!full)
		return path;
	memcpy(full, xs_environment.cwd, cwd_len);
	full[cwd_len] = '/';
	memcpy(full + cwd_len + 1, path, len);
	return full;
}

/* "NAME=value", or NULL when memory is short. */
static const char *join(struct xs_arena *arena, const char *name,
			const char *value)
{
	size_t name_len = strlen(name), len = strlen(value) + 1;
	char *text = xs_arena_take(arena, name_len + 1 + len);

	if (!text)
		return NULL;
	/* The end comes with the value.
	 * NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(text, name, name_len);
	text[name_len] = '=';
	memcpy(text + name_len + 1, value, len);
	return text;
}

/* Not by snprintf(3): a program that has not called it yet would pay for its
 * pages. */
static void copy_program(void)
{
	const char *name = program_invocation_short_name;

	/* The last byte stays 0. */
	memcpy(xs_environment.program, name,
	       strnlen(name, sizeof(xs_environment.program) - 1));
}

static void copy_working_directory(struct xs_arena *arena)
{
	char here[PATH_MAX];

	if (getcwd(here, sizeof(here)))
		xs_environment.cwd = xs_arena_copy(arena, here, strlen(here));
}

static const char **field(size_t offset)
{
	return (const char **)((char *)&xs_environment + offset);
}

static void copy_own(struct xs_arena *arena)
{
	const char **to = xs_environment.own;

	for (size_t i = 0; i < XS_ENVIRONMENT_OWN; i++) {
		const char *value = getenv(own[i].name);

		if (!value || !*value)
			continue;
		*to = join(arena, own[i].name, value);
		if (!*to)
			continue;
		*field(own[i].offset) = strchr(*to, '=') + 1;
		to++;
	}
}

static void copy_files(struct xs_arena *arena)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const char *value = getenv(files[i].name);

		if (value && *value)
			value = xs_arena_copy(arena, value, strlen(value));
		if (value && *value)
			*field(files[i].offset) = make_absolute(arena, value);
	}
}

/* A relative name is of no use to a program that is started elsewhere.  (One
 * without a slash is searched for by the loader, and "$LIB" is the loader's.)
 */
static void copy_preload(struct xs_arena *arena)
{
	const char *value = getenv("LD_PRELOAD");

	if (!value || !strstr(value, "libxsock.so"))
		return;
	if (value[0] != '/' && value[0] != '$' && strchr(value, '/') &&
	    !strpbrk(value, ": "))
		value = make_absolute(arena, value);
	xs_environment.preload = join(arena, "LD_PRELOAD", value);
}

static void copy_for_relay(struct xs_arena *arena)
{
	const char **to = xs_environment.for_relay;

	for (size_t i = 0; i < XS_RELAY_VARIABLES; i++) {
		const struct xs_relay_variable *variable =
			&xs_relay_variables[i];
		const char *value = getenv(variable->name);

		if (!value || !*value)
			continue;
		if (variable->is_path)
			value = make_absolute(arena, value);
		*to = join(arena, variable->name, value);
		if (*to)
			to++;
	}
}

/* For options that name a variable. */
static const char *look_up(const char *name)
{
	return getenv(name);
}

bool xs_environment_copy(struct xs_arena *arena)
{
	const char *rules = getenv("XSOCK_RULES");

	if (!rules || !*rules || getauxval(AT_SECURE))
		return false;
	copy_program();
	copy_working_directory(arena);
	copy_own(arena);
	copy_files(arena);
	copy_preload(arena);
	copy_for_relay(arena);
	xs_environment.names = getenv(XS_NAMES_VARIABLE);
	xs_options_environment(look_up);
	return true;
}

/* The list with a place for one more behind its count entries. */
static char **widen(struct xs_arena *arena, size_t count)
{
	char **list = xs_arena_take(arena, (count + 2) * sizeof(*list));

	if (list && count)
		memcpy(list, environ, count * sizeof(*list));
	return list;
}

void xs_environment_put(const char *variable, struct xs_arena *arena)
{
	size_t len = variable ? (size_t)(strchr(variable, '=') - variable) : 0;
	size_t at = 0;
	char **list = environ;

	if (!len)
		return;
	while (list && list[at] && strncmp(list[at], variable, len + 1) != 0)
		at++;
	if (!list || !list[at])
		list = widen(arena, at);
	if (!list)
		return;
	list[at] = (char *)variable;
	environ = list;
}
