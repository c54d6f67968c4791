/* From the id of a connection to its TCP socket; see registry.h.
 *
 * Ids are random, so they are their own hash.  Two connections may have the
 * same id when they come from different network namespaces, where names are
 * unique only by themselves: the inode tells them apart.
 */
#include "relay/client/registry.h"

#include <pthread.h>
#include <stddef.h>

enum { BUCKETS = 8192, LOCKS = 64 };

static struct xs_registered *bucket[BUCKETS];
static pthread_mutex_t lock[LOCKS] = { [0 ... LOCKS - 1] =
					       PTHREAD_MUTEX_INITIALIZER };

static pthread_mutex_t *lock_of(uint32_t id)
{
	return &lock[id % LOCKS];
}

void xs_registry_add(struct xs_registered *registered)
{
	struct xs_registered **first = &bucket[registered->id % BUCKETS];

	pthread_mutex_lock(lock_of(registered->id));
	registered->next = *first;
	*first = registered;
	pthread_mutex_unlock(lock_of(registered->id));
}

void xs_registry_remove(struct xs_registered *registered)
{
	struct xs_registered **at = &bucket[registered->id % BUCKETS];

	pthread_mutex_lock(lock_of(registered->id));
	while (*at && *at != registered)
		at = &(*at)->next;
	if (*at)
		*at = registered->next;
	pthread_mutex_unlock(lock_of(registered->id));
}

void xs_registry_set_fd(struct xs_registered *registered, int tcp_fd)
{
	pthread_mutex_lock(lock_of(registered->id));
	registered->tcp_fd = tcp_fd;
	pthread_mutex_unlock(lock_of(registered->id));
}

bool xs_registry_use(uint32_t id, dev_t device, ino_t inode,
		     void (*use)(struct xs_registered *registered, void *with),
		     void *with)
{
	struct xs_registered *at;

	pthread_mutex_lock(lock_of(id));
	for (at = bucket[id % BUCKETS]; at; at = at->next)
		if (at->id == id && at->device == device && at->inode == inode)
			break;
	if (at)
		use(at, with);
	pthread_mutex_unlock(lock_of(id));
	return at != NULL;
}

void xs_registry_change(struct xs_registered *registered,
			void (*change)(struct xs_registered *registered,
				       const void *with),
			const void *with)
{
	pthread_mutex_lock(lock_of(registered->id));
	change(registered, with);
	pthread_mutex_unlock(lock_of(registered->id));
}

/* The same for one bucket, whose number is an id that belongs there. */
static bool each_of(struct xs_registry_place *place,
		    bool (*visit)(struct xs_registered *registered,
				  const struct xs_registry_place *behind,
				  void *with),
		    void *with)
{
	struct xs_registered *at;
	uint32_t index = 0;
	bool goes_on = true;

	pthread_mutex_lock(lock_of(place->bucket));
	for (at = bucket[place->bucket]; at && goes_on; at = at->next) {
		struct xs_registry_place behind = { place->bucket, index + 1 };

		if (index++ < place->index)
			continue;
		goes_on = visit(at, &behind, with);
		if (goes_on)
			*place = behind;
	}
	pthread_mutex_unlock(lock_of(place->bucket));
	return goes_on;
}

bool xs_registry_each(struct xs_registry_place *place,
		      bool (*visit)(struct xs_registered *registered,
				    const struct xs_registry_place *behind,
				    void *with),
		      void *with)
{
	while (place->bucket < BUCKETS) {
		if (!each_of(place, visit, with))
			return false;
		place->bucket++;
		place->index = 0;
	}
	return true;
}
