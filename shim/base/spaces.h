/* Where a process lives: its user, mount and PID namespace, and its root.
 *
 * The kernel tells it to whoever may look into a process (ptrace(2), "access
 * mode checking": PTRACE_MODE_READ_FSCREDS).  A process into which nobody may
 * look, as the relay is and a daemon that has changed its user, shows where it
 * lives by descriptors of these places.  Whoever can open those of another
 * process can use its files by /proc/PID/root as well, so they prove as much
 * as the kernel's own word keeps apart.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_SPACES_H
#define XS_SPACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	XS_SPACE_USER,
	XS_SPACE_MOUNT,
	XS_SPACE_PID,
	XS_SPACE_ROOT,
	XS_SPACES,
};

/* Compared as bytes: no padding. */
struct xs_spaces {
	struct {
		uint64_t device, inode;
	} at[XS_SPACES];
};

/* Those of process pid; 0: this one, as it is now.  False with errno: EACCES,
 * nobody may look into it; ENOENT, there is no such process, or no /proc. */
bool xs_spaces_of(pid_t pid, struct xs_spaces *spaces);

/* Opens those of this process, above standard error and close-on-exec.  False
 * with errno when one cannot be had. */
bool xs_spaces_open(int fds[XS_SPACES]);

void xs_spaces_close(const int fds[XS_SPACES]);

/* Those that the descriptors show. */
bool xs_spaces_shown(const int fds[XS_SPACES], struct xs_spaces *spaces);

/* The first that differs; XS_SPACES: none does. */
int xs_spaces_difference(const struct xs_spaces *one,
			 const struct xs_spaces *other);

#endif
