/* A file system that does not answer, for a relay under test.
 *
 * Preloaded into the relay.  What lies under the folder that XSOCK_TEST_DEAD
 * names is on a network file system, as statfs(2) tells it; and as long as
 * there is a file of that name with ".dead" behind it, each call that looks at
 * something there waits, as the kernel's do where the server is down. */
#define _FILE_OFFSET_BITS 64 /* as the relay is built: it calls stat64 … */

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { NFS = 0x6969 };

static const char *folder;
static char mark[PATH_MAX];

__attribute__((constructor)) static void begin(void)
{
	folder = getenv("XSOCK_TEST_DEAD");
	if (folder)
		snprintf(mark, sizeof(mark), "%s.dead", folder);
}

/* Waits as long as the path does not answer.  Is it on that file system? */
static bool answer(const char *path)
{
	size_t len = folder ? strlen(folder) : 0;

	if (!len || strncmp(path, folder, len) != 0 ||
	    (path[len] && path[len] != '/'))
		return false;
	while (access(mark, F_OK) == 0)
		usleep(1000);
	return true;
}

/* Of what lies in an open folder. */
static void answer_at(int at, const char *name)
{
	char link[40], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0)
		return;
	snprintf(path + len, sizeof(path) - (size_t)len, "/%s", name);
	answer(path);
}

#define NEXT(name, symbol) ((__typeof__(name) *)dlsym(RTLD_NEXT, symbol))

int stat(const char *path, struct stat *found)
{
	answer(path);
	return NEXT(stat, "stat64")(path, found);
}

int fstatat(int at, const char *path, struct stat *found, int flags)
{
	answer_at(at, path);
	return NEXT(fstatat, "fstatat64")(at, path, found, flags);
}

int statfs(const char *path, struct statfs *found)
{
	bool there = answer(path);
	int result = NEXT(statfs, "statfs64")(path, found);

	if (result == 0 && there)
		found->f_type = NFS;
	return result;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list rest;

	va_start(rest, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(rest, mode_t);
	va_end(rest);
	answer(path);
	return NEXT(open, "open64")(path, flags, mode);
}

DIR *opendir(const char *path)
{
	answer(path);
	return NEXT(opendir, "opendir")(path);
}
