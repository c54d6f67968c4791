/* Does a process still hold the application's end of a pair?
 *
 * While a connect is under way the relay holds a copy of that end itself.  So
 * it gets no HUP when the application has closed its end or was killed.  It
 * looks into /proc/PID/fd instead.
 */
#ifndef XS_APP_ALIVE_H
#define XS_APP_ALIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the end was last seen. */
struct xs_app_alive {
	pid_t pid; /* 0: cannot be told */
	int fd;
	ino_t inode;
	int64_t missed_at; /* since when it is found nowhere; 0: it was */
};

/* False when for a second no process was found that holds the socket: it may
 * be on its way from one to another.  True when one holds it, and also when
 * that cannot be told.  Looks at the last known place first.  If the socket is
 * not there, it looks through all processes, and remembers the new place.  Any
 * thread. */
bool xs_app_alive_check(struct xs_app_alive *app_alive);

#endif
