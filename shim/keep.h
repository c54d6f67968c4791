/* A parent for the relay, where orphans come to the application.
 *
 * The relay is to be nobody's child.  But init of a PID namespace and a
 * subreaper (PR_SET_CHILD_SUBREAPER) inherit every orphan, so that their
 * wait(2) would see it, and wait for it.  There a keeper stays between the two:
 * a process that has not called execve(2), and that wait(2) therefore sees
 * with __WALL or __WCLONE only.
 */
#ifndef XS_KEEP_H
#define XS_KEEP_H

#include <stdbool.h>

/* Would an orphan come to this process? */
bool xs_keep_needed(void);

/* Runs start(with) in a new process, which then waits for the process that it
 * returned.  All signals must be blocked.  start makes system calls only; it
 * returns a PID, or an errno made negative.  Returns 0 when there is a PID, or
 * an errno. */
int xs_keep(int (*start)(void *with), void *with);

#endif
