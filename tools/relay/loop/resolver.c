/* Names to addresses; see resolver.h.
 *
 * The owner may die before the answer is there.  No lock is needed for that:
 * a lookup's owner is only touched on its worker's thread, where both the
 * owner dies and the answer arrives.
 */
#include "relay/loop/resolver.h"

#include "relay/loop/pool.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 8 };

struct xs_lookup {
	struct xs_message message;
	struct xs_work work;
	struct xs_worker *worker;
	void *owner; /* NULL: nobody waits any more */
	void (*answer)(void *owner, struct xs_lookup_result *result);
	struct xs_lookup_result result;
	uint16_t port;
	char host[];
};

static struct xs_pool pool = XS_POOL(pool, THREADS_MAX);

/* Copies what getaddrinfo found. */
static void take_addresses(struct xs_lookup *lookup,
			   const struct addrinfo *list)
{
	struct xs_lookup_result *result = &lookup->result;
	size_t count = 0;

	for (const struct addrinfo *at = list; at; at = at->ai_next)
		count++;
	/* There is at least one.
	 * NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI) */
	result->address = calloc(count, sizeof(*result->address));
	if (!result->address) {
		result->error = EAI_MEMORY;
		return;
	}
	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		struct xs_address *address = &result->address[result->count];

		if (!xs_address_from(address, at->ai_addr, at->ai_addrlen))
			continue;
		xs_address_set_port(address, lookup->port);
		result->count++;
	}
}

static void look_up(struct xs_lookup *lookup)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	lookup->result.error = getaddrinfo(lookup->host, NULL, &hints, &list);
	lookup->result.errnum = errno;
	if (lookup->result.error == 0)
		take_addresses(lookup, list);
	if (list)
		freeaddrinfo(list);
}

static void deliver(struct xs_worker *worker, struct xs_message *message)
{
	struct xs_lookup *lookup =
		xs_container(message, struct xs_lookup, message);

	(void)worker;
	if (lookup->owner)
		lookup->answer(lookup->owner, &lookup->result);
	free(lookup->result.address);
	free(lookup);
}

static void run(struct xs_work *work)
{
	struct xs_lookup *lookup = xs_container(work, struct xs_lookup, work);

	look_up(lookup);
	xs_worker_post(lookup->worker, &lookup->message);
}

struct xs_lookup *
xs_resolver_ask(struct xs_worker *worker, const char *host, uint16_t port,
		void *owner,
		void (*answer)(void *owner, struct xs_lookup_result *result))
{
	size_t len = strlen(host) + 1;
	struct xs_lookup *lookup = calloc(1, sizeof(*lookup) + len);

	if (!lookup)
		return NULL;
	memcpy(lookup->host, host, len);
	lookup->message.deliver = deliver;
	lookup->worker = worker;
	lookup->port = port;
	lookup->owner = owner;
	lookup->answer = answer;
	lookup->work.run = run;
	if (xs_pool_give(&pool, &lookup->work))
		return lookup;
	free(lookup);
	return NULL;
}

void xs_resolver_forget(struct xs_lookup *lookup)
{
	lookup->owner = NULL;
}

bool xs_resolver_stop(void)
{
	return xs_pool_stop(&pool);
}
