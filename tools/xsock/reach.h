/* Whether the library can be loaded into a command.
 *
 * The dynamic loader ignores LD_PRELOAD where it does not trust the user, and
 * is not there at all in a static program.  Such a command would run in
 * plaintext without a word, so "xsock run" refuses it and says why.
 */
#ifndef XS_REACH_H
#define XS_REACH_H

#include "base/error.h"

#include <limits.h>

/* Finds the file that execvp(3) would run: name as it is if it has a slash,
 * else in PATH.  Returns 0, or an errno: ENOENT, or EACCES when there is only
 * a file that cannot be executed. */
int xs_reach_find(const char *name, char path[PATH_MAX]);

/* Judges the file, and the interpreters of a "#!" script one after the other.
 * Returns 0 with the entry for LD_PRELOAD that they need, or -1 with *err
 * set. */
int xs_reach_check(const char *path, char preload[PATH_MAX],
		   struct xs_error *err);

#endif
