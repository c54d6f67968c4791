/* A line on the application's standard error, after its connect.
 *
 * The relay must not keep a pipe or a terminal open: a program that waits for
 * the end of a pipeline would wait for the connection, too.  So the relay
 * remembers which one it was.  When there is something to say, it opens that
 * one again through /proc, if the application still has it.  A regular file is
 * kept open, because no program waits for its end.  (If it were opened again,
 * it would have an offset of its own, and the application would overwrite the
 * line.)  A socket (the journal) can be neither kept nor opened again; then the
 * line is lost.
 */
#ifndef XS_LATE_LOG_H
#define XS_LATE_LOG_H

#include <sys/types.h>

struct xs_late_log {
	int kept;  /* a regular file, or -1 */
	pid_t pid; /* 0: no standard error to write to */
	dev_t device;
	ino_t inode;
};

/* Remembers what log_fd (-1: none) is in the process pid. */
void xs_late_log_remember(struct xs_late_log *late_log, pid_t pid, int log_fd);

/* A descriptor to write to, without blocking, for xs_late_log_close; -1 when it
 * is not there any more. */
int xs_late_log_open(const struct xs_late_log *late_log);
void xs_late_log_close(const struct xs_late_log *late_log, int fd);

/* Lets go of what is kept. */
void xs_late_log_forget(struct xs_late_log *late_log);

#endif
