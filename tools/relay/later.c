/* The application's standard error, later; see later.h. */
#include "later.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void xs_later_remember(struct xs_later *later, pid_t pid, int log_fd)
{
	struct stat file;

	later->kept = -1;
	later->pid = 0;
	if (log_fd < 0 || fstat(log_fd, &file) < 0)
		return;
	if (S_ISREG(file.st_mode)) {
		later->kept = fcntl(log_fd, F_DUPFD_CLOEXEC, 3);
		return;
	}
	later->pid = pid;
	later->device = file.st_dev;
	later->inode = file.st_ino;
}

int xs_later_open(const struct xs_later *later)
{
	char path[64];
	struct stat file;
	int fd;

	if (later->pid <= 0)
		return later->kept;
	snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)later->pid);
	fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &file) == 0 && file.st_dev == later->device &&
	    file.st_ino == later->inode)
		return fd;
	close(fd);
	return -1;
}

void xs_later_close(const struct xs_later *later, int fd)
{
	if (fd >= 0 && fd != later->kept)
		close(fd);
}

void xs_later_forget(struct xs_later *later)
{
	if (later->kept >= 0)
		close(later->kept);
	later->kept = -1;
	later->pid = 0;
}
