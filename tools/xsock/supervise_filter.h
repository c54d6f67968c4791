/* The filter of system calls behind "xsock run --supervise". */
#ifndef XS_SUPERVISE_FILTER_H
#define XS_SUPERVISE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* What the filter is for. */
struct xs_supervise_wish {
	uint32_t rules; /* the number of its rules (supervised.h) */
	bool look_on;	/* there are none, so nothing is refused */
	bool datagrams; /* there may be some for datagrams, so that what is
			   sent with an address is told */
};

/* Puts this thread, and all that it becomes and starts, under the filter.
 * Returns the descriptor that tells of the calls (seccomp_unotify(2)), or -1
 * with errno.  Without CAP_SYS_ADMIN the process must have no_new_privs. */
int xs_supervise_filter(const struct xs_supervise_wish *wish);

#endif
