/* Where a process lives; see spaces.h. */
#include "base/spaces.h"

#include "base/descriptor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Their files in /proc/PID. */
static const char *const places[XS_SPACES] = {
	[XS_SPACE_USER] = "ns/user",
	[XS_SPACE_MOUNT] = "ns/mnt",
	[XS_SPACE_PID] = "ns/pid",
	[XS_SPACE_ROOT] = "root",
};

/* Of this process it is the thread that counts: unshare(2) is a thread's. */
static const char *path_of(pid_t pid, int place, char path[48])
{
	if (pid)
		snprintf(path, 48, "/proc/%d/%s", (int)pid, places[place]);
	else
		snprintf(path, 48, "/proc/thread-self/%s", places[place]);
	return path;
}

static void take(struct xs_spaces *spaces, int place, const struct stat *file)
{
	spaces->at[place].device = file->st_dev;
	spaces->at[place].inode = file->st_ino;
}

bool xs_spaces_of(pid_t pid, struct xs_spaces *spaces)
{
	struct stat file;
	char path[48];

	for (int i = 0; i < XS_SPACES; i++) {
		if (stat(path_of(pid, i, path), &file) < 0)
			return false;
		take(spaces, i, &file);
	}
	return true;
}

bool xs_spaces_open(int fds[XS_SPACES])
{
	char path[48];

	for (int i = 0; i < XS_SPACES; i++) {
		/* A namespace is opened itself: O_PATH is for folders. */
		int flags = i == XS_SPACE_ROOT ? O_PATH : O_RDONLY;

		fds[i] = xs_above_stdio(
			open(path_of(0, i, path), flags | O_CLOEXEC));
		if (fds[i] >= 0)
			continue;
		while (i-- > 0)
			close(fds[i]);
		return false;
	}
	return true;
}

void xs_spaces_close(const int fds[XS_SPACES])
{
	for (int i = 0; i < XS_SPACES; i++)
		close(fds[i]);
}

bool xs_spaces_shown(const int fds[XS_SPACES], struct xs_spaces *spaces)
{
	struct stat file;

	for (int i = 0; i < XS_SPACES; i++) {
		if (fstat(fds[i], &file) < 0)
			return false;
		take(spaces, i, &file);
	}
	return true;
}

int xs_spaces_difference(const struct xs_spaces *one,
			 const struct xs_spaces *other)
{
	int i = 0;

	while (i < XS_SPACES &&
	       memcmp(&one->at[i], &other->at[i], sizeof(one->at[i])) == 0)
		i++;
	return i;
}
