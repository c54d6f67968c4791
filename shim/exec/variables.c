/* The library's variables in an environment; see variables.h. */
#include "exec/variables.h"

#include <stdbool.h>
#include <string.h>

#define PRELOAD "LD_PRELOAD="
#define RULES	"XSOCK_RULES="
#define LIBRARY "libxsock.so"

enum {
	PRELOAD_LEN = sizeof(PRELOAD) - 1,
	LIBRARY_LEN = sizeof(LIBRARY) - 1,
};

static size_t count(const char *const list[])
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* Of a variable that is there twice libc takes the first, and so does
 * musl's loader.  Glibc's takes the last. */
static bool last_counts(const char *variable)
{
#ifdef __GLIBC__
	return strncmp(variable, PRELOAD, PRELOAD_LEN) == 0;
#else
	(void)variable;
	return false;
#endif
}

/* Where the variable that begins with "NAME=" is in envp; if it is not there,
 * the place of the NULL at the end. */
static size_t find(char *const envp[], const char *variable)
{
	size_t len = (size_t)(strchrnul(variable, '=') - variable) + 1;
	size_t at = 0, found = 0;
	bool there = false;

	for (; envp && envp[at] && !(there && !last_counts(variable)); at++) {
		if (strncmp(envp[at], variable, len) != 0)
			continue;
		found = at;
		there = true;
	}
	return there ? found : at;
}

const char *xs_variables_value(char *const envp[], const char *name)
{
	size_t at = find(envp, name);

	return envp && envp[at] ? strchr(envp[at], '=') + 1 : NULL;
}

/* The value of that variable, "" if it is not there. */
static const char *value_in(char *const envp[], const char *variable)
{
	const char *value = xs_variables_value(envp, variable);

	return value ? value : "";
}

/* Is this entry "…/libxsock.so", or "…/libxsock.so.1"? */
static bool is_library(const char *entry, size_t len)
{
	const char *slash = memrchr(entry, '/', len);
	const char *name = slash ? slash + 1 : entry;
	size_t name_len = len - (size_t)(name - entry);

	return name_len >= LIBRARY_LEN &&
	       memcmp(name, LIBRARY, LIBRARY_LEN) == 0 &&
	       (name_len == LIBRARY_LEN || name[LIBRARY_LEN] == '.');
}

/* The file that is this library in a value of LD_PRELOAD, whose entries are
 * separated by blanks or colons (ld.so(8)).  NULL: none. */
static const char *find_library(const char *value, size_t *len)
{
	while (*value) {
		*len = strcspn(value, ": ");
		if (is_library(value, *len))
			return value;
		value += *len;
		value += strspn(value, ": ");
	}
	return NULL;
}

bool xs_variables_names_library(const char *preload)
{
	size_t len;

	return find_library(preload + PRELOAD_LEN, &len);
}

bool xs_variables_library(char *const envp[], char *path, size_t size)
{
	size_t len = 0;
	const char *found = find_library(value_in(envp, PRELOAD), &len);

	if (!found || found[0] != '/' || len >= size || memchr(found, '$', len))
		return false;
	memcpy(path, found, len);
	path[len] = '\0';
	return true;
}

static bool lacks_library(const struct xs_variables *variables,
			  char *const envp[])
{
	size_t len;

	return variables->preload &&
	       !find_library(value_in(envp, PRELOAD), &len);
}

const char *xs_variables_missing(const struct xs_variables *variables,
				 char *const envp[])
{
	if (lacks_library(variables, envp))
		return "LD_PRELOAD";
	return *value_in(envp, RULES) ? NULL : "XSOCK_RULES";
}

size_t xs_variables_room(const struct xs_variables *variables,
			 char *const envp[])
{
	/* One more pointer for LD_PRELOAD and one for the NULL; ":" and NUL. */
	size_t pointers =
		count((const char *const *)envp) + count(variables->others) + 2;
	size_t text = (variables->preload ? strlen(variables->preload) : 0) +
		      strlen(value_in(envp, PRELOAD)) + 2;

	return pointers * sizeof(char *) + text;
}

/* "LD_PRELOAD=" with the library, and behind it what is preloaded already. */
static void write_preload(char *to, const char *preload, const char *already)
{
	size_t len = 0;
	const char *library = find_library(preload + PRELOAD_LEN, &len);

	to = mempcpy(to, PRELOAD, PRELOAD_LEN);
	to = mempcpy(to, library, len);
	if (*already)
		*to++ = ':';
	memcpy(to, already, strlen(already) + 1);
}

/* Puts variable into list, in the place of the one with its name or behind the
 * *n that there are. */
static void put(char **list, size_t *n, char *variable)
{
	size_t at = find(list, variable);

	if (!list[at])
		list[++*n] = NULL;
	list[at] = variable;
}

char **xs_variables_restore(const struct xs_variables *variables, void *room,
			    char *const envp[])
{
	char **list = room;
	size_t n = count((const char *const *)envp);
	char *text = (char *)(list + n + count(variables->others) + 2);

	if (n)
		memcpy(list, envp, n * sizeof(*list));
	list[n] = NULL;
	if (lacks_library(variables, envp)) {
		write_preload(text, variables->preload,
			      value_in(envp, PRELOAD));
		put(list, &n, text);
	}
	for (size_t i = 0; variables->others[i]; i++)
		if (!*value_in(list, variables->others[i]))
			put(list, &n, (char *)variables->others[i]);
	return list;
}

size_t xs_variables_room_for_one(char *const envp[])
{
	return (count((const char *const *)envp) + 2) * sizeof(char *);
}

char **xs_variables_put(void *room, char *const envp[], const char *variable)
{
	char **list = room;
	size_t n = count((const char *const *)envp);

	if (n)
		memcpy(list, envp, n * sizeof(*list));
	list[n] = NULL;
	put(list, &n, (char *)variable);
	return list;
}
