/* The application's standard error, later; see late_log.h. */
#include "relay/connection/late_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void xs_late_log_remember(struct xs_late_log *late_log, pid_t pid, int log_fd)
{
	struct stat file;

	late_log->kept = -1;
	late_log->pid = 0;
	if (log_fd < 0 || fstat(log_fd, &file) < 0)
		return;
	if (S_ISREG(file.st_mode)) {
		late_log->kept = fcntl(log_fd, F_DUPFD_CLOEXEC, 3);
		return;
	}
	late_log->pid = pid;
	late_log->device = file.st_dev;
	late_log->inode = file.st_ino;
}

int xs_late_log_open(const struct xs_late_log *late_log)
{
	char path[64];
	struct stat file;
	int fd;

	if (late_log->pid <= 0)
		return late_log->kept;
	snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)late_log->pid);
	fd = open(path,
		  O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &file) == 0 && file.st_dev == late_log->device &&
	    file.st_ino == late_log->inode)
		return fd;
	close(fd);
	return -1;
}

void xs_late_log_close(const struct xs_late_log *late_log, int fd)
{
	if (fd >= 0 && fd != late_log->kept)
		close(fd);
}

void xs_late_log_forget(struct xs_late_log *late_log)
{
	if (late_log->kept >= 0)
		close(late_log->kept);
	late_log->kept = -1;
	late_log->pid = 0;
}
