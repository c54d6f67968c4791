/* pthread_atfork(3) for a library that is never unloaded. */
#ifndef XS_AT_FORK_H
#define XS_AT_FORK_H

/* Has libc's fork call before() in the parent, and in_child() in the child;
 * either may be NULL.  vfork(2), clone(2) and posix_spawn(3) call neither. */
void xs_at_fork(void (*before)(void), void (*in_child)(void));

#endif
