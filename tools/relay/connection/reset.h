/* Telling an application that its connection was reset, not ended.
 *
 * The kernel gives ECONNRESET to an AF_UNIX end when the other end is closed
 * with unread bytes (unix_release_sock).  The pump leaves one there if it can
 * (pump.h); where it could not, one byte more is put there, through the
 * application's own descriptor.
 */
#ifndef XS_RESET_H
#define XS_RESET_H

#include <stdbool.h>
#include <sys/types.h>

/* The application's end was last seen as descriptor fd of the process pid; the
 * socket is device, inode, which is looked at before anything is done.  To be
 * called before the relay's end is closed.  False where the kernel does not let
 * one process reach into the other (ptrace(2), PTRACE_MODE_ATTACH), the
 * descriptor is somewhere else by now, or the application has shut down its
 * side: then it sees end of file.  Any thread. */
bool xs_reset_tell(pid_t pid, int fd, dev_t device, ino_t inode);

#endif
