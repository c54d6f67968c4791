/* A line on the application's standard error, after its connect.
 *
 * The relay must not hold on to a pipe or a terminal: whoever waits for the
 * end of a pipeline would wait for the connection, too.  So it remembers which
 * one it was, and opens it once more through /proc when there is something to
 * say, if the application still has it.  A regular file is kept: nobody waits
 * for its end, and what is written through another description would be
 * written over by the application, which has its own offset.  A socket (the
 * journal) can be neither; then the line is lost.
 */
#ifndef XS_LATER_H
#define XS_LATER_H

#include <sys/types.h>

struct xs_later {
	int kept;  /* a regular file, or -1 */
	pid_t pid; /* 0: no standard error to write to */
	dev_t device;
	ino_t inode;
};

/* Remembers what log_fd (-1: none) is in the process pid. */
void xs_later_remember(struct xs_later *later, pid_t pid, int log_fd);

/* A descriptor to write to, without blocking, for xs_later_close; -1 when it
 * is not there any more. */
int xs_later_open(const struct xs_later *later);
void xs_later_close(const struct xs_later *later, int fd);

/* Lets go of what is kept. */
void xs_later_forget(struct xs_later *later);

#endif
