/* What makes matching fast; see index.h.
 *
 * Built in two passes: the first finds each rule's group and counts, the
 * second writes the entries, group by group into one array.  One hash table
 * serves names, suffixes and networks: the first byte of a network's key is
 * no byte of a name, and no name starts with a dot.
 */
#include "rules/index.h"

#include "base/hash.h"

#include <string.h>

struct xs_index_slot {
	const char *key; /* NULL: free */
	uint32_t key_len;
	uint32_t count, filled;
	uint64_t hash;
	struct xs_index_entry *entry;
};

#define LOOSE UINT32_MAX

/* IPv4: 0 to 32 bits, IPv6: 0 to 128. */
#define LENGTHS_MAX (33 + 129)

/* What only building needs. */
struct builder {
	struct xs_index *index;
	struct xs_arena *arena;
	uint32_t *slot_of; /* for each rule: its slot, or LOOSE */
	size_t loose, named;
	struct xs_index_entry *loose_entry, *named_entry;
};

static uint64_t hash_key(struct xs_span key)
{
	uint64_t hash = XS_HASH_START;

	while (key.end > key.start)
		hash = xs_hash_byte(hash, *--key.end);
	return hash;
}

/* The slot that has the key, or the free one where it would go. */
static struct xs_index_slot *find_slot(const struct xs_index *index,
				       struct xs_span key, uint64_t hash)
{
	/* FNV's low bits are its weaker ones. */
	size_t at = (size_t)(hash ^ hash >> 32);

	for (;; at++) {
		struct xs_index_slot *slot =
			&index->slot[at & (index->slots - 1)];

		if (!slot->key ||
		    (slot->hash == hash && slot->key_len == xs_span_len(key) &&
		     memcmp(slot->key, key.start, slot->key_len) == 0))
			return slot;
	}
}

struct xs_index_group xs_index_find(const struct xs_index *index,
				    struct xs_span key, uint64_t hash)
{
	const struct xs_index_slot *slot = find_slot(index, key, hash);

	return (struct xs_index_group){ slot->entry, slot->count };
}

bool xs_index_network_key(const struct xs_address *address,
			  const struct xs_index_length *length,
			  char key[XS_INDEX_NETWORK_KEY])
{
	struct xs_address plain = *address;
	unsigned size, bits = length->bits;

	if (plain.any.sa_family == AF_INET6)
		xs_address_to_family(&plain, AF_INET);
	size = plain.any.sa_family == AF_INET ? 4 : 16;
	if (length->family != (size == 4 ? 4 : 6))
		return false;
	memset(key, 0, XS_INDEX_NETWORK_KEY);
	key[0] = (char)length->family;
	key[1] = (char)bits;
	memcpy(key + 2,
	       size == 4 ? (const void *)&plain.v4.sin_addr
			 : (const void *)&plain.v6.sin6_addr,
	       (bits + 7) / 8);
	if (bits % 8)
		key[2 + bits / 8] &= (char)(0xff00 >> bits % 8);
	return true;
}

/* The row of a network's length; a new one, first used by this rule, if need
 * be. */
static const struct xs_index_length *length_of(struct xs_index *index,
					       const struct xs_pattern *pattern,
					       uint32_t rule)
{
	uint8_t family = pattern->network.any.sa_family == AF_INET ? 4 : 6;
	struct xs_index_length *length = index->length;
	struct xs_index_length *end = length + index->lengths;

	while (length < end &&
	       (length->family != family || length->bits != pattern->bits))
		length++;
	if (length == end) {
		*length = (struct xs_index_length){ family,
						    (uint8_t)pattern->bits,
						    rule };
		index->lengths++;
	}
	return length;
}

/* The key of a pattern.  False when it has none.  A network's key is written
 * to network. */
static bool key_of(struct xs_index *index, const struct xs_pattern *pattern,
		   uint32_t rule, char network[XS_INDEX_NETWORK_KEY],
		   struct xs_span *key)
{
	switch (pattern->kind) {
	case XS_HOST_NAME:
		*key = (struct xs_span){
			pattern->name, pattern->name + strlen(pattern->name)
		};
		return true;
	case XS_HOST_GLOB:
		*key = (struct xs_span){
			pattern->name + 1, pattern->name + strlen(pattern->name)
		};
		return strncmp(pattern->name, "*.", 2) == 0 &&
		       !strpbrk(pattern->name + 1, "*?");
	case XS_HOST_NETWORK:
		*key = (struct xs_span){ network,
					 network + XS_INDEX_NETWORK_KEY };
		return xs_index_network_key(&pattern->network,
					    length_of(index, pattern, rule),
					    network);
	case XS_HOST_ANY:
		break;
	}
	return false;
}

static bool add_ports(struct builder *builder, struct xs_port_set **set,
		      const struct xs_pattern *pattern)
{
	if (!*set)
		*set = xs_arena_take(builder->arena, sizeof(**set));
	if (!*set)
		return false;
	xs_port_set_add(*set, pattern->ports, pattern->nports);
	return true;
}

/* First pass: adds the rule's ports to what is asked before anything else. */
static bool note_ports(struct builder *builder,
		       const struct xs_pattern *pattern)
{
	struct xs_index *index = builder->index;

	return add_ports(builder, &index->ports[pattern->udp], pattern) &&
	       (pattern->kind != XS_HOST_NAME ||
		add_ports(builder, &index->named_ports[pattern->udp],
			  pattern)) &&
	       (pattern->kind != XS_HOST_GLOB ||
		add_ports(builder, &index->glob_ports[pattern->udp], pattern));
}

/* First pass: finds the rule's slot. */
static bool count_rule(struct builder *builder, const struct xs_rule *rule,
		       uint32_t number)
{
	struct xs_index *index = builder->index;
	char network[XS_INDEX_NETWORK_KEY];
	struct xs_index_slot *slot;
	struct xs_span key;
	uint64_t hash;

	if (rule->pattern.kind == XS_HOST_NAME)
		builder->named++;
	if (!key_of(index, &rule->pattern, number, network, &key)) {
		builder->slot_of[number] = LOOSE;
		builder->loose++;
		return true;
	}
	hash = hash_key(key);
	slot = find_slot(index, key, hash);
	if (!slot->key) {
		slot->key = key.start;
		if (key.start == network)
			slot->key = xs_arena_copy(builder->arena, network,
						  sizeof(network));
		if (!slot->key)
			return false;
		slot->key_len = (uint32_t)xs_span_len(key);
		slot->hash = hash;
	}
	slot->count++;
	builder->slot_of[number] = (uint32_t)(slot - index->slot);
	return true;
}

static struct xs_index_entry make_entry(const struct xs_pattern *pattern,
					uint32_t number)
{
	struct xs_index_entry entry = {
		.rule = number,
		.last = UINT16_MAX,
		.udp = pattern->udp,
		.gaps = pattern->nports > 1,
		.kind = pattern->kind,
	};

	if (pattern->nports > 0) {
		entry.first = pattern->ports[0].first;
		entry.last = pattern->ports[pattern->nports - 1].last;
	}
	return entry;
}

/* Second pass: writes the rule's entry behind those of its group. */
static void add_rule(struct builder *builder, const struct xs_rule *rule,
		     uint32_t number)
{
	struct xs_index *index = builder->index;
	struct xs_index_entry entry = make_entry(&rule->pattern, number);
	struct xs_index_slot *slot;

	if (entry.kind == XS_HOST_NAME)
		builder->named_entry[index->named.count++] = entry;
	if (builder->slot_of[number] == LOOSE) {
		builder->loose_entry[index->loose.count++] = entry;
		return;
	}
	slot = &index->slot[builder->slot_of[number]];
	slot->entry[slot->filled++] = entry;
}

/* Memory of the first pass. */
static bool prepare(struct builder *builder, size_t count)
{
	struct xs_index *index = xs_arena_take(builder->arena, sizeof(*index));

	if (!index)
		return false;
	builder->index = index;
	for (index->slots = 8; index->slots < 2 * count;)
		index->slots *= 2;
	index->slot = xs_arena_take(builder->arena,
				    index->slots * sizeof(*index->slot));
	index->length = xs_arena_take(builder->arena,
				      LENGTHS_MAX * sizeof(*index->length));
	builder->slot_of = xs_arena_take(builder->arena,
					 count * sizeof(*builder->slot_of));
	return index->slot && index->length && builder->slot_of;
}

/* Memory of the second pass: each group gets its part of one array. */
static bool divide(struct builder *builder, size_t count)
{
	struct xs_index *index = builder->index;
	struct xs_index_entry *entry = xs_arena_take(
		builder->arena, (count + builder->named) * sizeof(*entry));

	if (!entry)
		return false;
	index->named.entry = builder->named_entry = entry;
	entry += builder->named;
	index->loose.entry = builder->loose_entry = entry;
	entry += builder->loose;
	for (size_t i = 0; i < index->slots; i++) {
		index->slot[i].entry = entry;
		entry += index->slot[i].count;
	}
	return true;
}

const struct xs_index *xs_index_build(const struct xs_rule *rule, size_t count,
				      struct xs_arena *arena)
{
	struct builder builder = { .arena = arena };

	if (!prepare(&builder, count))
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!note_ports(&builder, &rule[i].pattern) ||
		    !count_rule(&builder, &rule[i], (uint32_t)i))
			return NULL;
	if (!divide(&builder, count))
		return NULL;
	for (size_t i = 0; i < count; i++)
		add_rule(&builder, &rule[i], (uint32_t)i);
	return builder.index;
}
