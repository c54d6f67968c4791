/* This process's descriptors; see procfs.h. */
#include "connect/procfs.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREAD "/proc/thread-self/"

/* linux_dirent64 of getdents(2); readdir(3) would allocate. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

static bool each_in(int folder, void (*visit)(int fd, void *with), void *with)
{
	_Alignas(struct entry) char buffer[2048];
	long len;

	while ((len = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) >
	       0) {
		for (long at = 0; at < len;) {
			const struct entry *entry = (const void *)(buffer + at);
			int fd = (int)strtol(entry->name, NULL, 10);

			if (entry->name[0] >= '0' && entry->name[0] <= '9' &&
			    fd != folder)
				visit(fd, with);
			at += entry->size;
		}
	}
	return len == 0;
}

bool xs_procfs_each(void (*visit)(int fd, void *with), void *with)
{
	int folder = open(THREAD "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done;

	if (folder < 0)
		return false;
	done = each_in(folder, visit, with);
	close(folder);
	return done;
}

ssize_t xs_procfs_link(int fd, char *target, size_t size)
{
	char path[sizeof(THREAD "fd/") + 10];

	snprintf(path, sizeof(path), THREAD "fd/%d", fd);
	return readlink(path, target, size);
}

int xs_procfs_info(int fd)
{
	char path[sizeof(THREAD "fdinfo/") + 10];

	snprintf(path, sizeof(path), THREAD "fdinfo/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}
