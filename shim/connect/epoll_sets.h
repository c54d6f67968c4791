/* Which numbers are epoll sets of this process, and what a set says of one
 * descriptor.
 *
 * A set can be told what to watch in ways that no hook sees: by io_uring
 * (IORING_OP_EPOLL_CTL, as libuv 1.45 to 1.51 does), or by a system call of the
 * program's own.  kcmp(2) asks the set itself, for the microsecond that a look
 * at a hundred descriptors takes; what is registered there is in fdinfo(5),
 * which costs as much for each of them.
 *
 * A set that came by exec(2) or SCM_RIGHTS is known from the first epoll_ctl(2)
 * on.
 *
 * Any thread, any signal context; errno is kept by the first two.
 */
#ifndef XS_EPOLL_SETS_H
#define XS_EPOLL_SETS_H

#include <stdbool.h>

/* This number is an epoll set. */
void xs_epoll_sets_note(int set);

/* dup(2) has made to of from, which may be an epoll set. */
void xs_epoll_sets_copied(int from, int to);

/* Something that no hook has seen was found in the set: from now on, what hooks
 * have seen of it may be old. */
void xs_epoll_sets_distrust(int set);
bool xs_epoll_sets_is_distrusted(int set);

/* Calls visit with each set that watches the number fd, or may do so because
 * the kernel does not tell.  errno may change. */
void xs_epoll_sets_each(int fd, void (*visit)(int set, void *with), void *with);

#endif
