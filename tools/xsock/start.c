/* xsock: runs a command itself, and leaves all else to another program.
 *
 * Every program that is started by "xsock run" waits for what xsock is linked
 * with, and OpenSSL alone takes the loader several times as long as a small
 * program lives.  So this file needs libc only, and the other commands, which
 * need more, are in xsock-commands (main.c).
 */
#include "xsock/command.h"
#include "xsock/library.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From the folder of xsock, or absolute: as they are built, as they are
 * installed. */
static const char *const places[] = {
	"xsock-commands",
	"../libexec/xsock-commands",
	XS_LIBEXECDIR "/xsock-commands",
};

/* Becomes the first that is there.  Returns when there is none. */
static void become_commands(const char *folder, char **argv)
{
	char path[2 * PATH_MAX];

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		bool absolute = places[i][0] == '/';

		if (!absolute && !folder)
			continue;
		snprintf(path, sizeof(path), "%s%s%s", absolute ? "" : folder,
			 absolute ? "" : "/", places[i]);
		execv(path, argv);
		if (errno != ENOENT)
			return;
	}
}

static int run_elsewhere(char **argv)
{
	char own[PATH_MAX];
	const char *folder = xs_library_own_folder(own) ? own : NULL;

	become_commands(folder, argv);
	fprintf(stderr,
		"xsock: xsock-commands, which has all commands but \"run\", "
		"cannot be started from %s/, ../libexec from there or %s: %s\n",
		folder ? folder : "(unknown)", XS_LIBEXECDIR, strerror(errno));
	return XS_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static char title[] = "xsock run";

	if (argc < 2 || strcmp(argv[1], "run") != 0)
		return run_elsewhere(argv);
	argp_program_version = "xsock " XS_VERSION;
	argv[1] = title;
	return xs_command_run(argc - 1, argv + 1);
}
