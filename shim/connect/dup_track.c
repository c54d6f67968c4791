/* Descriptors that share one socket; see dup_track.h. */
#include "connect/dup_track.h"

#include "connect/procfs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

void xs_dup_track_note(int fd)
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

/* A walk that collects the descriptors of one socket. */
struct search {
	uint64_t inode;
	int skip[2];
	int *found;
	size_t count;
};

static void consider(int fd, void *with)
{
	struct search *search = with;
	uint64_t inode;

	if (fd == search->skip[0] || fd == search->skip[1])
		return;
	if (!socket_inode(fd, &inode) || inode != search->inode)
		return;
	if (search->count < XS_DUP_TRACK_MAX)
		search->found[search->count] = fd;
	if (search->count <= XS_DUP_TRACK_MAX)
		search->count++;
}

/* Without /proc: every number that there may be. */
static void search_numbers(struct search *search)
{
	struct rlimit limit = { .rlim_cur = 65536 };

	getrlimit(RLIMIT_NOFILE, &limit);
	search->count = 0;
	for (rlim_t fd = 0; fd < limit.rlim_cur && fd < 1 << 20; fd++)
		consider((int)fd, search);
}

size_t xs_dup_track_find(int fd, int not, int found[XS_DUP_TRACK_MAX])
{
	struct search search = { .skip = { fd, not }, .found = found };

	if (!socket_inode(fd, &search.inode) || !was_duplicated(search.inode))
		return 0;
	if (!xs_procfs_each(consider, &search))
		search_numbers(&search);
	return search.count;
}
