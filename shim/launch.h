/* Starting xsock-relay from inside somebody else's process.
 *
 * The application must not notice: no SIGCHLD, nothing for its wait(2), no
 * atfork handlers, no copied memory.  clone(2) without an exit signal and with
 * CLONE_VM | CLONE_VFORK does that, twice, so that the relay becomes a child of
 * init (or of a subreaper; for an application that is one itself see keep.h);
 * the children only make system calls between clone and exec.  The relay gets the
 * listening socket as descriptor 3 and nothing else: /dev/null as 0 to 2, only
 * the resolver's variables in its environment, no terminal, a process group of
 * its own, and "/" as working directory.
 */
#ifndef XS_LAUNCH_H
#define XS_LAUNCH_H

#include "error.h"

#include <limits.h>
#include <sys/stat.h>

/* Finds out where this library is.  Once, when it is loaded: the loader's locks
 * are not for a signal handler. */
void xs_launch_prepare(void);

/* Where xsock-relay should be: XSOCK_RELAY (given; relative to cwd), else beside
 * the library, else in its libexec.  path is empty when it is too long. */
void xs_launch_locate(const char *given, const char *cwd, char path[PATH_MAX]);

/* Looks at it; *file is what stat(2) says now.  Returns 0, or -1 with *err set
 * when it cannot be executed. */
int xs_launch_check(const char *path, struct stat *file, struct xs_error *err);

/* Starts it with the listening socket.  idle is in seconds, -1: its default;
 * resolver is for its environment, at most three variables.  Returns 0 when
 * exec(2) has succeeded, or -1 with *err set. */
int xs_launch(const char *path, int listener, int idle,
	      const char *const resolver[], struct xs_error *err);

#endif
