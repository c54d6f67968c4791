/* Which epoll sets watch a descriptor.
 *
 * A registration belongs to the open file and the number together (epoll(7)),
 * so when another socket takes a number's place, the set must be told: the old
 * registration is deleted, the same is added for the new socket.  What was
 * registered is known in two ways.  The epoll_ctl hook leaves hints, which are
 * cheap; a hint is never believed, the kernel confirms it when the old
 * registration is deleted.  And the kernel itself lists everything in
 * /proc/self/fdinfo, which is asked where the hints show that they do not know
 * enough, and where a set watches the descriptor that no hint names: then it
 * was told so by io_uring, say (epoll_sets.h).
 */
#ifndef XS_EPOLL_TRACK_H
#define XS_EPOLL_TRACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* Sets that one descriptor is moved in; more are left as they are. */
enum { XS_EPOLL_TRACK_MAX = 16 };

struct xs_epoll_track {
	int set;
	uint32_t events;
	uint64_t data;
};

/* The epoll_ctl hook: fd was added to, changed in, or deleted from the set.
 * errno is kept. */
void xs_epoll_track_note(int set, int operation, int fd,
			 const struct epoll_event *event);

/* Takes fd out of the sets that watch it.  Writes into left what to put back,
 * and returns how many. */
size_t xs_epoll_track_leave(int fd,
			    struct xs_epoll_track left[XS_EPOLL_TRACK_MAX]);

/* Puts fd, which is another socket by now, into those sets. */
void xs_epoll_track_join(int fd, const struct xs_epoll_track *left,
			 size_t count);

#endif
