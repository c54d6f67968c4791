/* Descriptors that share one socket; see share.h. */
#include "share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The latest duplicated sockets; older ones are forgotten last. */
enum { REMEMBERED = 1024 };
static uint64_t remembered[REMEMBERED];
static uint32_t next;

static bool socket_inode(int fd, uint64_t *inode)
{
	struct stat file;

	if (fstat(fd, &file) < 0 || !S_ISSOCK(file.st_mode))
		return false;
	*inode = file.st_ino;
	return true;
}

void xs_share_note(int fd)
{
	int saved = errno;
	uint64_t inode;

	if (socket_inode(fd, &inode)) {
		uint32_t at = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);

		__atomic_store_n(&remembered[at % REMEMBERED], inode,
				 __ATOMIC_RELAXED);
	}
	errno = saved;
}

static bool was_duplicated(uint64_t inode)
{
	uint32_t count = __atomic_load_n(&next, __ATOMIC_RELAXED);

	/* What was forgotten may have been this one. */
	if (count > REMEMBERED)
		return true;
	for (uint32_t i = 0; i < count; i++)
		if (__atomic_load_n(&remembered[i], __ATOMIC_RELAXED) == inode)
			return true;
	return false;
}

/* linux_dirent64 of getdents(2); readdir(3) would allocate. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

/* A walk that collects the descriptors of one socket. */
struct search {
	uint64_t inode;
	int skip[3];
	int *found;
	size_t count;
};

static void consider(struct search *search, int fd)
{
	uint64_t inode;

	for (size_t i = 0; i < 3; i++)
		if (fd == search->skip[i])
			return;
	if (!socket_inode(fd, &inode) || inode != search->inode)
		return;
	if (search->count < XS_SHARE_MAX)
		search->found[search->count] = fd;
	if (search->count <= XS_SHARE_MAX)
		search->count++;
}

static bool search_folder(struct search *search, int folder)
{
	_Alignas(struct entry) char buffer[2048];
	long len;

	while ((len = syscall(SYS_getdents64, folder, buffer,
			      sizeof(buffer))) > 0) {
		for (long at = 0; at < len;) {
			const struct entry *entry =
				(const void *)(buffer + at);

			if (entry->name[0] >= '0' && entry->name[0] <= '9')
				consider(search,
					 (int)strtol(entry->name, NULL, 10));
			at += entry->size;
		}
	}
	return len == 0;
}

/* Without /proc: every number that there may be. */
static void search_numbers(struct search *search)
{
	struct rlimit limit = { .rlim_cur = 65536 };

	getrlimit(RLIMIT_NOFILE, &limit);
	search->count = 0;
	for (rlim_t fd = 0; fd < limit.rlim_cur && fd < 1 << 20; fd++)
		consider(search, (int)fd);
}

size_t xs_share_find(int fd, int not, int found[XS_SHARE_MAX])
{
	struct search search = { .skip = { fd, not, -1 }, .found = found };
	int folder;

	if (!socket_inode(fd, &search.inode) || !was_duplicated(search.inode))
		return 0;
	/* Not /proc/self: the main thread may have ended, and this one may have
	 * descriptors of its own. */
	folder = open("/proc/thread-self/fd",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	search.skip[2] = folder;
	if (folder < 0 || !search_folder(&search, folder))
		search_numbers(&search);
	if (folder >= 0)
		close(folder);
	return search.count;
}
