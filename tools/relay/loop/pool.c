/* Threads that may wait; see pool.h. */
#include "relay/loop/pool.h"

#include "relay/base/forget.h"

#include <errno.h>
#include <time.h>

enum { IDLE_SECONDS = 10 };

/* Takes what *at points to out of the queue.  With the lock. */
static struct xs_work *take(struct xs_pool *pool, struct xs_work **at)
{
	struct xs_work *work = *at;

	*at = work->next;
	if (!*at)
		pool->end = at;
	pool->waiting--;
	return work;
}

/* The next work; NULL when there was none for a while.  With the lock. */
static struct xs_work *next_work(struct xs_pool *pool)
{
	struct timespec until;
	int waited = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += IDLE_SECONDS;
	pool->idle++;
	while (!pool->first && !pool->stopping && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&pool->changed, &pool->lock,
						&until);
	pool->idle--;
	return pool->first ? take(pool, &pool->first) : NULL;
}

static void *run_thread(void *argument)
{
	struct xs_pool *pool = argument;
	struct xs_work *work;

	pthread_mutex_lock(&pool->lock);
	while ((work = next_work(pool))) {
		pthread_mutex_unlock(&pool->lock);
		work->run(work);
		xs_forget_stack();
		pthread_mutex_lock(&pool->lock);
	}
	pool->threads--;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Makes sure that somebody takes one more: an idle thread takes one, and may
 * not come back from it.  With the lock. */
static bool have_thread(struct xs_pool *pool)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	if (pool->waiting < pool->idle || pool->threads >= pool->most)
		return true;
	if (pthread_attr_init(&attributes))
		return pool->threads > 0;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attributes, run_thread, pool);
	pthread_attr_destroy(&attributes);
	if (!error)
		pool->threads++;
	return pool->threads > 0;
}

bool xs_pool_give(struct xs_pool *pool, struct xs_work *work)
{
	bool served;

	work->next = NULL;
	pthread_mutex_lock(&pool->lock);
	served = have_thread(pool);
	if (served) {
		*pool->end = work;
		pool->end = &work->next;
		pool->waiting++;
		pthread_cond_signal(&pool->changed);
	}
	pthread_mutex_unlock(&pool->lock);
	return served;
}

bool xs_pool_take_back(struct xs_pool *pool, const struct xs_work *work)
{
	struct xs_work **at = &pool->first;
	bool found;

	pthread_mutex_lock(&pool->lock);
	while (*at && *at != work)
		at = &(*at)->next;
	found = *at;
	if (found)
		take(pool, at);
	pthread_mutex_unlock(&pool->lock);
	return found;
}

bool xs_pool_stop(struct xs_pool *pool)
{
	struct timespec until;
	int waited = 0;
	bool stopped;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 1;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->changed);
	while (pool->threads > 0 && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&pool->changed, &pool->lock,
						&until);
	stopped = pool->threads == 0;
	pthread_mutex_unlock(&pool->lock);
	return stopped;
}
