/* The table of stand-ins; see stand_in.h. */
#include "base/stand_in.h"

#include "base/hash.h"

#include <arpa/inet.h>
#include <linux/futex.h>
#include <string.h>

/* The first address is 127.16.0.0: programs that use this network for
 * themselves do so at its beginning. */
enum { PLACE_BITS = 12, NUMBERS = 0x700, FIRST_NUMBER = 0x100 };

/* In no address of a stand-in. */
enum { FROM_BIT = 0x800 << PLACE_BITS };

_Static_assert(XS_STAND_INS == 1 << PLACE_BITS,
	       "a place is part of an address");

bool xs_stand_in_is_alive(const struct xs_stand_in_table *table)
{
	uint32_t word = __atomic_load_n(&table->lock[table->lock_word & 15],
					__ATOMIC_ACQUIRE);

	return (word & FUTEX_TID_MASK) && !(word & FUTEX_OWNER_DIED);
}

static uint32_t scope_of(const struct xs_address *address)
{
	return address->any.sa_family == AF_INET6 ? address->v6.sin6_scope_id
						  : 0;
}

static uint64_t hash_of(uint64_t cookie, const struct xs_address *asked)
{
	const uint16_t port = xs_address_port(asked);
	uint64_t hash = xs_hash(XS_HASH_START, &cookie, sizeof(cookie));
	uint8_t bytes[16];

	xs_address_bytes(asked, bytes);
	hash = xs_hash(hash, bytes, sizeof(bytes));
	return xs_hash(hash, &port, sizeof(port));
}

static bool is_of(const struct xs_stand_in *entry, uint64_t cookie,
		  const struct xs_address *asked)
{
	return entry->cookie == cookie &&
	       xs_address_port(&entry->asked) == xs_address_port(asked) &&
	       xs_address_same_ip(&entry->asked, asked) &&
	       scope_of(&entry->asked) == scope_of(asked);
}

/* A consistent copy.  False: it has never been written, or is being written by
 * a relay that is about to say so again, or is dead. */
static bool read_slot(const struct xs_stand_in_slot *slot,
		      struct xs_stand_in *entry)
{
	for (int tries = 0; tries < 1000; tries++) {
		uint32_t before =
			__atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);

		if (!before)
			return false;
		memcpy(entry, &slot->entry, sizeof(*entry));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(before & 1) &&
		    __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) ==
			    before)
			return true;
	}
	return false;
}

static bool is_unwritten(const struct xs_stand_in_slot *slot)
{
	return !__atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
}

bool xs_stand_in_find(const struct xs_stand_in_table *table, uint64_t cookie,
		      const struct xs_address *asked, struct xs_stand_in *entry)
{
	uint64_t hash = hash_of(cookie, asked);

	for (unsigned i = 0; i < XS_STAND_IN_TRIES; i++) {
		const struct xs_stand_in_slot *slot =
			&table->slot[(hash + i) % XS_STAND_INS];

		if (is_unwritten(slot))
			return false;
		if (read_slot(slot, entry) && is_of(entry, cookie, asked))
			return true;
	}
	return false;
}

static uint32_t place_of(uint32_t ip)
{
	return ntohl(ip) % XS_STAND_INS;
}

bool xs_stand_in_of(const struct xs_stand_in_table *table,
		    const struct xs_address *address, struct xs_stand_in *entry)
{
	struct xs_address four = *address;

	if (!xs_address_to_family(&four, AF_INET))
		return false;
	return read_slot(&table->slot[place_of(four.v4.sin_addr.s_addr)],
			 entry) &&
	       entry->cookie && entry->ip == four.v4.sin_addr.s_addr &&
	       entry->port == xs_address_port(&four);
}

uint32_t xs_stand_in_to(const struct xs_stand_in *entry)
{
	return entry->bound ? entry->bound : entry->ip;
}

uint32_t xs_stand_in_from(const struct xs_stand_in *entry)
{
	return entry->bound ? entry->ip | htonl(FROM_BIT)
			    : htonl(INADDR_LOOPBACK);
}

void xs_stand_in_count(struct xs_stand_in_table *table, uint32_t ip,
		       uint64_t datagrams)
{
	__atomic_fetch_add(&table->slot[place_of(ip)].sent, datagrams,
			   __ATOMIC_RELEASE);
}

void xs_stand_in_set_unread(struct xs_stand_in_table *table, uint32_t ip,
			    uint64_t bytes)
{
	xs_segment_u64 *unread = &table->slot[place_of(ip)].unread;

	/* It is hardly ever another, and the memory is shared. */
	if (__atomic_load_n(unread, __ATOMIC_RELAXED) != bytes)
		__atomic_store_n(unread, bytes, __ATOMIC_RELAXED);
}

uint64_t xs_stand_in_unread(const struct xs_stand_in_table *table, uint32_t ip)
{
	return __atomic_load_n(&table->slot[place_of(ip)].unread,
			       __ATOMIC_RELAXED);
}

uint64_t xs_stand_in_sent(const struct xs_stand_in_table *table, int place)
{
	return __atomic_load_n(&table->slot[place].sent, __ATOMIC_ACQUIRE);
}

int xs_stand_in_place(const struct xs_stand_in_table *table, uint64_t cookie,
		      const struct xs_address *asked)
{
	uint64_t hash = hash_of(cookie, asked);
	struct xs_stand_in entry;
	int place = -1;

	for (unsigned i = 0; i < XS_STAND_IN_TRIES; i++) {
		int at = (int)((hash + i) % XS_STAND_INS);
		bool unwritten = is_unwritten(&table->slot[at]);

		entry.cookie = 0;
		if (!unwritten && read_slot(&table->slot[at], &entry) &&
		    is_of(&entry, cookie, asked))
			return at;
		if (place < 0 && (!entry.cookie || entry.errnum))
			place = at;
		if (unwritten)
			break;
	}
	return place;
}

uint32_t xs_stand_in_address(int place, uint32_t number)
{
	return htonl(0x7f000000u |
		     (FIRST_NUMBER + number % NUMBERS) << PLACE_BITS |
		     (uint32_t)place);
}

/* One word: who reads it meanwhile has the one or the other. */
void xs_stand_in_limit(struct xs_stand_in_table *table, int place,
		       uint32_t limit)
{
	__atomic_store_n(&table->slot[place].entry.limit, limit,
			 __ATOMIC_RELAXED);
}

void xs_stand_in_put(struct xs_stand_in_table *table, int place,
		     const struct xs_stand_in *entry)
{
	struct xs_stand_in_slot *slot = &table->slot[place];
	uint32_t before = slot->sequence;

	/* 0 is for what was never written. */
	if (before == UINT32_MAX - 1)
		before = 0;
	__atomic_store_n(&slot->sequence, before + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(&slot->entry, entry, sizeof(*entry));
	__atomic_store_n(&slot->sent, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->unread, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->sequence, before + 2, __ATOMIC_RELEASE);
}
