/* Does anybody still hold the application's end of a pair?  See presence.h.
 *
 * The descriptor may have been duplicated or inherited and closed where it was
 * first, so its absence there proves nothing: then every process is asked that
 * lets us look, twice.  One that inherited it and then changed its user is not
 * seen; that is the price, paid only while a connect takes seconds.
 */
#include "presence.h"

#include "timer.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum place { HERE, NOT_HERE, UNKNOWN };

/* To look everywhere takes milliseconds, of a thread that has other work. */
enum { PAUSE_MS = 100 };

/* readlink(2), because stat(2) would ask the file system behind the
 * descriptor, and may wait for it. */
static enum place look(const struct xs_presence *presence, const char *path)
{
	char wanted[64], found[64];
	ssize_t len = readlink(path, found, sizeof(found) - 1);

	if (len < 0)
		return errno == ENOENT || errno == ESRCH ? NOT_HERE : UNKNOWN;
	found[len] = '\0';
	snprintf(wanted, sizeof(wanted), "socket:[%lu]",
		 (unsigned long)presence->inode);
	return strcmp(found, wanted) == 0 ? HERE : NOT_HERE;
}

/* The number that name is; -1 when it is none. */
static int read_name(const char *name)
{
	char *end;
	long number = strtol(name, &end, 10);

	return *end || end == name ? -1 : (int)number;
}

static bool look_in_process(struct xs_presence *presence, pid_t pid)
{
	bool found = false;
	struct dirent *entry;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder)
		return false;
	while (!found && (entry = readdir(folder))) {
		int fd = read_name(entry->d_name);

		if (fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		found = look(presence, path) == HERE;
		if (found) {
			presence->pid = pid;
			presence->fd = fd;
		}
	}
	closedir(folder);
	return found;
}

static bool look_everywhere(struct xs_presence *presence)
{
	bool found = false;
	struct dirent *entry;
	DIR *folder = opendir("/proc");

	if (!folder)
		return true;
	while (!found && (entry = readdir(folder))) {
		pid_t pid = read_name(entry->d_name);

		if (pid > 0 && pid != getpid())
			found = look_in_process(presence, pid);
	}
	closedir(folder);
	return found;
}

/* True when it is somebody's turn to look everywhere. */
static bool take_turn(void)
{
	static _Atomic int64_t last;
	int64_t now = xs_now_ms(), before = last;

	return now - before >= PAUSE_MS &&
	       atomic_compare_exchange_strong(&last, &before, now);
}

bool xs_presence_check(struct xs_presence *presence)
{
	enum place place;
	char path[64];

	if (presence->pid <= 0 || access("/proc/self", F_OK) < 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)presence->pid,
		 presence->fd);
	place = look(presence, path);
	if (place == UNKNOWN)
		presence->pid = 0;
	if (place == NOT_HERE && !take_turn())
		return true;
	/* Twice: it may be on its way from one process to another. */
	if (place == NOT_HERE && !look_everywhere(presence))
		return ++presence->missed < 2;
	presence->missed = 0;
	return true;
}
