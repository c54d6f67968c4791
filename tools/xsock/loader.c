/* What a program's dynamic loader makes of "$LIB"; see loader.h.
 *
 * glibc has it compiled in, and differently from one distribution to the next,
 * and in Debian from one package of the 32-bit loader to the other; so the
 * loader that the program names is asked.  A wrong answer would be a program
 * without the library, so every doubt is a "no".
 */
#include "xsock/loader.h"

#include <fcntl.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A word as "lib/x86_64-linux-gnu". */
enum { WORD_MAX = 64 };

/* Runs "LOADER --list-diagnostics" (glibc 2.33).  Returns a stream of what it
 * writes, or NULL; *pid is to be waited for. */
static FILE *ask(const char *loader, pid_t *pid)
{
	char *argv[] = { (char *)loader, (char *)"--list-diagnostics", NULL };
	char *none[] = { NULL };
	posix_spawn_file_actions_t actions;
	FILE *stream = NULL;
	int ends[2];
	int failed;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	failed = posix_spawn(pid, loader, &actions, NULL, argv, none);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!failed)
		stream = fdopen(ends[0], "r");
	if (!stream)
		close(ends[0]);
	if (!failed && !stream)
		waitpid(*pid, NULL, 0);
	return stream;
}

/* The line dl_dst_lib="WORD". */
static bool read_word(FILE *stream, char word[WORD_MAX])
{
	char line[4096];
	bool found = false;

	while (fgets(line, sizeof(line), stream))
		if (sscanf(line, "dl_dst_lib=\"%63[^\"$%% :]\"", word) == 1)
			found = true;
	return found;
}

/* Asking costs a process: only if there is more than one library. */
static bool is_worth_asking(const char *prefix)
{
	char pattern[PATH_MAX + 64];
	glob_t found;
	bool several;

	snprintf(pattern, sizeof(pattern), "%s/lib/*-linux-*/libxsock.so",
		 prefix);
	if (glob(pattern, 0, NULL, &found) != 0)
		return false;
	/* For the 32-bit loader of libc6-i386. */
	snprintf(pattern, sizeof(pattern), "%s/lib32/libxsock.so", prefix);
	glob(pattern, GLOB_APPEND, NULL, &found);
	several = found.gl_pathc > 1;
	globfree(&found);
	return several;
}

bool xs_loader_spell(const struct xs_elf *program, const char *prefix,
		     const char *library, char entry[PATH_MAX])
{
	char word[WORD_MAX] = "", path[2 * PATH_MAX], real[PATH_MAX];
	FILE *stream;
	pid_t pid;
	bool found;

	if (program->libc != XS_ELF_LIBC_GLIBC || strpbrk(prefix, ": $") ||
	    !is_worth_asking(prefix))
		return false;
	stream = ask(program->loader, &pid);
	if (!stream)
		return false;
	found = read_word(stream, word);
	fclose(stream);
	waitpid(pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/%s/libxsock.so", prefix, word);
	if (!found || !realpath(path, real) || strcmp(real, library) != 0)
		return false;
	return snprintf(entry, PATH_MAX, "%s/$LIB/libxsock.so", prefix) <
	       PATH_MAX;
}
