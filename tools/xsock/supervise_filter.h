/* The filter of system calls behind "xsock run --supervise". */
#ifndef XS_SUPERVISE_FILTER_H
#define XS_SUPERVISE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* Puts this thread, and all that it becomes and starts, under the filter.
 * rules is the number of its rules (supervised.h).  Returns the descriptor that
 * tells of the calls (seccomp_unotify(2)), or -1 with errno.  Without
 * CAP_SYS_ADMIN the process must have no_new_privs.  look_on: there are no
 * rules, so nothing is refused. */
int xs_supervise_filter(uint32_t rules, bool look_on);

#endif
