/* Whether an application's socket is there; see owner.h.
 *
 * An epoll set tells, which does not keep the socket.  When the last copy of it
 * is closed, the kernel takes it out of the set, before it frees the port
 * (__fput in fs/file_table.c).  A UDP socket is nearly always writable; where
 * it is not, fdinfo(5) of the set says whether there is something in it.
 */
#include "relay/client/owner.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct xs_owner {
	struct xs_owner *next;
	uint64_t cookie;
	unsigned count; /* of those who have it */
	int set;
	int guard;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_owner *first;

static struct xs_owner *find(uint64_t cookie)
{
	struct xs_owner *owner = first;

	while (owner && owner->cookie != cookie)
		owner = owner->next;
	return owner;
}

static int make_set(int socket)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	int set = epoll_create1(EPOLL_CLOEXEC);

	if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, socket, &event) == 0)
		return set;
	close(set);
	return -1;
}

static struct xs_owner *make(int socket, uint64_t cookie)
{
	struct xs_owner *owner = calloc(1, sizeof(*owner));

	if (!owner)
		return NULL;
	owner->cookie = cookie;
	owner->guard = -1;
	owner->set = make_set(socket);
	if (owner->set < 0) {
		free(owner);
		return NULL;
	}
	owner->next = first;
	first = owner;
	return owner;
}

struct xs_owner *xs_owner_get(int socket, struct xs_error *err)
{
	struct xs_owner *owner;
	socklen_t len = sizeof(owner->cookie);
	uint64_t cookie;

	if (getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0) {
		xs_error_set(err, XS_ERR_SYSTEM, EACCES,
			     "the kernel has no number for a socket: "
			     "SO_COOKIE: %s",
			     xs_error_name(errno));
		return NULL;
	}
	pthread_mutex_lock(&lock);
	owner = find(cookie);
	if (!owner)
		owner = make(socket, cookie);
	if (owner)
		owner->count++;
	else
		xs_error_set(err, XS_ERR_SYSTEM, errno,
			     "the relay cannot watch a socket: %s",
			     xs_error_name(errno));
	pthread_mutex_unlock(&lock);
	return owner;
}

void xs_owner_put(struct xs_owner *owner)
{
	struct xs_owner **at = &first;

	pthread_mutex_lock(&lock);
	if (--owner->count == 0) {
		while (*at != owner)
			at = &(*at)->next;
		*at = owner->next;
		if (owner->guard >= 0)
			close(owner->guard);
		close(owner->set);
		free(owner);
	}
	pthread_mutex_unlock(&lock);
}

int *xs_owner_guard(struct xs_owner *owner)
{
	return &owner->guard;
}

uint64_t xs_owner_cookie(const struct xs_owner *owner)
{
	return owner->cookie;
}

/* "tfd:" begins the line of what is in the set. */
static bool is_in_set(int set)
{
	char path[48], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", set);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = strncmp(line, "tfd:", 4) == 0;
	fclose(file);
	return found;
}

bool xs_owner_is_there(const struct xs_owner *owner)
{
	struct epoll_event event;
	int ready;

	do
		ready = epoll_wait(owner->set, &event, 1, 0);
	while (ready < 0 && errno == EINTR);
	return ready == 1 || is_in_set(owner->set);
}
