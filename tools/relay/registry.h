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

/* Part of a connection. */
struct xs_registered {
	struct xs_registered *next;
	uint32_t id;
	dev_t device; /* of the application's end of the pair: what proves */
	ino_t inode;  /* that somebody holds it (fstat(2)) */
	int tcp_fd;
	int pair_fd;
	const atomic_bool *mark; /* a byte in the pair has been carried */
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

#endif
