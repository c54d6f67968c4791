/* The table of looked-up names; see names.h. */
#include "rules/names.h"

#include "base/hash.h"
#include "base/pause.h"
#include "rules/names_memory.h"

#include <arpa/inet.h>
#include <string.h>

static uint64_t hash_address(const uint8_t address[16])
{
	return xs_hash(XS_HASH_START, address, 16);
}

static struct xs_names_slot *set_of(const uint8_t address[16])
{
	uint64_t h = hash_address(address);

	return xs_names_table->slot[(h ^ (h >> 32)) % XS_NAMES_SETS];
}

/* A set is filled from its first slot, and no slot becomes empty again: behind
 * one that was never written there is nothing.  (Whoever has been told a name
 * sees what its writer saw.) */
static bool is_untouched(const struct xs_names_slot *slot)
{
	if (__atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE) != 0)
		return false;
	/* A set of the table is never NULL.
	 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	return slot->stamp == 0;
}

bool xs_names_read(const struct xs_names_slot *slot, struct xs_names_slot *copy)
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
static bool write_slot(struct xs_names_slot *slot, uint32_t before,
		       const struct xs_names_slot *value)
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

/* A slot, and the sequence with which it was seen. */
struct choice {
	struct xs_names_slot *slot; /* NULL: all are being written */
	uint32_t sequence;
};

/* The slot that has this very entry, else the one that is missed least.  What
 * the application asked for and what a rule was looked up for are two entries.
 */
static struct choice choose(struct xs_names_slot *set,
			    const struct xs_names_slot *value)
{
	struct choice best = { NULL, 0 };
	uint64_t best_worth = UINT64_MAX;

	for (int i = 0; i < XS_NAMES_WAYS; i++) {
		struct xs_names_slot copy;
		uint64_t worth;

		if (is_untouched(&set[i]))
			return (struct choice){ &set[i], 0 };
		if (!xs_names_read(&set[i], &copy))
			continue;
		if (copy.kind == value->kind &&
		    memcmp(copy.address, value->address, 16) == 0 &&
		    strcmp(copy.name, value->name) == 0)
			return (struct choice){ &set[i], copy.sequence };
		worth = copy.stamp | (uint64_t)copy.worth << 60;
		if (worth < best_worth) {
			best = (struct choice){ &set[i], copy.sequence };
			best_worth = worth;
		}
	}
	return best;
}

/* Marks the set as one that has a slot. */
static void mark_used(const struct xs_names_slot *set)
{
	const struct xs_names_slot(*sets)[XS_NAMES_WAYS] = xs_names_table->slot;
	const size_t i = (size_t)(set - *sets) / XS_NAMES_WAYS;
	uint32_t *word = &xs_names_table->used[i / 32];
	const uint32_t bit = 1U << i % 32;

	if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
		__atomic_or_fetch(word, bit, __ATOMIC_RELEASE);
}

static void put(struct xs_names_slot *value)
{
	struct xs_names_slot *set = set_of(value->address);

	value->stamp =
		__atomic_add_fetch(&xs_names_table->clock, 1, __ATOMIC_RELAXED);
	if (value->kind == XS_NAMES_SYNTHETIC)
		__atomic_store_n(&xs_names_table->synthetic, 1,
				 __ATOMIC_RELAXED);
	/* Each that fails has let another thread have its way. */
	for (int tries = 0; tries < 1000; tries++) {
		struct choice to = choose(set, value);

		if (to.slot && write_slot(to.slot, to.sequence, value))
			break;
	}
	mark_used(set);
}

/* Puts it into the table that counts afterwards. */
static void put_lastingly(struct xs_names_slot *value)
{
	enum { TRIES_MAX = 200 };
	unsigned before = xs_names_moves();

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		put(value);
		if (!(before & 1) && before == xs_names_moves())
			return;
		xs_pause(tries);
		before = xs_names_moves();
	}
}

uint64_t xs_names_add(const struct xs_address *address, const char *name,
		      enum xs_names_kind kind, int worth)
{
	struct xs_names_slot value = { .kind = (uint16_t)kind,
				       .worth = (uint16_t)worth };
	size_t len = strnlen(name, XS_NAME_MAX - 1);

	memcpy(value.name, name, len);
	xs_address_bytes(address, value.address);
	value.tag = xs_hash(hash_address(value.address), name, len);
	/* What an IPv6 address carries of it must not be 0. */
	value.tag |= 1;
	if (!xs_names_table)
		return value.tag;
	/* The program may have given its user up past the hooks. */
	xs_names_follow_user();
	put_lastingly(&value);
	return value.tag;
}

/* Copies what can be read of a set, and whether there was anything. */
static bool copy_set(struct xs_names_slot *to, const struct xs_names_slot *from)
{
	size_t n = 0;

	for (int i = 0; i < XS_NAMES_WAYS && !is_untouched(&from[i]); i++)
		if (xs_names_read(&from[i], &to[n]))
			to[n++].sequence = 2;
	/* What a slot that could not be read has left there. */
	if (n < XS_NAMES_WAYS)
		memset(&to[n], 0, sizeof(to[n]));
	return n;
}

void xs_names_copy(struct xs_names_table *to, const struct xs_names_table *from)
{
	to->clock = __atomic_load_n(&from->clock, __ATOMIC_RELAXED);
	to->synthetic = __atomic_load_n(&from->synthetic, __ATOMIC_RELAXED);
	for (size_t i = 0; i < XS_NAMES_SETS; i++) {
		uint32_t bit = 1U << i % 32;

		if ((__atomic_load_n(&from->used[i / 32], __ATOMIC_ACQUIRE) &
		     bit) &&
		    copy_set(to->slot[i], from->slot[i]))
			to->used[i / 32] |= bit;
	}
}

bool xs_names_has_synthetic(void)
{
	return xs_names_table &&
	       __atomic_load_n(&xs_names_table->synthetic, __ATOMIC_RELAXED);
}

bool xs_names_next(const struct xs_address *address, unsigned *at,
		   struct xs_names_entry *entry)
{
	uint8_t bytes[16];
	struct xs_names_slot *set;

	if (!xs_names_table)
		return false;
	xs_address_bytes(address, bytes);
	set = set_of(bytes);
	while (*at < XS_NAMES_WAYS) {
		const struct xs_names_slot *slot = &set[(*at)++];
		struct xs_names_slot copy;

		if (is_untouched(slot))
			return false;
		/* A glance first; the copy is what counts. */
		if (memcmp(slot->address, bytes, sizeof(bytes)) != 0 ||
		    !xs_names_read(slot, &copy) ||
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

/* What of the tag has room in an address. */
static uint64_t in_address(const struct sockaddr *address, uint64_t tag)
{
	return address->sa_family == AF_INET ? tag : flow_of(tag);
}

void xs_names_write_tag(struct sockaddr *to, uint64_t tag)
{
	xs_address_set_unread(to, in_address(to, tag));
}

bool xs_names_has_tag(const struct xs_address *from, uint64_t tag)
{
	return xs_address_unread(&from->any) == in_address(&from->any, tag);
}
