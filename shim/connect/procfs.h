/* This process's descriptors, as /proc lists them.
 *
 * Not /proc/self: the main thread may have ended, and this one may have
 * descriptors of its own.  No allocation, no state; safe in a signal handler.
 */
#ifndef XS_PROCFS_H
#define XS_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Calls visit with every descriptor but the one that it reads the list from.
 * False when the list cannot be read, or not to its end. */
bool xs_procfs_each(void (*visit)(int fd, void *with), void *with);

/* readlink(2) of fd's entry: its length, or -1 with errno. */
ssize_t xs_procfs_link(int fd, char *target, size_t size);

/* Opens what the kernel says about fd (proc_pid_fdinfo(5)).  Returns a
 * descriptor for the caller to close, or -1 with errno. */
int xs_procfs_info(int fd);

#endif
