/* Names to addresses; see resolver.h.
 *
 * The owner may die before the answer is there.  No lock is needed for that:
 * a lookup's owner is only touched on its worker's thread, where both the
 * owner dies and the answer arrives.
 */
#include "resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 8, IDLE_SECONDS = 10 };

struct xs_lookup {
	struct xs_message message;
	struct xs_lookup *next;
	struct xs_worker *worker;
	void *owner; /* NULL: nobody waits any more */
	void (*answer)(void *owner, struct xs_lookup_result *result);
	struct xs_lookup_result result;
	uint16_t port;
	char host[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct xs_lookup *waiting, **waiting_end = &waiting;
static int threads, idle_threads;
static bool stopping;

/* Copies what getaddrinfo found. */
static void take_addresses(struct xs_lookup *lookup,
			   const struct addrinfo *list)
{
	struct xs_lookup_result *result = &lookup->result;
	size_t count = 0;

	for (const struct addrinfo *at = list; at; at = at->ai_next)
		count++;
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

/* The next lookup; NULL when there was none for a while.  With the lock. */
static struct xs_lookup *next_lookup(void)
{
	struct xs_lookup *lookup;
	struct timespec until;
	int waited = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += IDLE_SECONDS;
	idle_threads++;
	while (!waiting && !stopping && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&changed, &lock, &until);
	idle_threads--;
	lookup = waiting;
	if (!lookup)
		return NULL;
	waiting = lookup->next;
	if (!waiting)
		waiting_end = &waiting;
	return lookup;
}

static void *run_resolver(void *unused)
{
	struct xs_lookup *lookup;

	(void)unused;
	pthread_mutex_lock(&lock);
	while ((lookup = next_lookup())) {
		pthread_mutex_unlock(&lock);
		look_up(lookup);
		xs_worker_post(lookup->worker, &lookup->message);
		pthread_mutex_lock(&lock);
	}
	threads--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Makes sure that somebody takes what waits.  With the lock. */
static bool have_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	if (idle_threads > 0 || threads >= THREADS_MAX)
		return true;
	if (pthread_attr_init(&attributes))
		return threads > 0;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attributes, run_resolver, NULL);
	pthread_attr_destroy(&attributes);
	if (!error)
		threads++;
	return threads > 0;
}

struct xs_lookup *
xs_resolver_ask(struct xs_worker *worker, const char *host, uint16_t port,
		void *owner,
		void (*answer)(void *owner, struct xs_lookup_result *result))
{
	size_t len = strlen(host) + 1;
	struct xs_lookup *lookup = calloc(1, sizeof(*lookup) + len);
	bool served;

	if (!lookup)
		return NULL;
	memcpy(lookup->host, host, len);
	lookup->message.deliver = deliver;
	lookup->worker = worker;
	lookup->port = port;
	lookup->owner = owner;
	lookup->answer = answer;
	pthread_mutex_lock(&lock);
	served = have_thread();
	if (served) {
		*waiting_end = lookup;
		waiting_end = &lookup->next;
		pthread_cond_signal(&changed);
	}
	pthread_mutex_unlock(&lock);
	if (served)
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
	struct timespec until;
	int waited = 0;
	bool stopped;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 1;
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&changed);
	while (threads > 0 && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&changed, &lock, &until);
	stopped = threads == 0;
	pthread_mutex_unlock(&lock);
	return stopped;
}
