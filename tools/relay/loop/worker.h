/* A worker: one thread, one epoll set, and the connections that it owns.
 *
 * What a worker owns is touched by its thread alone, so nothing on the data
 * path takes a lock.  Other threads speak to it by messages.
 */
#ifndef XS_WORKER_H
#define XS_WORKER_H

#include "relay/base/buffers.h"
#include "relay/loop/spin.h"
#include "relay/loop/timer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct xs_worker;

/* What an epoll event leads to: part of the thing that owns a descriptor. */
struct xs_source {
	void (*event)(struct xs_source *source, uint32_t events);
};

/* Work for later, of the worker's own thread; part of the thing that wants
 * it. */
struct xs_task {
	struct xs_task *next;
	bool queued;
	void (*run)(struct xs_task *task);
};

/* Work from another thread. */
struct xs_message {
	struct xs_message *next;
	void (*deliver)(struct xs_worker *worker, struct xs_message *message);
};

/* Bytes of applications, written by one thread. */
struct xs_traffic {
	_Atomic uint64_t sent, received;
};

/* Adds to a number that no other thread writes: no locked instruction. */
static inline void xs_traffic_add(_Atomic uint64_t *number, uint64_t more)
{
	atomic_store_explicit(
		number,
		atomic_load_explicit(number, memory_order_relaxed) + more,
		memory_order_relaxed);
}

struct xs_worker {
	pthread_t thread;
	int epoll_fd;
	int wake_fd; /* eventfd: messages wait */
	int listen_fd;
	struct xs_source wake;
	struct xs_source listener;
	struct xs_spin spin;
	bool soon; /* somebody is to answer at once; until the next wait */
	struct xs_timers timers;
	struct xs_timer spares; /* handshake.c: those of TLS get old */
	struct xs_task *tasks, **tasks_end;
	struct xs_buffers *buffers;
	bool stop;

	/* What its connections have carried; others only read it. */
	struct xs_traffic traffic;

	atomic_int load; /* connections; others compare it with theirs */

	pthread_mutex_t lock; /* of messages */
	struct xs_message *messages, **messages_end;
};

/* Serves fd, a control connection that was accepted and counted (lifetime.h):
 * closes it and takes it off the count in any case. */
typedef void xs_worker_serve(struct xs_worker *worker, int fd);

/* Gives a descriptor back that can be done without; false: there is none. */
typedef bool xs_worker_give_way(void);

/* Starts count workers that accept from listen_fd, and serve what they have
 * accepted.  Returns 0, or -1 with errno and none running. */
int xs_workers_start(int count, int listen_fd, xs_worker_serve *serve,
		     xs_worker_give_way *give_way);

/* Ends them; what they own must be gone. */
void xs_workers_stop(void);

/* Hands fd, a control connection that was accepted and counted, to the worker
 * with the fewest connections.  Any thread.  False when memory is short; fd
 * stays the caller's then. */
bool xs_workers_give(int fd);

/* What the connections of all workers have carried.  Any thread. */
void xs_workers_traffic(uint64_t *sent, uint64_t *received);

/* How many there are; the one of that number, from 0.  Any thread. */
int xs_workers_count(void);
struct xs_worker *xs_workers_get(int number);

/* Has message delivered on the worker's thread.  Any thread. */
void xs_worker_post(struct xs_worker *worker, struct xs_message *message);

/* The rest is for the worker's own thread. */

/* Adds, changes, removes fd in the epoll set.  0, or -1 with errno. */
int xs_worker_watch(struct xs_worker *worker, int fd, uint32_t events,
		    struct xs_source *source);
int xs_worker_rewatch(struct xs_worker *worker, int fd, uint32_t events,
		      struct xs_source *source);
void xs_worker_unwatch(struct xs_worker *worker, int fd);

/* Runs task after the events at hand, before the worker sleeps.  Once queued
 * it stays so; changing task->run until then is allowed.  This is also how a
 * thing is freed: events for it may be at hand, too. */
void xs_worker_later(struct xs_worker *worker, struct xs_task *task);

/* Sets timer to expire in so many milliseconds. */
void xs_worker_timer(struct xs_worker *worker, struct xs_timer *timer,
		     int64_t milliseconds);

/* The structure that member lies in. */
#define xs_container(pointer, type, member)                                    \
	((type *)((char *)(pointer)-offsetof(type, member)))

#endif
