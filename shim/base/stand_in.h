/* Which loopback address stands for which peer of an unconnected UDP socket.
 *
 * Such a socket has many peers, and some of them match a rule.  For each of
 * those the relay has a UDP socket on an address of 127.0.0.0/8, with the
 * application's own port: the stand-in.  What the application sends to the peer
 * is sent to the stand-in, and what comes from the stand-in is told to have
 * come from the peer (tools/relay/client/bridge.h).
 *
 * Where the socket is bound to an address, the stand-in has this one, too, and
 * what tells it from others is from which address the library sends: the
 * stand-in is connected to that.
 *
 * The table is shared memory (segment.h), written by the relay and read by the
 * library, which counts there what it has sent: that tells what a socket has
 * left behind when it was closed from what somebody else sends there later.  An
 * entry is about a socket of the kernel (SO_COOKIE), not about a descriptor, so
 * no dup, fork, exec or SCM_RIGHTS can make it stale.  A relay that ends,
 * however it ends, marks the table by itself: it holds a robust mutex in it,
 * whose word the kernel marks before it closes the descriptors
 * (futex_exit_release and exit_files in kernel/exit.c).
 *
 * Reading takes no lock (one sequence lock an entry): any thread, any signal
 * context.  Writing is for one thread at a time.
 */
#ifndef XS_STAND_IN_H
#define XS_STAND_IN_H

#include "base/address.h"
#include "base/segment.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	XS_STAND_INS = 4096, /* entries; the number is 12 bits of the address */
	XS_STAND_IN_TRIES = 64, /* places where an entry may be */
};

/* The loopback device of every network namespace (LOOPBACK_IFINDEX).  Datagrams
 * to and from a stand-in come by this one. */
enum { XS_STAND_IN_DEVICE = 1 };

struct xs_stand_in {
	xs_segment_u64 cookie;	 /* of the application's socket; 0: no entry */
	struct xs_address asked; /* the peer, as the application named it */
	struct xs_address local; /* the address that the peer sees; len 0: not
				    known */
	uint32_t ip;		 /* from where the stand-in sends, in network
				    order */
	uint32_t port;		 /* the application's and the stand-in's */
	uint32_t limit;		 /* the most bytes of a datagram */
	int32_t errnum;		 /* why there is no stand-in any more; 0: it is
				    there */
	xs_segment_u64 ended_ms; /* when it went (clock.h) */
	uint32_t bound; /* the address that the application's socket is bound
			   to, in network order; 0: none */
	uint32_t unused;
};

struct xs_stand_in_slot {
	uint32_t sequence; /* odd: being written; 0: never written */
	uint32_t unused;
	struct xs_stand_in entry;
	xs_segment_u64 sent;   /* datagrams to this stand-in, by the library */
	xs_segment_u64 unread; /* what the application had in such bytes of the
				  peer's address (address.h), by the library */
};

struct xs_stand_in_table {
	struct xs_segment_head head; /* XS_STAND_IN_LAYOUT */
	uint32_t lock[16];  /* room for the relay's robust mutex, and */
	uint32_t lock_word; /* which of them the kernel marks */
	uint32_t unused;
	struct xs_stand_in_slot slot[XS_STAND_INS];
};

_Static_assert(sizeof(struct xs_stand_in) == 104,
	       "the same for programs of 32 and 64 bits");

#define XS_STAND_IN_LAYOUT 0x78735374616e6404U

/* Does the relay live that has made the table? */
bool xs_stand_in_is_alive(const struct xs_stand_in_table *table);

/* The entry of a socket for a peer; false: there is none. */
bool xs_stand_in_find(const struct xs_stand_in_table *table, uint64_t cookie,
		      const struct xs_address *asked,
		      struct xs_stand_in *entry);

/* The entry of a stand-in, by its address; false: it is none. */
bool xs_stand_in_of(const struct xs_stand_in_table *table,
		    const struct xs_address *address,
		    struct xs_stand_in *entry);

/* Where the library sends what is for the peer, and from which address: both
 * with the entry's port, in network order. */
uint32_t xs_stand_in_to(const struct xs_stand_in *entry);
uint32_t xs_stand_in_from(const struct xs_stand_in *entry);

/* Library: so many datagrams have been sent to the stand-in of this ip, which
 * is one of the table's. */
void xs_stand_in_count(struct xs_stand_in_table *table, uint32_t ip,
		       uint64_t datagrams);

/* Library: what the application has in the unread bytes of the peer's address
 * when it sends, and gets there with what comes from the peer: it may compare
 * both addresses byte by byte. */
void xs_stand_in_set_unread(struct xs_stand_in_table *table, uint32_t ip,
			    uint64_t bytes);
uint64_t xs_stand_in_unread(const struct xs_stand_in_table *table, uint32_t ip);

/* Relay: how many it were, since the entry of that place was written. */
uint64_t xs_stand_in_sent(const struct xs_stand_in_table *table, int place);

/* Relay: the entry's place, which counts as free where none is there, or one
 * whose stand-in is gone.  -1: the table is full. */
int xs_stand_in_place(const struct xs_stand_in_table *table, uint64_t cookie,
		      const struct xs_address *asked);

/* Relay: an address for the entry of that place, another one with each number.
 * In network order. */
uint32_t xs_stand_in_address(int place, uint32_t number);

/* Relay: another limit for the entry of that place. */
void xs_stand_in_limit(struct xs_stand_in_table *table, int place,
		       uint32_t limit);

/* Relay: writes an entry.  Nothing has been sent to it yet. */
void xs_stand_in_put(struct xs_stand_in_table *table, int place,
		     const struct xs_stand_in *entry);

#endif
