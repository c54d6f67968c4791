/* For whom a connect is made.
 *
 * In the library that is the process that it is in.  "xsock run --supervise"
 * runs the same code for other processes, on copies of their sockets: then a
 * line names that process, the relay is told of it, and what is put behind the
 * number of the copy is put behind the number there, too.
 *
 * Any thread, any signal context.
 */
#ifndef XS_BEHALF_H
#define XS_BEHALF_H

#include <sys/types.h>

/* What is told of a process. */
struct xs_behalf_who {
	pid_t pid;
	char program[64];
	int log; /* a copy of its standard error; -1: none for lines */
};

struct xs_behalf {
	int fd; /* its number for the descriptor */
	/* Which process it is; found out when it is first asked for.  errno is
	 * kept. */
	const struct xs_behalf_who *(*who)(const struct xs_behalf *behalf);
	/* Puts a copy of socket behind its number.  Returns 0, or -1 with
	 * errno: XS_SWAP_LOST where another socket is there by now. */
	int (*put)(const struct xs_behalf *behalf, int socket);
};

/* Of this thread; NULL: of the process that this is.  (In replace_fd.c.) */
extern __thread const struct xs_behalf *xs_behalf
	__attribute__((tls_model("initial-exec")));

#endif
