/* Does anybody still hold the application's end of a pair?
 *
 * While a connect is under way the relay holds a copy of that end itself, so
 * no HUP tells that the application has closed it or was killed.  The kernel
 * shows it elsewhere: /proc/PID/fd.
 */
#ifndef XS_PRESENCE_H
#define XS_PRESENCE_H

#include <stdbool.h>
#include <sys/types.h>

/* Where the end was last seen. */
struct xs_presence {
	pid_t pid; /* 0: cannot be told */
	int fd;
	ino_t inode;
	int missed; /* times that it was found nowhere */
};

/* False when, the second time in a row, no process can be found that holds the
 * socket; true also when that cannot be told.  Looks at one place, and only
 * when it is not there, everywhere; finds the new place then.  Any thread. */
bool xs_presence_check(struct xs_presence *presence);

#endif
