/* Does anybody still hold the application's end of a pair?  See presence.h.
 *
 * The descriptor may have been duplicated or inherited and closed where it was
 * first, so its absence there proves nothing: then it is looked for in every
 * process that lets us look, twice.  One that inherited it and then changed
 * its user is not seen; that is the price, paid only while a connect takes
 * longer than a second.
 *
 * To look everywhere takes milliseconds of a worker that has other things to
 * do, and connects are often abandoned together.  So what was seen serves
 * everybody for a moment.
 */
#include "presence.h"

#include "timer.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum place { HERE, NOT_HERE, UNKNOWN };

/* How long a view of all processes counts. */
enum { VIEW_MS = 200 };

struct holder {
	ino_t inode;
	pid_t pid;
	int fd;
};

/* The sockets of all processes. */
static struct view {
	pthread_mutex_t lock;
	struct holder *holder;
	size_t count;
	size_t size;
	int64_t taken_at; /* 0: never */
} view = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The inode of the socket behind a descriptor; 0 when it is none, or -1 with
 * errno.  With readlink(2), because stat(2) would ask the file system behind
 * the descriptor, and may wait for it. */
static long read_inode(pid_t pid, int fd)
{
	static const char prefix[] = "socket:[";
	char path[64], target[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -1;
	target[len] = '\0';
	if (strncmp(target, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	return strtol(target + sizeof(prefix) - 1, NULL, 10);
}

static enum place look(const struct xs_presence *presence)
{
	long inode = read_inode(presence->pid, presence->fd);

	if (inode < 0 && errno != ENOENT && errno != ESRCH)
		return UNKNOWN;
	return inode > 0 && (ino_t)inode == presence->inode ? HERE : NOT_HERE;
}

static bool add_holder(ino_t inode, pid_t pid, int fd)
{
	if (view.count == view.size) {
		size_t size = view.size ? 2 * view.size : 256;
		struct holder *more =
			realloc(view.holder, size * sizeof(*more));

		if (!more)
			return false;
		view.holder = more;
		view.size = size;
	}
	view.holder[view.count++] =
		(struct holder){ .inode = inode, .pid = pid, .fd = fd };
	return true;
}

/* The number that name is; -1 when it is none. */
static int read_name(const char *name)
{
	char *end;
	long number = strtol(name, &end, 10);

	return *end || end == name ? -1 : (int)number;
}

static bool view_process(pid_t pid)
{
	struct dirent *entry;
	bool complete = true;
	char path[32];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder)
		return true;
	while (complete && (entry = readdir(folder))) {
		int fd = read_name(entry->d_name);
		long inode = fd < 0 ? 0 : read_inode(pid, fd);

		if (inode > 0)
			complete = add_holder((ino_t)inode, pid, fd);
	}
	closedir(folder);
	return complete;
}

/* False when not everything could be seen. */
static bool view_all(void)
{
	struct dirent *entry;
	bool complete = true;
	DIR *folder = opendir("/proc");

	if (!folder)
		return false;
	view.count = 0;
	while (complete && (entry = readdir(folder))) {
		pid_t pid = read_name(entry->d_name);

		if (pid > 0 && pid != getpid())
			complete = view_process(pid);
	}
	closedir(folder);
	view.taken_at = complete ? xs_now_ms() : 0;
	return complete;
}

/* True also when it cannot be told. */
static bool look_everywhere(struct xs_presence *presence)
{
	bool found = false;

	pthread_mutex_lock(&view.lock);
	if ((!view.taken_at || xs_now_ms() - view.taken_at > VIEW_MS) &&
	    !view_all())
		found = true;
	for (size_t i = 0; i < view.count && !found; i++) {
		const struct holder *holder = &view.holder[i];

		if (holder->inode != presence->inode)
			continue;
		presence->pid = holder->pid;
		presence->fd = holder->fd;
		found = true;
	}
	pthread_mutex_unlock(&view.lock);
	return found;
}

bool xs_presence_check(struct xs_presence *presence)
{
	enum place place;

	if (presence->pid <= 0 || access("/proc/self", F_OK) < 0)
		return true;
	place = look(presence);
	if (place == UNKNOWN)
		presence->pid = 0;
	/* Twice: it may be on its way from one process to another. */
	if (place == NOT_HERE && !look_everywhere(presence))
		return ++presence->missed < 2;
	presence->missed = 0;
	return true;
}
