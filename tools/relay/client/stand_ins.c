/* The relay's table of stand-ins; see stand_ins.h. */
#include "relay/client/stand_ins.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_stand_in_table *table;
static char handle_text[XS_SEGMENT_HANDLE_MAX];

void xs_stand_ins_lock(void)
{
	pthread_mutex_lock(&lock);
}

void xs_stand_ins_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* Held by a worker from now on: when it ends, so does the relay. */
static int hold(struct xs_stand_in_table *made)
{
	pthread_mutex_t *mutex = (pthread_mutex_t *)(void *)made->lock;
	pthread_mutexattr_t how;
	int error;

	_Static_assert(sizeof(*mutex) <= sizeof(made->lock),
		       "there is room for a mutex");
	pthread_mutexattr_init(&how);
	pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
	error = pthread_mutex_init(mutex, &how);
	pthread_mutexattr_destroy(&how);
	if (!error)
		error = pthread_mutex_lock(mutex);
#ifdef __GLIBC__
	made->lock_word = 0;
#else
	made->lock_word = 1; /* musl has the type in front of it */
#endif
	errno = error;
	return error || !xs_stand_in_is_alive(made) ? -1 : 0;
}

static int make_table(void)
{
	int number;
	struct xs_stand_in_table *made =
		xs_segment_make(sizeof(*made), &number);

	if (!made || hold(made) < 0)
		return -1;
	xs_segment_sign(&made->head, XS_STAND_IN_LAYOUT, number);
	xs_segment_write_handle(&made->head, number, handle_text);
	table = made;
	return 0;
}

int xs_stand_ins_handle(char handle[XS_SEGMENT_HANDLE_MAX],
			struct xs_error *err)
{
	int result = 0;

	xs_stand_ins_lock();
	if (!table && make_table() < 0)
		result = xs_error_set(err, XS_ERR_SYSTEM, EACCES,
				      "the relay has no shared memory for "
				      "stand-ins: shmget(2): %s",
				      xs_error_name(errno));
	else
		memcpy(handle, handle_text, sizeof(handle_text));
	xs_stand_ins_unlock();
	return result;
}

int xs_stand_ins_place(uint64_t cookie, const struct xs_address *asked,
		       struct xs_error *err)
{
	struct xs_stand_in entry;
	int place;

	if (xs_stand_in_find(table, cookie, asked, &entry) && !entry.errnum)
		return XS_STAND_INS_THERE;
	place = xs_stand_in_place(table, cookie, asked);
	if (place < 0)
		xs_error_set(err, XS_ERR_SYSTEM, ENOBUFS,
			     "the relay has no room for another peer (it has "
			     "%d)",
			     XS_STAND_INS);
	return place;
}

void xs_stand_ins_begin(int place, const struct xs_stand_in *entry)
{
	xs_stand_in_put(table, place, entry);
}

size_t xs_stand_ins_peers(uint64_t cookie, struct xs_address *peers,
			  size_t most)
{
	size_t count = 0;

	for (int i = 0; i < XS_STAND_INS && count < most; i++)
		if (table->slot[i].entry.cookie == cookie)
			peers[count++] = table->slot[i].entry.asked;
	return count;
}

uint64_t xs_stand_ins_sent(int place)
{
	return xs_stand_in_sent(table, place);
}

void xs_stand_ins_limit(int place, uint32_t limit)
{
	xs_stand_in_limit(table, place, limit);
}

void xs_stand_ins_end(int place, int errnum)
{
	struct xs_stand_in entry;

	xs_stand_ins_lock();
	entry = table->slot[place].entry;
	entry.errnum = errnum;
	entry.ended_ms = (uint64_t)xs_clock_coarse_ms();
	if (!errnum)
		entry = (struct xs_stand_in){ .cookie = 0 };
	xs_stand_in_put(table, place, &entry);
	xs_stand_ins_unlock();
}
