/* Data connections that FTP servers have announced; see ftp_data.h.
 *
 * One lock for all of it: it is taken for a reply to PASV or EPSV and for a
 * connect that no rule decides, never for data.  What is announced is found by
 * its port, which is the same whichever address the application takes.
 */
#include "relay/client/ftp_data.h"

#include "base/clock.h"

#include "relay/tls/tls.h"

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
	struct xs_ftp_data *ftp_data;
	struct xs_address announced; /* len 0: the host's own */
	uint16_t port;
	uint32_t token[2]; /* 0, 0: none is out */
};

struct xs_ftp_data {
	int refs;		  /* the control connection or the list … */
	struct xs_ftp_data *next; /* … of those that have ended */
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
static struct xs_ftp_data *ended; /* the first to end first */
static struct xs_ftp_data **ended_last = &ended;
static int all;

static time_t now(void)
{
	return (time_t)(xs_clock_coarse_ms() / 1000);
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

static void forget_oldest(struct xs_ftp_data *ftp_data)
{
	struct item *item = ftp_data->oldest;
	struct item **at = &bucket[item->port % BUCKETS];

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	ftp_data->oldest = item->newer;
	if (!ftp_data->oldest)
		ftp_data->newest = NULL;
	ftp_data->count--;
	all--;
	free(item);
}

static void forget_all(struct xs_ftp_data *ftp_data)
{
	while (ftp_data->oldest)
		forget_oldest(ftp_data);
}

static void put(struct xs_ftp_data *ftp_data)
{
	if (--ftp_data->refs > 0)
		return;
	xs_tls_context_put(ftp_data->context);
	xs_tls_session_free(ftp_data->session);
	free(ftp_data->name);
	free(ftp_data->scheme);
	free(ftp_data->rule);
	free(ftp_data);
}

/* Gives up those whose grace is over; with all those that have ended. */
static void sweep(bool every)
{
	time_t time = now();

	while (ended && (every || ended->ends <= time)) {
		struct xs_ftp_data *ftp_data = ended;

		ended = ftp_data->next;
		if (!ended)
			ended_last = &ended;
		forget_all(ftp_data);
		put(ftp_data);
	}
}

static bool goes_to_control(const struct xs_ftp_data *ftp_data)
{
	return xs_tls_context_options(ftp_data->context)->ftp_data_control;
}

/* Where a connection to asked goes, if item is about it. */
static bool leads(const struct item *item, const struct xs_address *asked,
		  struct xs_address *to)
{
	const struct xs_ftp_data *ftp_data = item->ftp_data;

	if (item->port != xs_address_port(asked))
		return false;
	if (is_same_host(asked, &ftp_data->asked))
		*to = ftp_data->peer;
	else if (item->announced.len && is_same_host(asked, &item->announced))
		*to = goes_to_control(ftp_data) ? ftp_data->peer
						: item->announced;
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

struct xs_ftp_data *xs_ftp_data_begin(const struct xs_ftp_data_terms *terms,
				      struct xs_tls_context *context)
{
	struct xs_ftp_data *ftp_data = calloc(1, sizeof(*ftp_data));

	if (!ftp_data)
		return NULL;
	ftp_data->refs = 1;
	ftp_data->asked = host_of(&terms->asked);
	ftp_data->peer = host_of(&terms->peer);
	xs_tls_context_keep(context);
	ftp_data->context = context;
	ftp_data->name = strdup(terms->name);
	ftp_data->scheme = strdup(terms->scheme);
	ftp_data->rule = strdup(terms->rule);
	if (ftp_data->name && ftp_data->scheme && ftp_data->rule)
		return ftp_data;
	put(ftp_data);
	return NULL;
}

void xs_ftp_data_end(struct xs_ftp_data *ftp_data)
{
	if (!ftp_data)
		return;
	pthread_mutex_lock(&lock);
	sweep(false);
	ftp_data->ends = now() + GRACE_SECONDS;
	ftp_data->next = NULL;
	*ended_last = ftp_data;
	ended_last = &ftp_data->next;
	pthread_mutex_unlock(&lock);
}

static bool add(struct xs_ftp_data *ftp_data, const struct xs_address *to,
		uint16_t port)
{
	struct item *item = calloc(1, sizeof(*item));
	struct item **first = &bucket[port % BUCKETS];

	if (!item)
		return false;
	item->ftp_data = ftp_data;
	item->port = port;
	if (to->len)
		item->announced = host_of(to);
	item->next = *first;
	*first = item;
	if (ftp_data->newest)
		ftp_data->newest->newer = item;
	else
		ftp_data->oldest = item;
	ftp_data->newest = item;
	ftp_data->count++;
	all++;
	return true;
}

/* A server listens for one data connection at a time, so what is old will not
 * be connected to any more. */
static void make_room(struct xs_ftp_data *ftp_data)
{
	if (all >= ALL_MAX)
		sweep(true);
	while (ftp_data->count &&
	       (ftp_data->count >= EACH_MAX || all >= ALL_MAX))
		forget_oldest(ftp_data);
}

bool xs_ftp_data_add(struct xs_ftp_data *ftp_data, const struct xs_address *to,
		     uint16_t port, struct xs_tls_session *session,
		     struct xs_error *err)
{
	struct xs_tls_session *old = session;
	bool done = false;

	pthread_mutex_lock(&lock);
	sweep(false);
	if (session) {
		old = ftp_data->session;
		ftp_data->session = session;
	}
	make_room(ftp_data);
	if (all < ALL_MAX)
		done = add(ftp_data, to, port);
	pthread_mutex_unlock(&lock);
	xs_tls_session_free(old);
	if (!done)
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
			     "the relay has no room for another data "
			     "connection");
	return done;
}

/* --- the data connection's side ------------------------------------------ */

bool xs_ftp_data_find(const struct xs_address *asked,
		      struct xs_ftp_data_answer *answer)
{
	struct item *item;

	pthread_mutex_lock(&lock);
	sweep(false);
	item = find_asked(asked, &answer->to);
	if (item && getrandom(item->token, sizeof(item->token), 0) !=
			    sizeof(item->token))
		memset(item->token, 0, sizeof(item->token));
	if (item) {
		const struct xs_ftp_data *ftp_data = item->ftp_data;

		memcpy(answer->token, item->token, sizeof(answer->token));
		snprintf(answer->name, sizeof(answer->name), "%s",
			 ftp_data->name);
		snprintf(answer->scheme, sizeof(answer->scheme), "%s",
			 ftp_data->scheme);
		snprintf(answer->rule, sizeof(answer->rule), "%s",
			 ftp_data->rule);
	}
	pthread_mutex_unlock(&lock);
	return item;
}

struct xs_ftp_data *xs_ftp_data_take(const uint32_t token[2], uint16_t port)
{
	struct xs_ftp_data *ftp_data = NULL;
	struct item *item;

	if (!token[0] && !token[1])
		return NULL;
	pthread_mutex_lock(&lock);
	item = find_token(token, port);
	if (item) {
		memset(item->token, 0, sizeof(item->token));
		ftp_data = item->ftp_data;
		ftp_data->refs++;
	}
	pthread_mutex_unlock(&lock);
	return ftp_data;
}

void xs_ftp_data_put(struct xs_ftp_data *ftp_data)
{
	if (!ftp_data)
		return;
	pthread_mutex_lock(&lock);
	put(ftp_data);
	pthread_mutex_unlock(&lock);
}

struct xs_tls_context *xs_ftp_data_context(const struct xs_ftp_data *ftp_data)
{
	return ftp_data->context;
}

void xs_ftp_data_resume(struct xs_ftp_data *ftp_data, struct xs_tls *tls)
{
	pthread_mutex_lock(&lock);
	xs_tls_session_use(tls, ftp_data->session);
	pthread_mutex_unlock(&lock);
}

void xs_ftp_data_forget(void)
{
	pthread_mutex_lock(&lock);
	sweep(true);
	pthread_mutex_unlock(&lock);
}
