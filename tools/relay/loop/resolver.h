/* Names to addresses, without holding up a worker.
 *
 * getaddrinfo(3) blocks and knows everything that the machine's configuration
 * says, so it runs in threads of its own (pool.h).
 */
#ifndef XS_RESOLVER_H
#define XS_RESOLVER_H

#include "base/address.h"
#include "relay/loop/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_lookup;

/* What a lookup found: addresses with the port, in getaddrinfo's order; or
 * none, and then why, EAI_* and errno. */
struct xs_lookup_result {
	struct xs_address *address;
	size_t count;
	int error;
	int errnum; /* for EAI_SYSTEM */
};

/* Asks for the addresses of host.  answer is called on worker's thread, once,
 * with owner; it may take result->address over by setting it to NULL.  Returns
 * NULL when memory or threads are short. */
struct xs_lookup *
xs_resolver_ask(struct xs_worker *worker, const char *host, uint16_t port,
		void *owner,
		void (*answer)(void *owner, struct xs_lookup_result *result));

/* The owner does not want the answer any more.  Worker's thread; not from
 * within answer or after it. */
void xs_resolver_forget(struct xs_lookup *lookup);

/* Lets the threads leave, at the end of the program.  False when one is still
 * in a lookup whose owner has forgotten it: a lookup cannot be ended. */
bool xs_resolver_stop(void);

#endif
