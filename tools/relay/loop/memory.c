/* Gives free pages back to the kernel; see memory.h.
 *
 * malloc_trim(3) goes through all arenas (glibc 2.8 and later) and holds the
 * lock of each for as long as it looks at that one.  A worker that allocates
 * meanwhile waits for so long.
 */
#include "relay/loop/memory.h"

#include "relay/loop/timer.h"

#include <malloc.h>
#include <stdatomic.h>

enum {
	/* Some 45 KB each where a handshake was under way: 3 MB. */
	ENDED_MIN = 64,
	SETTLE_MS = 500,
	/* At most this often. */
	APART_MS = 5000,
};

static atomic_uint ended; /* since memory was given back */
/* The main thread's own: when the first look was, and the last time; 0: not
 * yet. */
static int64_t seen_ms, last_ms;

bool xs_memory_ended(void)
{
	return atomic_fetch_add(&ended, 1) + 1 == ENDED_MIN;
}

int xs_memory_due(void)
{
	int64_t now = xs_now_ms(), due;

	if (atomic_load(&ended) < ENDED_MIN)
		return -1;
	if (!seen_ms)
		seen_ms = now;
	due = seen_ms + SETTLE_MS;
	if (last_ms && due < last_ms + APART_MS)
		due = last_ms + APART_MS;
	return due > now ? (int)(due - now) : 0;
}

void xs_memory_give_back(void)
{
	atomic_store(&ended, 0);
	seen_ms = 0;
	malloc_trim(0);
	last_ms = xs_now_ms();
}
