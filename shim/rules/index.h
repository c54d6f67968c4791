/* What makes matching fast: rules grouped by what a destination can look up.
 *
 * A group is a key and the rules that have it, in their order.  Keys are exact
 * names, "*.suffix" globs (by ".suffix") and networks (by family, bits and
 * prefix); a destination has at most a few dozen keys, however many rules
 * there are.  What has no key, "*" and the other globs, is in one more group.
 * A group's entries hold the rule's ports, so that most rules are passed over
 * without being touched.
 *
 * Most connects are to ports that no rule is about; sets of ports tell that in
 * a few nanoseconds, for any number of rules.
 */
#ifndef XS_INDEX_H
#define XS_INDEX_H

#include "rules/rules.h"

struct xs_index_entry {
	uint32_t rule;	      /* its place in xs_rules.rule */
	uint16_t first, last; /* the rule's ports lie between these */
	bool udp;
	bool gaps; /* but it does not have all ports between them */
	enum xs_host_kind kind;
};

struct xs_index_group {
	const struct xs_index_entry *entry;
	size_t count;
};

/* A kind of network that some rule has. */
struct xs_index_length {
	uint8_t family; /* 4 or 6 */
	uint8_t bits;
	uint32_t first; /* no rule before this one has it */
};

/* Key of a network: family, bits, and the bytes of the address. */
#define XS_INDEX_NETWORK_KEY 18

struct xs_index {
	struct xs_index_slot *slot;  /* hash table, by key */
	size_t slots;		     /* a power of two */
	struct xs_index_group loose; /* "*", and globs without a key */
	struct xs_index_group named; /* rules with an exact name */
	struct xs_index_length *length;
	size_t lengths;
	/* The ports of all rules, of those with an exact name, and of those
	 * with a glob; of TCP, and of UDP.  NULL: there is no such rule. */
	struct xs_port_set *ports[2], *named_ports[2], *glob_ports[2];
};

/* The group of a key whose hash is known; an empty one when no rule has it. The
 * hash (hash.h) runs from the last byte to the first, so that one pass over a
 * name yields the hash of each of its suffixes. */
struct xs_index_group xs_index_find(const struct xs_index *index,
				    struct xs_span key, uint64_t hash);

/* The same for a network: writes the key of the address under that length.
 * False when the address is of the other family. */
bool xs_index_network_key(const struct xs_address *address,
			  const struct xs_index_length *length,
			  char key[XS_INDEX_NETWORK_KEY]);

/* Builds the index in the arena, or returns NULL when memory is short. */
const struct xs_index *xs_index_build(const struct xs_rule *rule, size_t count,
				      struct xs_arena *arena);

#endif
