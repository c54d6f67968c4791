/* A worker's loop; see worker.h.
 *
 * All workers listen, and the kernel wakes one of them for a connect
 * (EPOLLEXCLUSIVE).  It keeps the connection unless it already has more than
 * the idlest worker: a handful of long transfers must not end up on one
 * thread, while a lone short one should not pay for waking another.
 *
 * The surprising thing: whatever an event's handler wants to free, it frees
 * in a task, after the batch of events, because a later event of the same
 * batch may still point to it.
 */
#include "relay/loop/worker.h"

#include "relay/base/forget.h"
#include "relay/loop/lifetime.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WORKERS_MAX = 64,
	EVENTS_MAX = 64,
	/* Connections more than the idlest worker has, until they go there. */
	IMBALANCE = 2,
};

static struct xs_worker *workers;
static int workers_count;
static xs_worker_serve *serve_accepted;
static xs_worker_give_way *make_way;

int xs_worker_watch(struct xs_worker *worker, int fd, uint32_t events,
		    struct xs_source *source)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int xs_worker_rewatch(struct xs_worker *worker, int fd, uint32_t events,
		      struct xs_source *source)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void xs_worker_unwatch(struct xs_worker *worker, int fd)
{
	epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void xs_worker_later(struct xs_worker *worker, struct xs_task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*worker->tasks_end = task;
	worker->tasks_end = &task->next;
}

void xs_worker_timer(struct xs_worker *worker, struct xs_timer *timer,
		     int64_t milliseconds)
{
	xs_timer_set(&worker->timers, timer, xs_now_ms() + milliseconds);
}

void xs_worker_post(struct xs_worker *worker, struct xs_message *message)
{
	const uint64_t one = 1;
	bool first;

	message->next = NULL;
	pthread_mutex_lock(&worker->lock);
	first = !worker->messages;
	*worker->messages_end = message;
	worker->messages_end = &message->next;
	pthread_mutex_unlock(&worker->lock);
	if (first && write(worker->wake_fd, &one, sizeof(one)) < 0)
		return; /* its counter is full: it is awake */
}

static void take_messages(struct xs_source *source, uint32_t events)
{
	struct xs_worker *worker = xs_container(source, struct xs_worker, wake);
	struct xs_message *message;
	uint64_t count;

	(void)events;
	if (read(worker->wake_fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&worker->lock);
	message = worker->messages;
	worker->messages = NULL;
	worker->messages_end = &worker->messages;
	pthread_mutex_unlock(&worker->lock);
	while (message) {
		struct xs_message *next = message->next;

		message->deliver(worker, message);
		message = next;
	}
}

static struct xs_worker *find_idlest(void)
{
	struct xs_worker *idlest = &workers[0];

	for (int i = 1; i < workers_count; i++)
		if (atomic_load_explicit(&workers[i].load,
					 memory_order_relaxed) <
		    atomic_load_explicit(&idlest->load, memory_order_relaxed))
			idlest = &workers[i];
	return idlest;
}

struct given {
	struct xs_message message;
	int fd;
};

static void take_given(struct xs_worker *worker, struct xs_message *message)
{
	struct given *given = xs_container(message, struct given, message);

	serve_accepted(worker, given->fd);
	free(given);
}

static bool give(struct xs_worker *worker, int fd)
{
	struct given *given = malloc(sizeof(*given));

	if (!given)
		return false;
	given->fd = fd;
	given->message.deliver = take_given;
	xs_worker_post(worker, &given->message);
	return true;
}

bool xs_workers_give(int fd)
{
	return give(find_idlest(), fd);
}

int xs_workers_count(void)
{
	return workers_count;
}

struct xs_worker *xs_workers_get(int number)
{
	return &workers[number];
}

/* Accepts one: the listener is level-triggered, and others may want the
 * next.  Being counted before accept(2) is what keeps the relay from leaving
 * in between (lifetime.h). */
static void accept_one(struct xs_source *source, uint32_t events)
{
	struct xs_worker *worker =
		xs_container(source, struct xs_worker, listener);
	struct xs_worker *idlest = find_idlest();
	int fd;

	(void)events;
	worker->soon = true; /* the request is being written */
	xs_lifetime_enter();
	/* accept(2) takes NULL.  NOLINTNEXTLINE(nullPointer) */
	fd = accept4(worker->listen_fd, NULL, NULL,
		     SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		xs_lifetime_leave();
		/* Short of descriptors: the connect waits in the queue. */
		if ((errno == EMFILE || errno == ENFILE) && !make_way())
			usleep(1000);
		return;
	}
	if (atomic_load(&worker->load) <
		    atomic_load(&idlest->load) + IMBALANCE ||
	    !give(idlest, fd))
		serve_accepted(worker, fd);
}

static void run_tasks(struct xs_worker *worker)
{
	struct xs_task *task = worker->tasks;

	/* Those that are queued from now on have their turn after the next
	 * look at the sockets. */
	worker->tasks = NULL;
	worker->tasks_end = &worker->tasks;
	while (task) {
		struct xs_task *next = task->next;

		task->queued = false;
		task->run(task);
		task = next;
	}
}

/* So much at once is a transfer, which does not wait for the next event. */
enum { TRANSFER = 16 * 1024 };

/* Waits until something happens. */
static int wait_for_events(struct xs_worker *worker,
			   struct epoll_event events[EVENTS_MAX])
{
	bool actively = worker->soon && worker->buffers->moved <= TRANSFER;
	int timeout = -1;

	worker->soon = false;
	worker->buffers->moved = 0;
	if (worker->tasks)
		timeout = 0;
	else if (worker->timers.first)
		timeout = xs_timers_wait(&worker->timers, xs_now_ms());
	if (actively)
		return xs_spin_wait(&worker->spin, worker->epoll_fd, events,
				    EVENTS_MAX, timeout);
	return epoll_wait(worker->epoll_fd, events, EVENTS_MAX, timeout);
}

static void *run_worker(void *argument)
{
	struct xs_worker *worker = argument;
	struct epoll_event events[EVENTS_MAX];

	prctl(PR_SET_NAME, "xsock-worker");
	while (!worker->stop) {
		int count = wait_for_events(worker, events);

		/* A seccomp filter that the relay has from the program that
		 * started it: it cannot work, and must not go round. */
		if (count < 0 && errno != EINTR)
			_exit(EXIT_FAILURE);
		for (int i = 0; i < count; i++) {
			struct xs_source *source = events[i].data.ptr;

			source->event(source, events[i].events);
		}
		if (worker->timers.first)
			xs_timers_run(&worker->timers, xs_now_ms());
		run_tasks(worker);
		xs_forget_stack();
	}
	return NULL;
}

static void close_worker(struct xs_worker *worker)
{
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	free(worker->buffers);
	pthread_mutex_destroy(&worker->lock);
}

static int open_worker(struct xs_worker *worker, int listen_fd)
{
	memset(worker, 0, sizeof(*worker));
	pthread_mutex_init(&worker->lock, NULL);
	worker->tasks_end = &worker->tasks;
	worker->messages_end = &worker->messages;
	worker->wake.event = take_messages;
	worker->listener.event = accept_one;
	worker->listen_fd = listen_fd;
	worker->buffers = calloc(1, sizeof(*worker->buffers));
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!worker->buffers || worker->epoll_fd < 0 || worker->wake_fd < 0 ||
	    xs_worker_watch(worker, worker->wake_fd, EPOLLIN, &worker->wake) <
		    0 ||
	    xs_worker_watch(worker, listen_fd, EPOLLIN | EPOLLEXCLUSIVE,
			    &worker->listener) < 0) {
		close_worker(worker);
		return -1;
	}
	return 0;
}

int xs_workers_start(int count, int listen_fd, xs_worker_serve *serve,
		     xs_worker_give_way *give_way)
{
	int error;

	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	serve_accepted = serve;
	make_way = give_way;
	xs_spin_prepare();
	workers = calloc((size_t)count, sizeof(*workers));
	if (!workers)
		return -1;
	/* All are open before one runs, because each looks at all. */
	for (int i = 0; i < count; i++) {
		if (open_worker(&workers[i], listen_fd) < 0) {
			while (i-- > 0)
				close_worker(&workers[i]);
			free(workers);
			return -1;
		}
	}
	workers_count = count;
	for (int i = 0; i < count; i++) {
		error = pthread_create(&workers[i].thread, NULL, run_worker,
				       &workers[i]);
		if (error && i == 0) {
			errno = error;
			return -1;
		}
		if (error) {
			/* Fewer than wanted; the others stay unused. */
			workers_count = i;
			break;
		}
	}
	return 0;
}

void xs_workers_traffic(uint64_t *sent, uint64_t *received)
{
	*sent = *received = 0;
	for (int i = 0; i < workers_count; i++) {
		*sent += atomic_load_explicit(&workers[i].traffic.sent,
					      memory_order_relaxed);
		*received += atomic_load_explicit(&workers[i].traffic.received,
						  memory_order_relaxed);
	}
}

static void stop_one(struct xs_worker *worker, struct xs_message *message)
{
	(void)message;
	worker->stop = true;
}

void xs_workers_stop(void)
{
	static struct xs_message stop[WORKERS_MAX];

	for (int i = 0; i < workers_count; i++) {
		stop[i].deliver = stop_one;
		xs_worker_post(&workers[i], &stop[i]);
	}
	for (int i = 0; i < workers_count; i++)
		pthread_join(workers[i].thread, NULL);
	for (int i = 0; i < workers_count; i++)
		close_worker(&workers[i]);
	free(workers);
	workers = NULL;
	workers_count = 0;
}
