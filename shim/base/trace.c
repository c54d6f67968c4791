/* The ring of events; see trace.h.
 *
 * Each slot has a number that says whose turn it is (D. Vyukov's bounded
 * queue): its position, when a writer may fill it; one more, when the reader
 * may take it.  A writer that is killed while it fills a slot leaves it without
 * its turn; the reader passes it by when others behind it have been waiting.
 */
#include "base/trace.h"

#include <errno.h>
#include <string.h>
#include <sys/shm.h>

struct slot {
	xs_segment_u64 turn;
	struct xs_trace_event event;
};

struct xs_trace_ring {
	struct xs_segment_head head; /* LAYOUT */
	xs_segment_u64 next;	     /* where the next event goes */
	xs_segment_u64 lost;
	struct slot slot[XS_TRACE_EVENTS];
};

#define LAYOUT 0x7873747261636501U

struct xs_trace_ring *xs_trace_ring;

static int segment = -1;

/* Where the reader is; not where a writer could change it. */
static uint64_t tail;

/* --- sharing -------------------------------------------------------------- */

int xs_trace_make(char handle[XS_SEGMENT_HANDLE_MAX])
{
	struct xs_trace_ring *ring = xs_segment_make(sizeof(*ring), &segment);

	if (!ring)
		return -1;
	for (uint64_t i = 0; i < XS_TRACE_EVENTS; i++)
		ring->slot[i].turn = i;
	xs_segment_sign(&ring->head, LAYOUT, segment);
	xs_segment_write_handle(&ring->head, segment, handle);
	xs_trace_ring = ring;
	return 0;
}

void xs_trace_attach(const char *handle)
{
	int saved = errno, number;

	if (handle && !xs_trace_ring)
		xs_trace_ring = xs_segment_attach(
			handle, sizeof(struct xs_trace_ring), LAYOUT, &number);
	errno = saved;
}

unsigned xs_trace_attached(void)
{
	struct shmid_ds state;

	return shmctl(segment, IPC_STAT, &state) == 0
		       ? (unsigned)state.shm_nattch
		       : 0;
}

/* --- events --------------------------------------------------------------- */

/* The slot for the next event and its position; NULL: the ring is full.  Each
 * try that is in vain means that another writer got one; if that does not end,
 * somebody has broken the ring. */
static struct slot *claim(struct xs_trace_ring *ring, uint64_t *position)
{
	uint64_t at = __atomic_load_n(&ring->next, __ATOMIC_RELAXED);

	for (unsigned tries = 0; tries < XS_TRACE_EVENTS; tries++) {
		struct slot *slot = &ring->slot[at % XS_TRACE_EVENTS];
		uint64_t turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);

		if (turn < at)
			return NULL;
		if (turn > at) {
			at = __atomic_load_n(&ring->next, __ATOMIC_RELAXED);
			continue;
		}
		if (__atomic_compare_exchange_n(&ring->next, &at, at + 1, true,
						__ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			*position = at;
			return slot;
		}
	}
	return NULL;
}

void xs_trace_put(const struct xs_trace_event *event)
{
	uint64_t at = 0;
	struct slot *slot = claim(xs_trace_ring, &at);

	if (!slot) {
		__atomic_add_fetch(&xs_trace_ring->lost, 1, __ATOMIC_RELAXED);
		return;
	}
	slot->event = *event;
	/* Only if it is still this writer's: one that was stopped for long may
	 * have been passed by. */
	__atomic_compare_exchange_n(&slot->turn, &at, at + 1, false,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

static bool is_passed_by(const struct xs_trace_ring *ring)
{
	return __atomic_load_n(&ring->next, __ATOMIC_RELAXED) >=
	       tail + XS_TRACE_EVENTS / 2;
}

/* A writer may have written anything. */
static void make_safe(struct xs_trace_event *event)
{
	event->program[sizeof(event->program) - 1] = '\0';
	event->name[sizeof(event->name) - 1] = '\0';
	event->rule[sizeof(event->rule) - 1] = '\0';
	event->port &= UINT16_MAX;
}

bool xs_trace_take(struct xs_trace_event *event)
{
	struct xs_trace_ring *ring = xs_trace_ring;

	for (unsigned tries = 0; tries < XS_TRACE_EVENTS; tries++) {
		struct slot *slot = &ring->slot[tail % XS_TRACE_EVENTS];
		bool filled = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) ==
			      tail + 1;

		if (!filled && !is_passed_by(ring))
			return false;
		if (filled)
			*event = slot->event;
		else
			__atomic_add_fetch(&ring->lost, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&slot->turn, tail + XS_TRACE_EVENTS,
				 __ATOMIC_RELEASE);
		tail++;
		if (filled) {
			make_safe(event);
			return true;
		}
	}
	return false;
}

void xs_trace_take_all(void (*enter)(void *with,
				     const struct xs_trace_event *event),
		       void *with)
{
	struct xs_trace_event event;

	for (unsigned i = 0; i < XS_TRACE_EVENTS && xs_trace_take(&event); i++)
		enter(with, &event);
}

uint64_t xs_trace_lost(void)
{
	return __atomic_load_n(&xs_trace_ring->lost, __ATOMIC_RELAXED);
}

void xs_trace_set_address(struct xs_trace_event *event,
			  const struct xs_address *address)
{
	xs_address_bytes(address, event->address);
	event->port = xs_address_port(address);
	if (address->any.sa_family == AF_INET6)
		event->scope = address->v6.sin6_scope_id;
}

void xs_trace_get_address(const struct xs_trace_event *event,
			  struct xs_address *address)
{
	*address = (struct xs_address){ .len = sizeof(address->v6) };
	address->v6.sin6_family = AF_INET6;
	address->v6.sin6_scope_id = event->scope;
	address->v6.sin6_port = htons((uint16_t)event->port);
	memcpy(&address->v6.sin6_addr, event->address, sizeof(event->address));
	xs_address_to_family(address, AF_INET);
}
