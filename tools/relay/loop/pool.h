/* A few threads for what may wait long: names, files.
 *
 * A worker must not wait, so it gives such work to a pool.  The threads are
 * started on demand, and leave when there is nothing to do.  There are never
 * more than so many: work that waits for ever takes one of them away, and not
 * the machine's memory.
 */
#ifndef XS_POOL_H
#define XS_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Part of the thing that is to be done. */
struct xs_work {
	struct xs_work *next;
	void (*run)(struct xs_work *work); /* may free it */
};

struct xs_pool {
	int most; /* threads */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct xs_work *first, **end; /* not begun */
	int waiting;		      /* how many that are */
	int threads, idle;
	bool stopping;
};

/* An initializer of the static variable pool. */
#define XS_POOL(pool, threads_most)                                            \
	{                                                                      \
		.most = (threads_most), .lock = PTHREAD_MUTEX_INITIALIZER,     \
		.changed = PTHREAD_COND_INITIALIZER, .end = &(pool).first      \
	}

/* Has a thread of the pool run work.  False when there is none to be had.  Any
 * thread. */
bool xs_pool_give(struct xs_pool *pool, struct xs_work *work);

/* Takes work back that has been given and may not have been begun.  False: it
 * has.  Any thread. */
bool xs_pool_take_back(struct xs_pool *pool, const struct xs_work *work);

/* Lets the threads leave, at the end of the program, and waits for a second.
 * False when one is still at work, which cannot be ended. */
bool xs_pool_stop(struct xs_pool *pool);

#endif
