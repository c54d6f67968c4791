/* The memory of the table of names, and who shares it.
 *
 * A segment (base/segment.h), so it is shared with forked children, and with
 * every program of the tree that is told its number (names_hand_on.h).  Where
 * there is none to be had (a seccomp filter), it is anonymous memory, which
 * only forked children share.
 *
 * Who can write to it decides where other processes connect to.  So only
 * processes of one user share it: the segment is of mode 0600, and a process
 * that gives its user up goes on with a copy of its own (xs_names_follow_user).
 * Group IDs and capabilities do not count, as for ptrace(2) of one user's
 * processes by default.
 */
#ifndef XS_NAMES_MEMORY_H
#define XS_NAMES_MEMORY_H

#include "base/segment.h"
#include "rules/match.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	XS_NAMES_SETS = 512,
	XS_NAMES_WAYS = 64,
};

struct xs_names_slot {
	uint32_t sequence; /* odd: being written */
	uint16_t kind;
	uint16_t worth;
	xs_segment_u64 stamp; /* 0: empty */
	xs_segment_u64 tag;
	uint8_t address[16];
	char name[XS_NAME_MAX];
};

struct xs_names_table {
	struct xs_segment_head head; /* XS_NAMES_LAYOUT */
	xs_segment_u64 clock;
	uint32_t synthetic;		   /* there has been such an entry */
	uint32_t used[XS_NAMES_SETS / 32]; /* sets that have a slot; bits */
	struct xs_names_slot slot[XS_NAMES_SETS][XS_NAMES_WAYS];
};

_Static_assert(sizeof(struct xs_names_slot) == 40 + XS_NAME_MAX,
	       "the same for all programs");

#define XS_NAMES_LAYOUT 0x78734e616d657301U

/* NULL: nothing is remembered.  Its address stays. */
extern struct xs_names_table *xs_names_table;

/* Attaches the segment that handed_on names ("NUMBER.COOKIE", and anything from
 * a comma on), if it is this user's; else makes a new one, and sets *made.
 * handed_on may be NULL.  False when memory is short.  Once per process, before
 * it forks. */
bool xs_names_share(const char *handed_on, bool *made);

/* "NUMBER.COOKIE" of the segment; "0.0" if it cannot be handed on. */
const char *xs_names_handle(void);

/* Where this process has given up the user whose table it has, for good (real,
 * effective and saved user ID are others): goes on with a copy of the table
 * that is its own and its children's.  Not in a vfork child, which has only
 * the memory of its parent.  True: it did.  Any thread; errno is kept. */
bool xs_names_follow_user(void);

/* Could that not be done, so that names are not known any more? */
bool xs_names_are_lost(void);

/* How often the table has been replaced by its copy, times two; odd: it is
 * being replaced.  What was written when this changed may be lost. */
unsigned xs_names_moves(void);

/* A consistent copy of a slot.  False when it is empty or being written.  In
 * names.c, as the next. */
bool xs_names_read(const struct xs_names_slot *slot,
		   struct xs_names_slot *copy);

/* Copies all slots. */
void xs_names_copy(struct xs_names_table *to,
		   const struct xs_names_table *from);

#endif
