/* What the library needs of the environment that a program is started with.
 *
 * A parent that cleans the environment of its children takes the library and
 * the rules from them.  Here is seen what is missing, and it can be put back.
 *
 * Any thread, any signal context, a vfork child.
 */
#ifndef XS_VARIABLES_H
#define XS_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>

/* What this process was started with.  Each is "NAME=value" and stays where it
 * is. */
struct xs_variables {
	/* NULL: the library does not come from LD_PRELOAD but from
	 * /etc/ld.so.preload, so that it needs no variable. */
	const char *preload;
	/* XSOCK_RULES first, then the others that are set; ends with NULL. */
	const char *const *others;
};

/* Does "LD_PRELOAD=value" name this library? */
bool xs_variables_names_library(const char *preload);

/* Writes the path of this library as LD_PRELOAD in envp has it.  False: it is
 * not there, or its place is the loader's business ("$LIB", no folder), or
 * longer than size. */
bool xs_variables_library(char *const envp[], char *path, size_t size);

/* The name of the first that is missing in envp: LD_PRELOAD, if it does not
 * name the library any more, or XSOCK_RULES, if it is not there or empty. NULL:
 * neither. */
const char *xs_variables_missing(const struct xs_variables *variables,
				 char *const envp[]);

/* Bytes of room that xs_variables_restore needs. */
size_t xs_variables_room(const struct xs_variables *variables,
			 char *const envp[]);

/* Makes in room, which must be aligned for pointers, what envp is with all of
 * them put back, and returns it.  In LD_PRELOAD the library comes first. */
char **xs_variables_restore(const struct xs_variables *variables, void *room,
			    char *const envp[]);

/* The same for one variable, whatever its value is in envp: it gets this
 * text. */
size_t xs_variables_room_for_one(char *const envp[]);
char **xs_variables_put(void *room, char *const envp[], const char *variable);

/* The value of a variable in envp, of which name is "NAME="; NULL: not there.
 */
const char *xs_variables_value(char *const envp[], const char *name);

#endif
