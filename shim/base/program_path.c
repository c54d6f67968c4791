/* From a command's name to its file; see program_path.h. */
#include "base/program_path.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int xs_program_try(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return errno;
	if (!S_ISREG(status.st_mode))
		return EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

int xs_program_path(const char *name, const char *folders, char path[PATH_MAX])
{
	const char *at = folders ? folders : _PATH_DEFPATH;
	int result = ENOENT;

	if (*name == '\0')
		return ENOENT;
	if (strchr(name, '/')) {
		if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
			return ENAMETOOLONG;
		return xs_program_try(path);
	}
	for (int len; at; at = at[len] ? at + len + 1 : NULL) {
		int tried;

		len = (int)strcspn(at, ":");
		/* An empty entry is the working directory. */
		if (snprintf(path, PATH_MAX, "%.*s%s%s", len, at,
			     len > 0 ? "/" : "./", name) >= PATH_MAX)
			continue;
		tried = xs_program_try(path);
		if (tried == 0)
			return 0;
		if (tried == EACCES)
			result = EACCES;
	}
	return result;
}
