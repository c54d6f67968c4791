/* Connecting to one of several addresses.
 *
 * On the socket that the library gave where an address fits its family, because
 * that has its options (a bound address, SO_MARK …); otherwise on a new
 * one.  Nothing here blocks or waits.
 */
#ifndef XS_DIAL_H
#define XS_DIAL_H

#include "base/address.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_dial {
	struct xs_address *address; /* on the heap */
	size_t count;
	size_t at;	/* the one being tried is address[at - 1] */
	size_t silent;	/* the last that had no answer: address[silent - 1] */
	int app_socket; /* the application's own */
	struct xs_error failed; /* of the first address that TCP gave up */
};

/* Begins to connect to the next address.  Returns the socket: the
 * application's own or a new one, the caller's to close; -1 when no address
 * is left.  *err is set to what was wrong with an address that fails at once,
 * unless it is set already. */
int xs_dial_next(struct xs_dial *dial, struct xs_error *err);

/* The address being tried; only after xs_dial_next. */
const struct xs_address *xs_dial_address(const struct xs_dial *dial);

/* Is there an address after the one being tried? */
static inline bool xs_dial_has_more(const struct xs_dial *dial)
{
	return dial->at < dial->count;
}

/* The address being tried had no answer in its time. */
static inline void xs_dial_note_silent(struct xs_dial *dial)
{
	dial->silent = dial->at;
}

/* When to give the address being tried up for the next one, in milliseconds of
 * any clock: its share of the time until deadline, but not too much of it; all
 * of it when no other address is left. */
int64_t xs_dial_due(const struct xs_dial *dial, int64_t now, int64_t deadline);

/* How the connect of fd is: 0 done, EINPROGRESS under way, else why it
 * failed. */
int xs_dial_check(int fd);

/* False when an address fails with errnum because this machine has no way to
 * it, so that nothing was sent: an IPv6 address on a machine without IPv6. */
bool xs_dial_was_tried(int errnum);

/* Sets *err to the sentence for a connect to address that failed with errnum.
 * The first one counts, but an address that was tried counts more than one that
 * could not be. */
void xs_dial_failed(const struct xs_address *address, int errnum,
		    struct xs_error *err);

/* Ends the TCP connection of fd, also for other processes that hold the socket,
 * and leaves it as it was before connect(2): nothing can be sent on it. */
void xs_dial_disconnect(int fd);

void xs_dial_free(struct xs_dial *dial);

#endif
