/* The memory of the table of names; see names_memory.h.
 *
 * The surprising thing is mremap(2) in move(): it puts the copy where the table
 * was in one step, so that a thread that is reading finds the one or the other.
 */
#include "rules/names_memory.h"

#include "base/ids.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>
#ifndef __GLIBC__
#include <pthread.h>
#endif

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

struct xs_names_table *xs_names_table;

/* The table's user, its segment (-1: none), and the process whose memory this
 * is: 0 in a child that libc's fork did not make, which the kernel wipes; its
 * parent's in a vfork child. */
static uid_t user;
static int segment = -1;
static pid_t *process;

static char handle[XS_SEGMENT_HANDLE_MAX];
static unsigned moves;
static bool lost;

enum { SIZE = sizeof(struct xs_names_table) };

/* --- a new table ---------------------------------------------------------- */

static void *make_memory(int *number)
{
	void *map = xs_segment_make(SIZE, number);

	if (map)
		return map;
	*number = -1;
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	return map;
}

/* NULL when memory is short. */
static struct xs_names_table *make_table(int *number)
{
	struct xs_names_table *table = make_memory(number);

	if (!table)
		return NULL;
	xs_segment_sign(&table->head, XS_NAMES_LAYOUT, *number);
	return table;
}

static void write_handle(void)
{
	if (segment < 0)
		snprintf(handle, sizeof(handle), "0.0");
	else
		xs_segment_write_handle(&xs_names_table->head, segment, handle);
}

const char *xs_names_handle(void)
{
	return handle;
}

/* --- whose memory is it --------------------------------------------------- */

static void note_process(void)
{
	if (process)
		*process = getpid();
}

#ifdef __GLIBC__
/* What pthread_atfork(3) is in libc; the library has no handle to be unloaded
 * by. */
int __register_atfork(void (*prepare)(void), void (*parent)(void),
		      void (*child)(void), void *handle);
#endif

static void watch_forks(void)
{
	void *page = mmap(NULL, sizeof(*process), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return;
	madvise(page, sizeof(*process), MADV_WIPEONFORK);
	process = page;
	note_process();
#ifdef __GLIBC__
	__register_atfork(NULL, NULL, note_process, NULL);
#else
	pthread_atfork(NULL, NULL, note_process);
#endif
}

static bool is_borrowed(void)
{
	return process && *process && *process != getpid();
}

/* --- sharing ---------------------------------------------------------------
 */

bool xs_names_share(const char *handed_on, bool *made)
{
	int saved = errno;

	*made = false;
	if (handed_on)
		xs_names_table = xs_segment_attach(handed_on, SIZE,
						   XS_NAMES_LAYOUT, &segment);
	if (!xs_names_table) {
		*made = true;
		xs_names_table = make_table(&segment);
	}
	user = xs_ids_own_user();
	if (xs_names_table) {
		write_handle();
		watch_forks();
	}
	errno = saved;
	return xs_names_table;
}

/* --- another user -----------------------------------------------------------
 */

static bool is_user_given_up(void)
{
	uid_t id[XS_IDS];

	xs_ids_user(id);
	return id[XS_ID_REAL] != user && id[XS_ID_EFFECTIVE] != user &&
	       id[XS_ID_SAVED] != user;
}

/* Nothing of what others can write to is left, and nothing of the names.  Where
 * even that fails, "lost" is enough: nothing is connected any more. */
static void give_up(void)
{
	/* NOLINTNEXTLINE(leakReturnValNotUsed,bugprone-unused-return-value) */
	mmap(xs_names_table, SIZE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	segment = -1;
	lost = true;
}

static void move(void)
{
	int number;
	struct xs_names_table *copy = make_table(&number);

	if (copy) {
		xs_names_copy(copy, xs_names_table);
		if (mremap(copy, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   xs_names_table) != MAP_FAILED) {
			segment = number;
			return;
		}
		munmap(copy, SIZE);
	}
	give_up();
}

bool xs_names_follow_user(void)
{
	static bool moving;
	int saved = errno;
	bool is_other = xs_names_table && is_user_given_up() && !is_borrowed();

	if (is_other && !__atomic_exchange_n(&moving, true, __ATOMIC_ACQUIRE)) {
		__atomic_add_fetch(&moves, 1, __ATOMIC_SEQ_CST);
		move();
		user = xs_ids_own_user();
		write_handle();
		__atomic_add_fetch(&moves, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&moving, false, __ATOMIC_RELEASE);
	}
	errno = saved;
	return is_other;
}

bool xs_names_are_lost(void)
{
	return lost;
}

unsigned xs_names_moves(void)
{
	return __atomic_load_n(&moves, __ATOMIC_SEQ_CST);
}
