/* The supervisor of "xsock run --supervise": it answers the system calls of
 * which the filter tells, until nobody is left under the filter. */
#ifndef XS_SUPERVISOR_H
#define XS_SUPERVISOR_H

/* Answers, and exits when the last process of the tree has ended.  The rules
 * have been read. */
__attribute__((noreturn)) void xs_supervisor_run(int listener);

#endif
