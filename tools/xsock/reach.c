/* Whether the library can be loaded into a command; see reach.h.
 *
 * In doubt it refuses: a command that is refused without need costs a message,
 * one that runs in plaintext costs what it sends.
 */
#include "xsock/reach.h"

#include "base/elf_file.h"
#include "base/program_path.h"
#include "base/script.h"
#include "base/secure_exec.h"
#include "xsock/library.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int xs_reach_find(const char *name, char path[PATH_MAX])
{
	return xs_program_path(name, getenv("PATH"), path);
}

/* --- programs ----------------------------------------------------------- */

static int check_trust(int fd, const char *path, struct xs_error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno, "%s: %s", path,
				    strerror(errno));
	switch (xs_secure_exec_judge(fd)) {
	case XS_SECURE_EXEC_IDS:
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "xsock runs with other effective than real "
				    "IDs, in which case the loader ignores the "
				    "library");
	case XS_SECURE_EXEC_SET_USER:
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s is set-user-ID, for which the loader "
				    "ignores the library: run it as its owner "
				    "(user %u)",
				    path, status.st_uid);
	case XS_SECURE_EXEC_SET_GROUP:
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s is set-group-ID, for which the loader "
				    "ignores the library: run it with its "
				    "group (%u)",
				    path, status.st_gid);
	case XS_SECURE_EXEC_CAPABILITIES:
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s has file capabilities (getcap tells "
				    "which), for which the loader ignores the "
				    "library: run a copy without them",
				    path);
	case XS_SECURE_EXEC_NONE:
		break;
	}
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Why no library fits. */
static int refuse_kind(const struct xs_elf *elf, const char *path,
		       struct xs_error *err)
{
	const bool musl = elf->libc == XS_ELF_LIBC_MUSL;
	char kind[64];

	if (elf->libc == XS_ELF_LIBC_OTHER && xs_elf_is_native(elf))
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s belongs to another C library: its "
				    "loader is %s, and libxsock.so is for "
				    "glibc and musl",
				    path, elf->loader);
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "%s is a program for %s%s, and no libxsock.so for "
			    "that is installed%s",
			    path, xs_elf_kind(elf, kind, sizeof(kind)),
			    musl ? " of another C library, musl" : "",
			    musl		     ? " (make musl builds it)"
			    : elf->machine == EM_386 ? " (make m32 builds it)"
						     : "");
}

/* The loader would say that the library "cannot be preloaded", and go on. */
static int check_mount(const struct xs_elf *elf, struct xs_error *err)
{
	char library[PATH_MAX];
	struct statvfs system;

	if (!xs_library_find_for(elf, library) ||
	    statvfs(library, &system) < 0 || !(system.f_flag & ST_NOEXEC))
		return 0;
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "%s is on a mount without exec rights (noexec, or "
			    "NoExecPaths= of a systemd unit, where "
			    "ExecPaths= can name it), so that it cannot be "
			    "loaded",
			    library);
}

/* The preload entry for this program, the same for all in a chain. */
static int choose_library(const struct xs_elf *elf, const char *path,
			  char preload[PATH_MAX], struct xs_error *err)
{
	char entry[PATH_MAX];

	if (!xs_library_preload(elf, entry))
		return refuse_kind(elf, path, err);
	if (preload[0] && strcmp(preload, entry) != 0)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s needs %s, and what starts it needs %s: "
				    "run it by its own path",
				    path, entry, preload);
	memcpy(preload, entry, sizeof(entry));
	return 0;
}

static int check_program(const struct xs_elf *elf, int fd, const char *path,
			 char preload[PATH_MAX], struct xs_error *err)
{
	if (xs_elf_is_native(elf) && elf->loader[0] == '\0')
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s is statically linked, so no library "
				    "can be loaded into it",
				    path);
	if (elf->go)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s is a Go program, which makes its "
				    "system calls itself and would pass the "
				    "library by",
				    path);
	if (elf->pascal)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s is a Free Pascal program, which makes "
				    "its system calls itself and would pass "
				    "the library by",
				    path);
	if (choose_library(elf, path, preload, err) < 0 ||
	    check_mount(elf, err) < 0)
		return -1;
	return check_trust(fd, path, err);
}

/* --- scripts ------------------------------------------------------------ */

/* "#!/usr/bin/env python3", "#!/usr/bin/env -S A=b python3 -u": the command
 * that env runs, to path.  Returns 1, 0 when there is none to see, or -1 with
 * the error set. */
static int resolve_env(const char *script, char *argument, char path[PATH_MAX],
		       struct xs_error *err)
{
	char *rest = argument;
	char *word;
	int result;

	while ((word = strsep(&rest, " \t"))) {
		if (strcmp(word, "-i") == 0 || strcmp(word, "-") == 0 ||
		    strcmp(word, "--ignore-environment") == 0)
			return xs_error_set(err, XS_ERR_RULES, 0,
					    "the first line of %s (env %s) "
					    "clears the environment, and what "
					    "the library needs with it",
					    script, word);
		/* -u NAME, -C DIR */
		if (strcmp(word, "-u") == 0 || strcmp(word, "-C") == 0) {
			(void)strsep(&rest, " \t");
			continue;
		}
		if (strncmp(word, "-S", 2) == 0 && word[2] != '\0')
			word += 2;
		else if (*word == '\0' || *word == '-')
			continue;
		if (strchr(word, '='))
			continue;
		result = xs_reach_find(word, path);
		if (result == 0)
			return 1;
		return xs_error_set(err, XS_ERR_SYSTEM, result,
				    "%s: its interpreter \"%s\" cannot be "
				    "run: %s",
				    script, word, strerror(result));
	}
	return 0;
}

/* Puts the interpreter of the script path into path.  Returns 0, or -1 with
 * the error set. */
static int next_in_chain(const struct xs_script *script, char path[PATH_MAX],
			 struct xs_error *err)
{
	int result = xs_program_try(script->interpreter);

	if (result != 0)
		return xs_error_set(err, XS_ERR_SYSTEM, result,
				    "%s: its interpreter \"%s\" cannot be "
				    "run: %s",
				    path, script->interpreter,
				    strerror(result));
	snprintf(path, PATH_MAX, "%s", script->interpreter);
	return 0;
}

/* --- both --------------------------------------------------------------- */

/* Judges one file of the chain.  Returns 1 when script has been filled, 0 when
 * the file is a good program, or -1. */
static int check_file(const char *path, char preload[PATH_MAX],
		      struct xs_script *script, struct xs_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct xs_elf elf;
	int result = -1;

	if (fd < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "%s cannot be read, so nobody can tell "
				    "whether the library would be loaded: %s",
				    path, strerror(errno));
	switch (xs_elf_read(fd, &elf)) {
	case XS_ELF_OK:
		result = check_program(&elf, fd, path, preload, err);
		break;
	case XS_ELF_BAD:
		xs_error_set(err, XS_ERR_SYSTEM, ENOEXEC,
			     "%s is a broken program file", path);
		break;
	case XS_ELF_NOT:
		result = xs_script_read(fd, script) ? 1 : -1;
		if (result < 0)
			xs_error_set(err, XS_ERR_SYSTEM, ENOEXEC,
				     "%s is neither a program nor a script "
				     "that starts with \"#!\": run it by its "
				     "interpreter, as in: sh %s",
				     path, path);
		break;
	}
	close(fd);
	return result;
}

/* "#!/usr/bin/env NAME": env itself must pass, and then what it runs, which
 * becomes path.  Returns 1 when there is more to judge, 0, or -1. */
static int pass_env(struct xs_script *script, char preload[PATH_MAX],
		    char path[PATH_MAX], struct xs_error *err)
{
	char runs[PATH_MAX] = "";
	struct xs_script unused;
	int result = resolve_env(path, script->argument, runs, err);

	if (result < 0 ||
	    check_file(script->interpreter, preload, &unused, err) < 0)
		return -1;
	if (result > 0)
		memcpy(path, runs, sizeof(runs));
	return result;
}

int xs_reach_check(const char *path, char preload[PATH_MAX],
		   struct xs_error *err)
{
	char at[PATH_MAX];
	struct xs_script script;
	int result;

	snprintf(at, sizeof(at), "%s", path);
	preload[0] = '\0';
	for (int depth = 0; depth <= XS_SCRIPT_CHAIN_MAX; depth++) {
		result = check_file(at, preload, &script, err);
		/* A script has been read.
		 * NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch) */
		if (result > 0 && script.argument &&
		    strcmp(base_name(script.interpreter), "env") == 0)
			result = pass_env(&script, preload, at, err);
		else if (result > 0)
			result = next_in_chain(&script, at, err) < 0 ? -1 : 1;
		if (result <= 0)
			return result;
	}
	return xs_error_set(err, XS_ERR_SYSTEM, ELOOP,
			    "%s: too many interpreters of interpreters", path);
}
