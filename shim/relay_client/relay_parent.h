/* A parent for the relay, where orphans come to the application.
 *
 * The application must not have the relay as its child.  But init of a PID
 * namespace and a subreaper (PR_SET_CHILD_SUBREAPER) inherit every orphan, so
 * that their wait(2) would see the relay, and wait for it.  There a process
 * stays between the two.  It has not called execve(2), so wait(2) sees it only
 * with __WALL or __WCLONE.
 */
#ifndef XS_RELAY_PARENT_H
#define XS_RELAY_PARENT_H

#include <stdbool.h>

/* Would an orphan come to this process? */
bool xs_relay_parent_needed(void);

/* Runs start(with) in a new process, which then waits for the process that it
 * returned.  All signals must be blocked.  start makes system calls only; it
 * returns a PID, or an errno made negative.  So does this. */
int xs_relay_parent(int (*start)(void *with), void *with);

#endif
