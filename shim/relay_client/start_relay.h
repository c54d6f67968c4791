/* Starting xsock-relay from inside somebody else's process.
 *
 * The application must not notice: no SIGCHLD, nothing for its wait(2), no
 * atfork handlers, no copied memory.  clone(2) without an exit signal and with
 * CLONE_VM | CLONE_VFORK does that, twice, so that the relay becomes a child of
 * init (or of a subreaper; for an application that is one itself see
 * relay_parent.h); the children only make system calls between clone and exec.
 * The relay gets the listening socket as descriptor 3 and nothing else:
 * /dev/null as 0 and 1, as 2 a pipe whose other end the library reads until the
 * relay serves (what the loader says of a missing library is the reason that
 * the connect's line gives), only a few variables in its environment, no
 * terminal, a process group of its own, and "/" as working directory.
 */
#ifndef XS_START_RELAY_H
#define XS_START_RELAY_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Finds out where this library is.  Once, when it is loaded: the loader's locks
 * are not for a signal handler. */
void xs_start_relay_prepare(void);

/* The same for a program that has this file without being a library: library is
 * the path of one, and stays. */
void xs_start_relay_beside(const char *library);

/* Where xsock-relay should be: XSOCK_RELAY (given; relative to cwd), else
 * beside the library, else in its libexec.  path is empty when it is too long.
 */
void xs_start_relay_locate(const char *given, const char *cwd,
			   char path[PATH_MAX]);

/* Looks at it; *file is what stat(2) says now.  Returns 0, or -1 with *err set
 * when it cannot be executed. */
int xs_start_relay_check(const char *path, struct stat *file,
			 struct xs_error *err);

enum xs_start {
	XS_STARTED,	 /* it listens, or has not told yet that it does not */
	XS_START_ENDED,	 /* it ended at once; *err has its last words */
	XS_START_FAILED, /* nothing was started; *err says why */
};

/* Starts it with the listening socket, and waits until it serves, five seconds
 * at most.  alone: it serves nobody but this process.  *pid is who has called
 * listen(2) on the socket last then: the relay; or this process, where the
 * relay has not told yet. */
enum xs_start xs_start_relay(const char *path, int listener, bool alone,
			     pid_t *pid, struct xs_error *err);

#endif
