/* Data connections that FTP servers have announced; see expect.h.
 *
 * One lock for all of it: it is taken for a reply to PASV or EPSV and for a
 * connect that no rule decides, never for data.  What is announced is found by
 * its port, which is the same whichever address the application takes.
 */
#include "expect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
	BUCKETS = 8192,
	EACH_MAX = 16,	   /* addresses of one control connection */
	ALL_MAX = 1 << 18, /* of all */
	GRACE_SECONDS = 60 /* behind the control connection */
};

struct item {
	struct item *next; /* in its bucket */
	struct item *newer;
	struct xs_expect *expect;
	struct xs_address announced; /* len 0: the host's own */
	uint16_t port;
	uint32_t token[2]; /* 0, 0: none is out */
};

struct xs_expect {
	int refs;		/* the control connection or the list … */
	struct xs_expect *next; /* … of those that have ended */
	time_t ends;
	struct xs_address asked, peer;
	struct xs_tls_context *context;
	struct xs_tls_session *session;
	struct item *oldest, *newest;
	int count;
	char *name, *scheme, *rule;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct item *bucket[BUCKETS];
static struct xs_expect *ended; /* the first to end first */
static struct xs_expect **ended_last = &ended;
static int all;

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec;
}

/* Without a port, in the family that it is meant in. */
static struct xs_address host_of(const struct xs_address *address)
{
	struct xs_address host = *address;

	xs_address_to_family(&host, AF_INET);
	xs_address_set_port(&host, 0);
	return host;
}

/* A link-local address without a scope may be any link's. */
static bool is_same_host(const struct xs_address *a, const struct xs_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr) &&
	       (!a->v6.sin6_scope_id || !b->v6.sin6_scope_id ||
		a->v6.sin6_scope_id == b->v6.sin6_scope_id);
}

/* --- items, under the lock -------------------------------------------- */

static void forget_oldest(struct xs_expect *expect)
{
	struct item *item = expect->oldest;
	struct item **at = &bucket[item->port % BUCKETS];

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	expect->oldest = item->newer;
	if (!expect->oldest)
		expect->newest = NULL;
	expect->count--;
	all--;
	free(item);
}

static void forget_all(struct xs_expect *expect)
{
	while (expect->oldest)
		forget_oldest(expect);
}

static void put(struct xs_expect *expect)
{
	if (--expect->refs > 0)
		return;
	xs_tls_context_put(expect->context);
	xs_tls_session_free(expect->session);
	free(expect->name);
	free(expect->scheme);
	free(expect->rule);
	free(expect);
}

/* Gives up those whose grace is over; with all those that have ended. */
static void sweep(bool every)
{
	time_t time = now();

	while (ended && (every || ended->ends <= time)) {
		struct xs_expect *expect = ended;

		ended = expect->next;
		if (!ended)
			ended_last = &ended;
		forget_all(expect);
		put(expect);
	}
}

/* Where a connection to asked goes, if item is about it. */
static bool leads(const struct item *item, const struct xs_address *asked,
		  struct xs_address *to)
{
	const struct xs_expect *expect = item->expect;

	if (item->port != xs_address_port(asked))
		return false;
	if (is_same_host(asked, &expect->asked))
		*to = expect->peer;
	else if (item->announced.len && is_same_host(asked, &item->announced))
		*to = item->announced;
	else
		return false;
	xs_address_set_port(to, item->port);
	return true;
}

static struct item *find_asked(const struct xs_address *asked,
			       struct xs_address *to)
{
	struct xs_address host = host_of(asked);
	struct item *item = bucket[xs_address_port(asked) % BUCKETS];

	xs_address_set_port(&host, xs_address_port(asked));
	while (item && !leads(item, &host, to))
		item = item->next;
	return item;
}

static struct item *find_token(const uint32_t token[2], uint16_t port)
{
	struct item *item = bucket[port % BUCKETS];

	while (item && (item->port != port || item->token[0] != token[0] ||
			item->token[1] != token[1]))
		item = item->next;
	return item;
}

/* --- the control connection's side -------------------------------------- */

struct xs_expect *xs_expect_begin(const struct xs_expect_terms *terms,
				  struct xs_tls_context *context)
{
	struct xs_expect *expect = calloc(1, sizeof(*expect));

	if (!expect)
		return NULL;
	expect->refs = 1;
	expect->asked = host_of(&terms->asked);
	expect->peer = host_of(&terms->peer);
	xs_tls_context_keep(context);
	expect->context = context;
	expect->name = strdup(terms->name);
	expect->scheme = strdup(terms->scheme);
	expect->rule = strdup(terms->rule);
	if (expect->name && expect->scheme && expect->rule)
		return expect;
	put(expect);
	return NULL;
}

void xs_expect_end(struct xs_expect *expect)
{
	if (!expect)
		return;
	pthread_mutex_lock(&lock);
	sweep(false);
	expect->ends = now() + GRACE_SECONDS;
	expect->next = NULL;
	*ended_last = expect;
	ended_last = &expect->next;
	pthread_mutex_unlock(&lock);
}

static bool add(struct xs_expect *expect, const struct xs_address *to,
		uint16_t port)
{
	struct item *item = calloc(1, sizeof(*item));
	struct item **first = &bucket[port % BUCKETS];

	if (!item)
		return false;
	item->expect = expect;
	item->port = port;
	if (to->len)
		item->announced = host_of(to);
	item->next = *first;
	*first = item;
	if (expect->newest)
		expect->newest->newer = item;
	else
		expect->oldest = item;
	expect->newest = item;
	expect->count++;
	all++;
	return true;
}

/* A server listens for one data connection at a time, so what is old will not
 * be connected to any more. */
static void make_room(struct xs_expect *expect)
{
	if (all >= ALL_MAX)
		sweep(true);
	while (expect->count && (expect->count >= EACH_MAX || all >= ALL_MAX))
		forget_oldest(expect);
}

bool xs_expect_add(struct xs_expect *expect, const struct xs_address *to,
		   uint16_t port, struct xs_tls_session *session,
		   struct xs_error *err)
{
	struct xs_tls_session *old = session;
	bool done = false;

	pthread_mutex_lock(&lock);
	sweep(false);
	if (session) {
		old = expect->session;
		expect->session = session;
	}
	make_room(expect);
	if (all < ALL_MAX)
		done = add(expect, to, port);
	pthread_mutex_unlock(&lock);
	xs_tls_session_free(old);
	if (!done)
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
			     "the relay has no room for another data "
			     "connection");
	return done;
}

/* --- the data connection's side ------------------------------------------ */

bool xs_expect_find(const struct xs_address *asked,
		    struct xs_expect_answer *answer)
{
	struct item *item;

	pthread_mutex_lock(&lock);
	sweep(false);
	item = find_asked(asked, &answer->to);
	if (item && getrandom(item->token, sizeof(item->token), 0) !=
			    sizeof(item->token))
		memset(item->token, 0, sizeof(item->token));
	if (item) {
		const struct xs_expect *expect = item->expect;

		memcpy(answer->token, item->token, sizeof(answer->token));
		snprintf(answer->name, sizeof(answer->name), "%s",
			 expect->name);
		snprintf(answer->scheme, sizeof(answer->scheme), "%s",
			 expect->scheme);
		snprintf(answer->rule, sizeof(answer->rule), "%s",
			 expect->rule);
	}
	pthread_mutex_unlock(&lock);
	return item;
}

struct xs_expect *xs_expect_take(const uint32_t token[2], uint16_t port)
{
	struct xs_expect *expect = NULL;
	struct item *item;

	if (!token[0] && !token[1])
		return NULL;
	pthread_mutex_lock(&lock);
	item = find_token(token, port);
	if (item) {
		memset(item->token, 0, sizeof(item->token));
		expect = item->expect;
		expect->refs++;
	}
	pthread_mutex_unlock(&lock);
	return expect;
}

void xs_expect_put(struct xs_expect *expect)
{
	if (!expect)
		return;
	pthread_mutex_lock(&lock);
	put(expect);
	pthread_mutex_unlock(&lock);
}

struct xs_tls_context *xs_expect_context(const struct xs_expect *expect)
{
	return expect->context;
}

void xs_expect_resume(struct xs_expect *expect, struct xs_tls *tls)
{
	pthread_mutex_lock(&lock);
	xs_tls_session_use(tls, expect->session);
	pthread_mutex_unlock(&lock);
}

void xs_expect_forget(void)
{
	pthread_mutex_lock(&lock);
	sweep(true);
	pthread_mutex_unlock(&lock);
}
