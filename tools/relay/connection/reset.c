/* One unread byte; see reset.h. */
#include "relay/connection/reset.h"

#include "base/pidfd.h"
#include "relay/base/allowed.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy of the descriptor, or -1. */
static int borrow(pid_t pid, int fd)
{
	int process, copy;

	if (pid <= 0 || !xs_allowed(XS_CALL_PIDFD))
		return -1;
	process = xs_pidfd_open(pid, 0);
	if (process < 0)
		return -1;
	copy = xs_pidfd_getfd(process, fd);
	close(process);
	return copy;
}

bool xs_reset_tell(pid_t pid, int fd, dev_t device, ino_t inode)
{
	int copy = borrow(pid, fd);
	struct stat file;
	bool told;

	if (copy < 0)
		return false;
	told = fstat(copy, &file) == 0 && S_ISSOCK(file.st_mode) &&
	       file.st_dev == device && file.st_ino == inode &&
	       send(copy, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
	close(copy);
	return told;
}
