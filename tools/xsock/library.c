/* Where libxsock.so is; see library.h. */
#include "library.h"

#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the folder of xsock; the last one has Debian's multiarch triplet. */
static const char *const places[] = {
	"libxsock.so",
	"../lib/libxsock.so",
	"../lib64/libxsock.so",
	"../lib/*-linux-gnu*/libxsock.so",
};

/* The first readable file that fits the pattern, without "..".  False: none. */
static bool take(const char *pattern, char path[PATH_MAX])
{
	glob_t found;
	bool taken = false;

	if (glob(pattern, 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc && !taken; i++)
		taken = access(found.gl_pathv[i], R_OK) == 0 &&
			realpath(found.gl_pathv[i], path);
	globfree(&found);
	return taken;
}

/* The folder of the running program.  False when /proc does not tell. */
static bool own_folder(char folder[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", folder, PATH_MAX - 1);

	if (len <= 0)
		return false;
	folder[len] = '\0';
	*strrchr(folder, '/') = '\0';
	return true;
}

int xs_library_find(char path[PATH_MAX], struct xs_error *err)
{
	char folder[PATH_MAX] = "", pattern[PATH_MAX + 64];
	bool found = false;

	if (own_folder(folder)) {
		for (size_t i = 0;
		     !found && i < sizeof(places) / sizeof(places[0]); i++) {
			snprintf(pattern, sizeof(pattern), "%s/%s", folder,
				 places[i]);
			found = take(pattern, path);
		}
	}
	if (!found && !take(XS_LIBDIR "/libxsock.so", path))
		return xs_error_set(err, XS_ERR_SYSTEM, ENOENT,
				    "libxsock.so is neither beside %s/xsock, "
				    "nor in ../lib from there, nor in %s",
				    folder, XS_LIBDIR);
	/* ld.so(8): both separate the entries of LD_PRELOAD. */
	if (strpbrk(path, ": "))
		return xs_error_set(err, XS_ERR_SYSTEM, EINVAL,
				    "%s cannot be preloaded: LD_PRELOAD takes "
				    "no path with a blank or colon",
				    path);
	return 0;
}
