/* pidfd_open(2), pidfd_getfd(2): newer than some C libraries (Linux 5.3, 5.6).
 *
 * Returns, errors and rights are the system calls' own.  What they return is
 * closed on exec, and is the caller's to close.  Any thread, any signal
 * context.
 */
#ifndef XS_PIDFD_H
#define XS_PIDFD_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Linux 6.9: one of a thread, not of its process. */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static inline int xs_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

/* A copy of descriptor fd of the process. */
static inline int xs_pidfd_getfd(int process, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, process, fd, 0);
}

#endif
