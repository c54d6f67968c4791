/* Has a file changed?  See tls_private.h. */
#include "tls_private.h"

#include <sys/stat.h>

/* Zeroes for what does not exist: its appearance is a change, too. */
struct xs_tls_stamp xs_tls_stamp(const char *path)
{
	struct xs_tls_stamp stamp = { 0 };
	struct stat now;

	if (path && stat(path, &now) == 0) {
		stamp.device = now.st_dev;
		stamp.inode = now.st_ino;
		stamp.size = now.st_size;
		/* ctime moves also when somebody sets mtime back. */
		stamp.modified = now.st_mtim;
		stamp.changed = now.st_ctim;
		stamp.waits = S_ISFIFO(now.st_mode) || S_ISSOCK(now.st_mode);
	}
	return stamp;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool xs_tls_stamp_same(const struct xs_tls_stamp *a,
		       const struct xs_tls_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && same_time(&a->modified, &b->modified) &&
	       same_time(&a->changed, &b->changed);
}
