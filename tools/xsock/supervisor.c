/* The threads of the supervisor; see supervisor.h.
 *
 * Each thread takes a call, answers it and takes the next.  One that has taken
 * a call makes sure that another waits for the next one, because the answer to
 * a connect may take as long as the network does.  So no process waits for
 * another one's connect.
 *
 * The main thread watches: that there are processes left, and that whoever
 * waits for an answer still does.  A signal handler may have run in the
 * program, or the program may be dead.  Then the thread that works for it is
 * woken.
 */
#include "xsock/supervisor.h"

#include "xsock/notify.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	THREADS_MAX = 4096,
	IDLE_MAX = 8,	   /* threads that wait for a call */
	WATCH_MS = 100,	   /* how late a thread is woken */
	STACK = 256 * 1024 /* of a thread */
};

/* Newer than some headers. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1UL
#endif

/* A thread, and what it works for. */
struct worker {
	pthread_mutex_t lock;
	bool used;
	pthread_t thread;
	const struct xs_notify *at; /* NULL: it waits for a call */
};

static struct worker workers[THREADS_MAX] = {
	[0 ... THREADS_MAX - 1] = { .lock = PTHREAD_MUTEX_INITIALIZER },
};
static int idle;
static int listener;

/* Is the main thread watching, and what wakes it to do so. */
static bool watching;
static int begin_watch = -1;

static void *work(void *with);

/* --- the threads ---------------------------------------------------------- */

static bool begin_worker(struct worker *worker)
{
	pthread_attr_t attributes;
	bool done;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	__atomic_add_fetch(&idle, 1, __ATOMIC_RELAXED);
	done = pthread_create(&worker->thread, &attributes, work, worker) == 0;
	pthread_attr_destroy(&attributes);
	worker->used = done;
	if (!done)
		__atomic_sub_fetch(&idle, 1, __ATOMIC_RELAXED);
	return done;
}

/* Where there are no more threads to be had, a call waits for the next one that
 * is done. */
static bool add_worker(void)
{
	bool done = false, tried = false;

	for (int i = 0; i < THREADS_MAX && !tried; i++) {
		pthread_mutex_lock(&workers[i].lock);
		if (!workers[i].used) {
			done = begin_worker(&workers[i]);
			tried = true;
		}
		pthread_mutex_unlock(&workers[i].lock);
	}
	return done;
}

static void set_at(struct worker *worker, const struct xs_notify *n)
{
	pthread_mutex_lock(&worker->lock);
	worker->at = n;
	pthread_mutex_unlock(&worker->lock);
}

/* A call is about to be answered, which may wait. */
static void ask_for_watch(void)
{
	const uint64_t one = 1;

	if (!__atomic_exchange_n(&watching, true, __ATOMIC_SEQ_CST) &&
	    write(begin_watch, &one, sizeof(one)) < 0)
		abort(); /* no such error is possible */
}

/* Takes a call.  False when that one is not to be had any more. */
static bool take(struct xs_notify *n)
{
	struct seccomp_notif call;

	memset(&call, 0, sizeof(call));
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return false;
	*n = (struct xs_notify){ .listener = listener,
				 .id = call.id,
				 .thread = (pid_t)call.pid,
				 .process = -1,
				 .fd = -1 };
	xs_notify_read_call(n, &call.data);
	return true;
}

static void give_answer(struct xs_notify *n)
{
	struct seccomp_notif_resp answer = { .id = n->id };
	bool told;

	if (n->pass)
		answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (n->errnum)
		answer.error = -n->errnum;
	told = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0;
	if (n->call == SYS_connect)
		xs_notify_again_end(n, told);
}

static void serve(struct worker *worker)
{
	struct xs_notify n;

	if (!take(&n))
		return;
	set_at(worker, &n);
	if (__atomic_sub_fetch(&idle, 1, __ATOMIC_RELAXED) == 0)
		add_worker();
	if (xs_notify_may_wait(&n))
		ask_for_watch();
	xs_notify_answer(&n);
	/* The program may close its own, and have the last. */
	xs_notify_close(&n);
	give_answer(&n);
	set_at(worker, NULL);
	__atomic_add_fetch(&idle, 1, __ATOMIC_RELAXED);
}

static void *work(void *with)
{
	struct worker *worker = with;

	while (__atomic_load_n(&idle, __ATOMIC_RELAXED) <= IDLE_MAX)
		serve(worker);
	xs_notify_forget_process();
	__atomic_sub_fetch(&idle, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&worker->lock);
	worker->used = false;
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

/* --- the watch ------------------------------------------------------------ */

static void on_wake(int signal)
{
	(void)signal;
}

/* What the thread is at stays as long as its lock is held. */
static void watch_one(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	if (worker->used && worker->at && !xs_notify_is_valid(worker->at))
		pthread_kill(worker->thread, SIGUSR1);
	pthread_mutex_unlock(&worker->lock);
}

/* Returns whether there is any to watch. */
static bool watch_all(void)
{
	bool any = false;

	for (int i = 0; i < THREADS_MAX; i++) {
		if (!__atomic_load_n(&workers[i].at, __ATOMIC_RELAXED))
			continue;
		watch_one(&workers[i]);
		any = true;
	}
	return any;
}

/* Until nobody is left. */
static void watch(void)
{
	struct pollfd ready[] = { { .fd = listener },
				  { .fd = begin_watch, .events = POLLIN } };
	uint64_t unused;
	int limit = -1;

	for (;;) {
		int got = poll(ready, 2, limit);

		if (got > 0 && (ready[0].revents & (POLLHUP | POLLERR)))
			return;
		if (got > 0 && ready[1].revents &&
		    read(begin_watch, &unused, sizeof(unused)) > 0)
			limit = WATCH_MS;
		if (got != 0)
			continue;
		/* One that comes behind this asks again. */
		__atomic_store_n(&watching, false, __ATOMIC_SEQ_CST);
		if (watch_all())
			__atomic_store_n(&watching, true, __ATOMIC_SEQ_CST);
		else
			limit = -1;
	}
}

void xs_supervisor_run(int fd)
{
	/* Without SA_RESTART: it ends a wait. */
	const struct sigaction wake = { .sa_handler = on_wake };

	listener = fd;
	begin_watch = eventfd(0, EFD_CLOEXEC);
	sigaction(SIGUSR1, &wake, NULL);
	/* Who waits is run at once; before Linux 6.6, soon. */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
	      SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	if (begin_watch >= 0 && add_worker())
		watch();
	for (;;)
		syscall(SYS_exit_group, 0);
}
