/* Where libxsock.so is; see library.h. */
#include "xsock/library.h"

#include "xsock/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIPLET "*-linux-*"

/* From the folder of xsock, or absolute: as they are built, as they are
 * installed. */
static const char *const places[] = {
	"libxsock.so",
	"m32/libxsock.so",
	"musl/libxsock.so",
	"../lib/libxsock.so",
	"../lib64/libxsock.so",
	"../lib32/libxsock.so",
	"../lib/" TRIPLET "/libxsock.so",
	XS_LIBDIR "/libxsock.so",
	XS_LIBDIR "/" TRIPLET "/libxsock.so",
	XS_LIBDIR "/../" TRIPLET "/libxsock.so",
	XS_LIBDIR "/../../lib32/libxsock.so",
};

static bool fits(const struct xs_elf *program, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct xs_elf library;
	bool result;

	if (fd < 0)
		return false;
	result = !program || (xs_elf_read(fd, &library) == XS_ELF_OK &&
			      xs_elf_fits(program, &library));
	close(fd);
	return result;
}

/* The first readable file that fits the pattern and the program, without
 * "..".  False: none. */
static bool take(const char *pattern, const struct xs_elf *program,
		 char path[PATH_MAX])
{
	glob_t found;
	bool taken = false;

	if (glob(pattern, 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc && !taken; i++)
		taken = fits(program, found.gl_pathv[i]) &&
			realpath(found.gl_pathv[i], path);
	globfree(&found);
	return taken;
}

bool xs_library_own_folder(char folder[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", folder, PATH_MAX - 1);

	folder[len > 0 ? len : 0] = '\0';
	/* proc(5): what is outside of the root has no path that begins so. */
	if (folder[0] != '/')
		return false;
	*strrchr(folder, '/') = '\0';
	return true;
}

bool xs_library_find_for(const struct xs_elf *program, char path[PATH_MAX])
{
	char folder[PATH_MAX] = "", pattern[2 * PATH_MAX];
	bool known = xs_library_own_folder(folder);

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		bool absolute = places[i][0] == '/';

		if (!absolute && !known)
			continue;
		snprintf(pattern, sizeof(pattern), "%s%s%s",
			 absolute ? "" : folder, absolute ? "" : "/",
			 places[i]);
		if (take(pattern, program, path))
			return true;
	}
	return false;
}

int xs_library_find(char path[PATH_MAX], struct xs_error *err)
{
	char folder[PATH_MAX];

	/* That of xsock-commands may be another than that of xsock. */
	if (!xs_library_find_for(NULL, path))
		return xs_error_set(
			err, XS_ERR_SYSTEM, ENOENT,
			"libxsock.so is neither in %s/, nor in ../lib from "
			"there, nor in %s",
			xs_library_own_folder(folder) ? folder : "(unknown)",
			XS_LIBDIR);
	/* ld.so(8): both separate the entries of LD_PRELOAD. */
	if (strpbrk(path, ": "))
		return xs_error_set(err, XS_ERR_SYSTEM, EINVAL,
				    "%s cannot be preloaded: LD_PRELOAD takes "
				    "no path with a blank or colon",
				    path);
	return 0;
}

bool xs_library_preload(const struct xs_elf *program, char entry[PATH_MAX])
{
	char path[PATH_MAX], prefix[PATH_MAX];

	if (!xs_library_find_for(program, path))
		return false;
	if (xs_library_own_folder(prefix) && strrchr(prefix, '/')) {
		*strrchr(prefix, '/') = '\0';
		if (xs_loader_spell(program, prefix, path, entry))
			return true;
	}
	memcpy(entry, path, sizeof(path));
	return true;
}
