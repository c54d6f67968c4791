/* Tests: tools/relay/loop/pool.c.
 *
 * Work that never ends takes one thread, and holds up no other work. */
#include "relay/loop/pool.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MOST = 4 };

static struct xs_pool pool = XS_POOL(pool, MOST);
static atomic_int begun, done;
static sem_t go_on;

static void wait_long(struct xs_work *work)
{
	(void)work;
	atomic_fetch_add(&begun, 1);
	sem_wait(&go_on);
	atomic_fetch_add(&done, 1);
}

static void count(struct xs_work *work)
{
	(void)work;
	atomic_fetch_add(&done, 1);
}

/* Within ten seconds. */
static bool becomes(atomic_int *number, int expected)
{
	for (int i = 0; i < 1000 && atomic_load(number) != expected; i++)
		usleep(10000);
	return atomic_load(number) == expected;
}

/* Given at once, so that the idle thread has not taken the first yet. */
Test(relay_pool, stuck_work_holds_up_nobody, .timeout = 60)
{
	struct xs_work first = { .run = count };
	struct xs_work stuck[MOST - 1], quick = { .run = count };

	cr_assert_eq(sem_init(&go_on, 0, 0), 0);
	cr_assert(xs_pool_give(&pool, &first));
	cr_assert(becomes(&done, 1));
	for (int i = 0; i < MOST - 1; i++) {
		stuck[i].run = wait_long;
		cr_assert(xs_pool_give(&pool, &stuck[i]));
	}
	cr_assert(xs_pool_give(&pool, &quick));
	cr_assert(becomes(&done, 2));
	cr_assert(becomes(&begun, MOST - 1));
	for (int i = 0; i < MOST - 1; i++)
		sem_post(&go_on);
	cr_assert(xs_pool_stop(&pool));
	cr_assert_eq(atomic_load(&done), MOST + 1);
}

/* No more threads than it may have; what waits can be taken back. */
Test(relay_pool, all_stuck, .timeout = 60)
{
	struct xs_work stuck[MOST], later[3];

	cr_assert_eq(sem_init(&go_on, 0, 0), 0);
	for (int i = 0; i < MOST; i++) {
		stuck[i].run = wait_long;
		cr_assert(xs_pool_give(&pool, &stuck[i]));
	}
	cr_assert(becomes(&begun, MOST));
	for (int i = 0; i < 3; i++) {
		later[i].run = count;
		cr_assert(xs_pool_give(&pool, &later[i]));
	}
	cr_assert_eq(pool.threads, MOST);
	cr_assert(xs_pool_take_back(&pool, &later[2]));
	cr_assert(xs_pool_take_back(&pool, &later[0]));
	cr_assert_not(xs_pool_take_back(&pool, &later[0]));
	cr_assert_not(xs_pool_take_back(&pool, &stuck[0]));
	cr_assert_not(xs_pool_stop(&pool), "one cannot be ended");
	for (int i = 0; i < MOST; i++)
		sem_post(&go_on);
	cr_assert(xs_pool_stop(&pool));
	cr_assert_eq(atomic_load(&done), MOST + 1);
}
