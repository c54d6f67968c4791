/* Which file a command's name means, as execvp(3) finds it.
 *
 * System calls only: any thread, any signal context, a vfork child.
 */
#ifndef XS_PROGRAM_PATH_H
#define XS_PROGRAM_PATH_H

#include <limits.h>

/* Finds the file: name as it is if it has a slash, else in folders, a value of
 * PATH (NULL: libc's default).  Returns 0, or an errno: ENOENT, ENAMETOOLONG,
 * or EACCES when there is only a file that cannot be executed. */
int xs_program_path(const char *name, const char *folders, char path[PATH_MAX]);

/* 0 when path is a regular file that this process may execute, or an errno. */
int xs_program_try(const char *path);

#endif
