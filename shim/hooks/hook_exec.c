/* Hooks: the exec and posix_spawn families, system, popen.
 *
 * What another program would lose is judged in exec.c.  libc's functions call
 * each other inside libc, where no hook sees it, so each is hooked.  Those with
 * a list of arguments become those with an array.
 *
 * The surprising thing: an environment that is put back lies on the stack,
 * since a vfork child must leave nothing behind in the memory of its parent.
 */
#include "connect/config.h"
#include "exec/exec.h"
#include "hooks/libc.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* envp, or one with what is missing and the names that are known, in the room
 * that was judged necessary. */
#define PUT_BACK(room, envp)                                                   \
	((room) > 0 ? xs_exec_restore(__builtin_alloca((size_t)(room)), envp)  \
		    : (char **)(envp))

/* --- exec --------------------------------------------------------------- */

XS_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	ssize_t room = 0;

	xs_libc_need();
	if (xs_config_active())
		room = xs_exec_judge(AT_FDCWD, path, envp);
	if (room < 0)
		return -1;
	return xs_libc.execve(path, argv, PUT_BACK(room, envp));
}

XS_EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

XS_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	ssize_t room = 0;

	xs_libc_need();
	if (xs_config_active())
		room = xs_exec_judge_fd(fd, envp);
	if (room < 0)
		return -1;
	return xs_libc.fexecve(fd, argv, PUT_BACK(room, envp));
}

#ifdef __GLIBC__
XS_EXPORT int execveat(int dirfd, const char *path, char *const argv[],
		       char *const envp[], int flags)
{
	ssize_t room = 0;

	xs_libc_need();
	if (xs_config_active())
		room = !*path && (flags & AT_EMPTY_PATH)
			       ? xs_exec_judge_fd(dirfd, envp)
			       : xs_exec_judge(dirfd, path, envp);
	if (room < 0)
		return -1;
	return xs_libc.execveat(dirfd, path, argv, PUT_BACK(room, envp), flags);
}
#endif

XS_EXPORT int execvpe(const char *name, char *const argv[], char *const envp[])
{
	ssize_t room = 0;

	xs_libc_need();
	if (xs_config_active())
		room = xs_exec_judge_command(name, envp);
	if (room < 0)
		return -1;
	return xs_libc.execvpe(name, argv, PUT_BACK(room, envp));
}

XS_EXPORT int execvp(const char *name, char *const argv[])
{
	return execvpe(name, argv, environ);
}

/* --- exec with a list of arguments -------------------------------------- */

/* The arguments behind first, up to NULL. */
static size_t count_arguments(va_list list)
{
	size_t n = 1;
	va_list copy;

	va_copy(copy, list);
	while (va_arg(copy, char *))
		n++;
	va_end(copy);
	return n;
}

static void take_arguments(char **argv, size_t n, const char *first,
			   va_list list)
{
	argv[0] = (char *)first;
	for (size_t i = 1; i <= n; i++)
		argv[i] = va_arg(list, char *);
}

/* On the stack of the caller, as the room above. */
#define LIST_TO_ARRAY(argv, list, first)                                       \
	do {                                                                   \
		size_t n = count_arguments(list);                              \
		(argv) = __builtin_alloca((n + 1) * sizeof(char *));           \
		take_arguments(argv, n, first, list);                          \
	} while (0)

XS_EXPORT int execl(const char *path, const char *first, ...)
{
	char **argv;
	va_list list;

	va_start(list, first);
	LIST_TO_ARRAY(argv, list, first);
	va_end(list);
	return execve(path, argv, environ);
}

XS_EXPORT int execle(const char *path, const char *first, ...)
{
	char **argv, **envp;
	va_list list;

	va_start(list, first);
	LIST_TO_ARRAY(argv, list, first);
	envp = va_arg(list, char **);
	va_end(list);
	return execve(path, argv, envp);
}

XS_EXPORT int execlp(const char *name, const char *first, ...)
{
	char **argv;
	va_list list;

	va_start(list, first);
	LIST_TO_ARRAY(argv, list, first);
	va_end(list);
	return execvpe(name, argv, environ);
}

/* --- posix_spawn -------------------------------------------------------- */

/* Judges what a posix_spawn function starts: the file path, or with search what
 * libc finds in PATH.  Returns 0 with *room as xs_exec_judge says it, or the
 * errno that the function returns; errno itself stays. */
static int judge_spawn(const char *path, bool search,
		       const posix_spawn_file_actions_t *actions,
		       char *const envp[], ssize_t *room)
{
	int saved = errno, failed = 0;

	*room = 0;
	if (!xs_config_active())
		return 0;
	if (search && !strchr(path, '/'))
		*room = xs_exec_judge_command(path, envp);
	else if (actions)
		*room = xs_exec_judge_moved(path, envp);
	else
		*room = xs_exec_judge(AT_FDCWD, path, envp);
	if (*room < 0)
		failed = errno;
	errno = saved;
	return failed;
}

/* One of the family: they differ in what they return of the child, and in
 * whether they search. */
#define SPAWN(name, child, search)                                             \
	XS_EXPORT int name(child, const char *path,                            \
			   const posix_spawn_file_actions_t *actions,          \
			   const posix_spawnattr_t *attributes,                \
			   char *const argv[], char *const envp[])             \
	{                                                                      \
		ssize_t room;                                                  \
		int failed;                                                    \
                                                                               \
		xs_libc_need();                                                \
		failed = judge_spawn(path, search, actions, envp, &room);      \
		if (failed)                                                    \
			return failed;                                         \
		return xs_libc.name(to, path, actions, attributes, argv,       \
				    PUT_BACK(room, envp));                     \
	}

SPAWN(posix_spawn, pid_t *to, false)
SPAWN(posix_spawnp, pid_t *to, true)
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 39)
SPAWN(pidfd_spawn, int *to, false)
SPAWN(pidfd_spawnp, int *to, true)
#endif
#endif

XS_EXPORT int posix_spawn_file_actions_addchdir_np(
	posix_spawn_file_actions_t *restrict actions, const char *restrict path)
{
	xs_libc_need();
	xs_exec_note_move();
	return xs_libc.posix_spawn_file_actions_addchdir_np(actions, path);
}

XS_EXPORT int
posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *actions,
				      int fd)
{
	xs_libc_need();
	xs_exec_note_move();
	return xs_libc.posix_spawn_file_actions_addfchdir_np(actions, fd);
}

/* --- by way of the shell ------------------------------------------------ */

/* libc gives the shell the environment of this process.  False: refused. */
static bool may_start_shell(void)
{
	ssize_t room;

	if (!xs_config_active())
		return true;
	room = xs_exec_judge(AT_FDCWD, _PATH_BSHELL, environ);
	return room >= 0 && xs_exec_restore_own() == 0;
}

XS_EXPORT int system(const char *command)
{
	xs_libc_need();
	if (command && !may_start_shell())
		return -1;
	return xs_libc.system(command);
}

XS_EXPORT FILE *popen(const char *command, const char *type)
{
	xs_libc_need();
	if (!may_start_shell())
		return NULL;
	return xs_libc.popen(command, type);
}
