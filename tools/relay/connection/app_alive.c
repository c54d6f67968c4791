/* Does anybody still hold the application's end of a pair?  See app_alive.h.
 *
 * The descriptor may have been duplicated or inherited and closed where it was
 * first, so its absence there proves nothing: then it is looked for in every
 * process that lets us look.  One that inherited it and then changed
 * its user is not seen; that is the price, paid only while a connect takes
 * longer than a second.
 *
 * To look everywhere takes milliseconds of a worker that has other things to
 * do, and connects are often abandoned together.  So what was seen serves
 * everybody for a moment.
 */
#include "relay/connection/app_alive.h"

#include "relay/base/allowed.h"
#include "relay/loop/timer.h"

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

/* How long a descriptor may be on its way. */
enum { MISSED_MS = 1000 };

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

static enum place look(const struct xs_app_alive *app_alive)
{
	long inode = read_inode(app_alive->pid, app_alive->fd);

	if (inode < 0 && errno != ENOENT && errno != ESRCH)
		return UNKNOWN;
	return inode > 0 && (ino_t)inode == app_alive->inode ? HERE : NOT_HERE;
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
	DIR *folder = xs_allowed(XS_CALL_FOLDERS) ? opendir("/proc") : NULL;

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
static bool look_everywhere(struct xs_app_alive *app_alive)
{
	bool found = false;

	pthread_mutex_lock(&view.lock);
	if ((!view.taken_at || xs_now_ms() - view.taken_at > VIEW_MS) &&
	    !view_all())
		found = true;
	for (size_t i = 0; i < view.count && !found; i++) {
		const struct holder *holder = &view.holder[i];

		if (holder->inode != app_alive->inode)
			continue;
		app_alive->pid = holder->pid;
		app_alive->fd = holder->fd;
		found = true;
	}
	pthread_mutex_unlock(&view.lock);
	return found;
}

bool xs_app_alive_check(struct xs_app_alive *app_alive)
{
	enum place place;

	if (app_alive->pid <= 0 || !xs_allowed(XS_CALL_LINKS) ||
	    access("/proc/self", F_OK) < 0)
		return true;
	place = look(app_alive);
	if (place == UNKNOWN)
		app_alive->pid = 0;
	if (place != NOT_HERE || look_everywhere(app_alive)) {
		app_alive->missed_at = 0;
		return true;
	}
	if (!app_alive->missed_at)
		app_alive->missed_at = xs_now_ms();
	return xs_now_ms() - app_alive->missed_at < MISSED_MS;
}
