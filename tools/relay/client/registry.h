/* From the id of a connection to its TCP socket, for any thread.
 *
 * A socket option may be asked for on a control connection that another
 * worker than the connection's own has accepted.  The table is off the data
 * path: it is touched when a connection begins, ends, or is asked.
 */
#ifndef XS_REGISTRY_H
#define XS_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct xs_shown;
struct xs_worker;

/* Part of a connection. */
struct xs_registered {
	struct xs_registered *next;
	uint32_t id;
	dev_t device; /* of the application's end of the pair: what proves */
	ino_t inode;  /* that somebody holds it (fstat(2)) */
	int tcp_fd;
	int pair_fd;
	const atomic_bool *mark;    /* a byte in the pair has been carried */
	struct xs_shown *shown;	    /* what list.h tells of it */
	struct xs_worker *worker;   /* of an association, for bridge.h */
	const atomic_uint *largest; /* of an association by DTLS: the longest
				       datagram, 0 before there is a cipher;
				       else NULL */
};

void xs_registry_add(struct xs_registered *registered);
void xs_registry_remove(struct xs_registered *registered);

/* The connection goes on with another TCP socket. */
void xs_registry_set_fd(struct xs_registered *registered, int tcp_fd);

/* Calls use for the connection that has this id and whose application's end is
 * the socket device, inode; it cannot end meanwhile.  False: there is none. */
bool xs_registry_use(uint32_t id, dev_t device, ino_t inode,
		     void (*use)(struct xs_registered *registered, void *with),
		     void *with);

/* Changes what others may read in the thing that holds it: they do so in
 * xs_registry_use and xs_registry_each only. */
void xs_registry_change(struct xs_registered *registered,
			void (*change)(struct xs_registered *registered,
				       const void *with),
			const void *with);

/* Where a walk over the table has come to; zeroes: its beginning.  What is
 * added or removed meanwhile may be met twice, or not at all. */
struct xs_registry_place {
	uint32_t bucket;
	uint32_t index; /* in the bucket */
};

/* Calls visit for each connection from place on, moving place behind it, until
 * visit returns false: that one does not count.  No connection can end while it
 * is visited.  True: there are no more. */
bool xs_registry_each(struct xs_registry_place *place,
		      bool (*visit)(struct xs_registered *registered,
				    const struct xs_registry_place *behind,
				    void *with),
		      void *with);

#endif
