/* Connecting to one of several addresses.
 *
 * On the socket that the library gave where an address fits its family, because
 * that has its options (a bound address, SO_MARK …); otherwise on a fresh
 * one.  Nothing here blocks or waits.
 */
#ifndef XS_DIAL_H
#define XS_DIAL_H

#include "address.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_dial {
	struct xs_address *address; /* on the heap */
	size_t count;
	size_t at;		/* the one being tried is address[at - 1] */
	int app_socket;		/* the application's own */
	struct xs_error failed; /* what was wrong with the first address */
};

/* Begins to connect to the next address.  Returns the socket: the
 * application's own or a fresh one, the caller's to close; -1 when no address
 * is left, with *err set to what was wrong with the first one. */
int xs_dial_next(struct xs_dial *dial, struct xs_error *err);

/* The address being tried; only after xs_dial_next. */
const struct xs_address *xs_dial_address(const struct xs_dial *dial);

/* Is there an address after the one being tried? */
static inline bool xs_dial_has_more(const struct xs_dial *dial)
{
	return dial->at < dial->count;
}

/* When to give the address being tried up for the next one, in milliseconds of
 * any clock: its share of the time until deadline, but not too much of it; all
 * of it when no other address is left. */
int64_t xs_dial_due(const struct xs_dial *dial, int64_t now, int64_t deadline);

/* How the connect of fd is: 0 done, EINPROGRESS under way, else why it
 * failed. */
int xs_dial_check(int fd);

/* Sets *err to the sentence for a connect to address that failed with
 * errnum. */
void xs_dial_failed(const struct xs_address *address, int errnum,
		    struct xs_error *err);

/* Ends the TCP connection of fd, whoever else holds it, and leaves it as it
 * was before connect(2): nothing can be sent on it. */
void xs_dial_disconnect(int fd);

void xs_dial_free(struct xs_dial *dial);

#endif
