/* The table of looked-up names; see names.h. */
#include "names.h"

#include "hash.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/mman.h>

enum { SETS = 512, WAYS = 64 };

struct slot {
	uint32_t sequence; /* odd: being written */
	uint16_t kind;
	uint16_t worth;
	uint64_t stamp; /* 0: empty */
	uint64_t tag;
	uint8_t address[16];
	char name[XS_NAME_MAX];
};

static struct table {
	uint64_t clock;
	bool synthetic; /* there has been such an entry */
	struct slot slot[SETS][WAYS];
} * table;

bool xs_names_share(void)
{
	void *map = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return false;
	table = map;
	return true;
}

static uint64_t hash_address(const uint8_t address[16])
{
	return xs_hash(XS_HASH_START, address, 16);
}

static struct slot *set_of(const uint8_t address[16])
{
	uint64_t h = hash_address(address);

	return table->slot[(h ^ (h >> 32)) % SETS];
}

/* A set is filled from its first slot, and no slot becomes empty again: behind
 * one that was never written there is nothing.  (Whoever has been told a name
 * sees what its writer saw.) */
static bool is_untouched(const struct slot *slot)
{
	return __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE) == 0 &&
	       slot->stamp == 0;
}

/* A consistent copy of a slot.  False when it is empty or being written. */
static bool read_slot(const struct slot *slot, struct slot *copy)
{
	for (int tries = 0; tries < 8; tries++) {
		uint32_t before =
			__atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);

		if (before & 1)
			continue;
		if (!slot->stamp)
			return false;
		memcpy(copy, slot, sizeof(*copy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) ==
		    before) {
			copy->name[XS_NAME_MAX - 1] = '\0';
			return true;
		}
	}
	return false;
}

/* False when the slot is not any more what was seen with this sequence: another
 * entry may be in it, which must not be lost. */
static bool write_slot(struct slot *slot, uint32_t before,
		       const struct slot *value)
{
	if (!__atomic_compare_exchange_n(&slot->sequence, &before, before + 1,
					 false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	slot->kind = value->kind;
	slot->worth = value->worth;
	slot->stamp = value->stamp;
	slot->tag = value->tag;
	memcpy(slot->address, value->address, sizeof(slot->address));
	memcpy(slot->name, value->name, sizeof(slot->name));
	__atomic_store_n(&slot->sequence, before + 2, __ATOMIC_RELEASE);
	return true;
}

/* The slot that has this very entry, else the one that is missed least, and the
 * sequence with which it was seen; NULL when all are being written.  What the
 * application asked for and what a rule was looked up for are two entries. */
static struct slot *choose(struct slot *set, const struct slot *value,
			   uint32_t *sequence)
{
	struct slot *best = NULL;
	uint64_t best_worth = UINT64_MAX;

	for (int i = 0; i < WAYS; i++) {
		struct slot copy;
		uint64_t worth;

		if (is_untouched(&set[i])) {
			*sequence = 0;
			return &set[i];
		}
		if (!read_slot(&set[i], &copy))
			continue;
		if (copy.kind == value->kind &&
		    memcmp(copy.address, value->address, 16) == 0 &&
		    strcmp(copy.name, value->name) == 0) {
			*sequence = copy.sequence;
			return &set[i];
		}
		worth = copy.stamp | (uint64_t)copy.worth << 60;
		if (worth < best_worth) {
			*sequence = copy.sequence;
			best = &set[i];
			best_worth = worth;
		}
	}
	return best;
}

uint64_t xs_names_add(const struct xs_address *address, const char *name,
		      enum xs_names_kind kind, int worth)
{
	struct slot value = { .kind = (uint16_t)kind,
			      .worth = (uint16_t)worth };
	size_t len = strnlen(name, XS_NAME_MAX - 1);

	memcpy(value.name, name, len);
	xs_address_bytes(address, value.address);
	value.tag = xs_hash(hash_address(value.address), name, len);
	/* What an IPv6 address carries of it must not be 0. */
	value.tag |= 1;
	if (!table)
		return value.tag;
	if (kind == XS_NAMES_SYNTHETIC)
		__atomic_store_n(&table->synthetic, true, __ATOMIC_RELAXED);
	value.stamp = __atomic_add_fetch(&table->clock, 1, __ATOMIC_RELAXED);
	/* Each that fails has let another thread have its way. */
	for (int tries = 0; tries < 1000; tries++) {
		uint32_t sequence;
		struct slot *slot =
			choose(set_of(value.address), &value, &sequence);

		if (slot && write_slot(slot, sequence, &value))
			break;
	}
	return value.tag;
}

bool xs_names_has_synthetic(void)
{
	return table && __atomic_load_n(&table->synthetic, __ATOMIC_RELAXED);
}

bool xs_names_next(const struct xs_address *address, unsigned *at,
		   struct xs_names_entry *entry)
{
	uint8_t bytes[16];
	struct slot *set;

	if (!table)
		return false;
	xs_address_bytes(address, bytes);
	set = set_of(bytes);
	while (*at < WAYS) {
		const struct slot *slot = &set[(*at)++];
		struct slot copy;

		if (is_untouched(slot))
			return false;
		/* A glance first; the copy is what counts. */
		if (memcmp(slot->address, bytes, sizeof(bytes)) != 0 ||
		    !read_slot(slot, &copy) ||
		    memcmp(copy.address, bytes, sizeof(bytes)) != 0)
			continue;
		memcpy(entry->name, copy.name, sizeof(entry->name));
		entry->kind = (enum xs_names_kind)copy.kind;
		entry->tag = copy.tag;
		entry->stamp = copy.stamp;
		return true;
	}
	return false;
}

/* A flow label (RFC 6437): Python refuses to connect with more than its 20
 * bits. */
static uint32_t flow_of(uint64_t tag)
{
	return htonl((uint32_t)((tag ^ tag >> 20 ^ tag >> 40) & 0xffffe) | 1);
}

void xs_names_write_tag(struct sockaddr *to, uint64_t tag)
{
	if (to->sa_family == AF_INET)
		memcpy(((struct sockaddr_in *)(void *)to)->sin_zero, &tag,
		       sizeof(tag));
	else if (to->sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)to)->sin6_flowinfo =
			flow_of(tag);
}

bool xs_names_has_tag(const struct xs_address *from, uint64_t tag)
{
	if (from->any.sa_family == AF_INET)
		return memcmp(from->v4.sin_zero, &tag, sizeof(tag)) == 0;
	return from->v6.sin6_flowinfo == flow_of(tag);
}
