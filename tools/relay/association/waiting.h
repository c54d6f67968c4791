/* Datagrams that wait until the server is verified, the oldest first.
 *
 * Bounded: what comes when it is full is dropped, as a socket does whose buffer
 * is full.  One thread at a time.
 */
#ifndef XS_WAITING_H
#define XS_WAITING_H

#include <stdbool.h>
#include <stddef.h>

enum { XS_WAITING_DATAGRAMS = 64, XS_WAITING_BYTES = 128 * 1024 };

struct xs_waiting {
	struct xs_waiting_datagram *first, **end;
	size_t count, bytes;
};

void xs_waiting_init(struct xs_waiting *waiting);

/* Keeps a copy of the datagram.  False: there is no room, or no memory. */
bool xs_waiting_put(struct xs_waiting *waiting, const void *data, size_t len);

/* The oldest one, valid until xs_waiting_drop.  False: there is none. */
bool xs_waiting_first(const struct xs_waiting *waiting, const void **data,
		      size_t *len);

/* Forgets the oldest one; all of them. */
void xs_waiting_drop(struct xs_waiting *waiting);
void xs_waiting_clear(struct xs_waiting *waiting);

#endif
