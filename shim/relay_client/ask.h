/* Asking the relay which addresses some names have now.
 *
 * getaddrinfo(3) takes locks, calls the application's malloc, and loads
 * whatever the name service switch is told to: nothing for a connect in a
 * signal handler, in a forked child of a program with threads, or in a vfork
 * child.  The relay has threads for it.
 *
 * System calls only: any thread, any signal context.
 */
#ifndef XS_ASK_H
#define XS_ASK_H

#include "base/address.h"
#include "base/error.h"
#include "base/wire.h"

/* Seconds that an answer may take. */
enum { XS_ASK_SECONDS = 10 };

/* A question about a few names.  Kept small, for it lies on the stack of an
 * application's thread. */
struct xs_ask {
	size_t count;
	size_t len;
	char names[1536]; /* with a blank between two */
	/* Of each name, when it was run: 0, its addresses have been told; else
	 * an errno (EAGAIN: the name servers did not answer). */
	uint8_t state[XS_WIRE_NAMES_MAX];
};

void xs_ask_init(struct xs_ask *ask);

/* One name more.  False when the question is full; never when it is empty. */
bool xs_ask_add(struct xs_ask *ask, const char *name);

/* Asks, starting a relay if there is none, and waits at most so many seconds.
 * found is called for each address of each name, which is told by its number
 * in the order in which they were added.  Returns 0, or -1 when no relay can
 * be asked, with *err set. */
int xs_ask_run(struct xs_ask *ask, unsigned seconds,
	       void (*found)(void *with, size_t name,
			     const struct xs_address *address),
	       void *with, struct xs_error *err);

#endif
