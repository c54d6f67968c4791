/* A line on the application's standard error, after its connect.
 *
 * The relay must not hold on to that descriptor: whoever waits for the end of
 * a pipeline would wait for the connection, too.  So it remembers which file
 * it was, and opens it once more through /proc when there is something to
 * say, if the application still has it.  A socket (the journal) cannot be
 * opened that way; then the line is lost.
 */
#ifndef XS_LATER_H
#define XS_LATER_H

#include <sys/types.h>

struct xs_later {
	pid_t pid; /* 0: no standard error to write to */
	dev_t device;
	ino_t inode;
};

/* Remembers what log_fd (-1: none) is in the process pid. */
void xs_later_remember(struct xs_later *later, pid_t pid, int log_fd);

/* Opens it, without blocking.  Returns a descriptor to close, or -1 when it is
 * not there any more. */
int xs_later_open(const struct xs_later *later);

#endif
