/* A client made in advance, for the next connection to the same server.
 *
 * Before a ClientHello can be sent, OpenSSL makes an SSL object and a key, and
 * binds a ticket to it: 0.15 ms.  While a server answers the ClientHello of
 * one connection, its worker has nothing to do; where connections follow each
 * other, that is the time to make the next one.  So a program that makes many
 * short connections, or many programs that make one each, wait that much less.
 *
 * A spare is what xs_tls_new, xs_tls_resume and the first xs_tls_handshake
 * would have made: for one context, name and server, under the same options
 * and files, used once.  Its random numbers, its key and its ticket are its
 * own.  It is made only for who came twice within REPEAT_MS, never instead of
 * a ticket that is to come, and thrown away when nobody comes for it; then the
 * ticket goes back.
 *
 * Few servers at a time are remembered, for all workers, behind one lock that
 * is never held while OpenSSL works.
 */
#include "relay/tls/tls_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PLACES = 8,
	REPEAT_MS = 1000,
};

struct place {
	struct xs_tls_context *context; /* with a reference; NULL: free */
	char *name;
	char *server;
	int64_t came_ms;      /* when somebody connected there last */
	int64_t made_ms;      /* when the spare was made */
	struct xs_tls *spare; /* NULL: none; reads name until it is taken */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place places[PLACES];

static int64_t now_in_ms(void)
{
	struct timespec now;

	/* A suspended machine lets tickets and certificates get old. */
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- places; with the lock held, but for empty --------------------------- */

static struct place *find(const struct xs_tls_context *context,
			  const char *name, const char *server)
{
	for (int i = 0; i < PLACES; i++)
		if (places[i].context == context &&
		    strcmp(places[i].name, name) == 0 &&
		    strcmp(places[i].server, server) == 0)
			return &places[i];
	return NULL;
}

/* One that is free, or that nobody came to for longest. */
static struct place *choose(void)
{
	struct place *chosen = &places[0];

	for (int i = 0; i < PLACES; i++) {
		if (!places[i].context)
			return &places[i];
		if (places[i].came_ms < chosen->came_ms)
			chosen = &places[i];
	}
	return chosen;
}

/* Frees what was a place. */
static void empty(struct place *place)
{
	xs_tls_free(place->spare);
	xs_tls_context_put(place->context);
	free(place->name);
	free(place->server);
}

/* --- making one ---------------------------------------------------------- */

/* Somebody connects: is it time to make a spare for the next?  The place is
 * there from now on. */
static bool is_time(struct xs_tls_context *context, const char *name,
		    const char *server)
{
	int64_t now = now_in_ms();
	struct place fresh = { .context = context, .came_ms = now };
	struct place old = { 0 }, *place;
	bool repeated = false;

	pthread_mutex_lock(&lock);
	place = find(context, name, server);
	if (place) {
		repeated = !place->spare && now - place->came_ms < REPEAT_MS;
		place->came_ms = now;
	} else {
		fresh.name = strdup(name);
		fresh.server = strdup(server);
		xs_tls_context_keep(context);
		place = choose();
		old = fresh.name && fresh.server ? *place : fresh;
		if (fresh.name && fresh.server)
			*place = fresh;
	}
	pthread_mutex_unlock(&lock);
	empty(&old);
	return repeated;
}

static struct xs_tls *make(struct xs_tls_context *context, const char *name,
			   const char *server)
{
	struct xs_error err = { 0 };
	struct xs_tls *tls = xs_tls_new(context, name, &err);

	if (!tls)
		return NULL;
	xs_tls_resume(tls, server);
	if ((tls->server && !tls->early->offers_session) ||
	    !xs_tls_prepare(tls)) {
		xs_tls_free(tls);
		return NULL;
	}
	return tls;
}

/* Where it was asked for; somebody else may have been faster. */
static void put(const struct xs_tls_context *context, const char *name,
		const char *server, struct xs_tls *spare)
{
	struct place unwanted = { .spare = spare }, *place;

	pthread_mutex_lock(&lock);
	place = find(context, name, server);
	if (place && !place->spare) {
		spare->early->name = xs_tls_name(context, place->name);
		place->spare = spare;
		place->made_ms = now_in_ms();
		unwanted.spare = NULL;
	}
	pthread_mutex_unlock(&lock);
	empty(&unwanted);
}

void xs_tls_spare_make(struct xs_tls_context *context, const char *name,
		       const char *server)
{
	struct xs_tls *spare;

	/* A place keeps its context, and the key in it, when the rule has
	 * another key already. */
	if (xs_tls_context_psk(context) || !is_time(context, name, server))
		return;
	spare = make(context, name, server);
	if (spare)
		put(context, name, server, spare);
}

/* --- taking it, throwing it away ----------------------------------------- */

/* Its hello may offer a session that has ended meanwhile. */
static bool is_over(const struct place *place, const struct xs_tls *spare)
{
	return now_in_ms() - place->made_ms > XS_TLS_SPARE_MS ||
	       (spare->early->offers_session &&
		!xs_tls_bound_holds(SSL_get0_session(spare->ssl)));
}

struct xs_tls *xs_tls_spare_take(const struct xs_tls_context *context,
				 const char *name, const char *server)
{
	struct place *place, old = { 0 };
	struct xs_tls *spare = NULL;

	pthread_mutex_lock(&lock);
	place = find(context, name, server);
	if (place) {
		spare = place->spare;
		place->spare = NULL;
		if (spare && is_over(place, spare)) {
			old.spare = spare;
			spare = NULL;
		}
	}
	if (spare)
		spare->early->name = xs_tls_name(context, name);
	pthread_mutex_unlock(&lock);
	empty(&old);
	return spare;
}

/* One place in a time has a spare for this server: names that differ are other
 * servers, for sessions too. */
void xs_tls_spare_drop(const struct xs_tls *tls)
{
	struct xs_tls *spare = NULL;

	pthread_mutex_lock(&lock);
	for (int i = 0; tls->server && i < PLACES && !spare; i++) {
		struct place *place = &places[i];

		if (place->context == tls->context && place->spare &&
		    strcmp(place->spare->server, tls->server) == 0) {
			spare = place->spare;
			place->spare = NULL;
		}
	}
	pthread_mutex_unlock(&lock);
	if (spare)
		spare->early->offers_session = false; /* it is of no use */
	xs_tls_free(spare);
}

/* Empties the places to which nobody came since; the number of the others. */
static int empty_until(int64_t came_ms)
{
	struct place old[PLACES] = { 0 };
	int left = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < PLACES; i++) {
		if (!places[i].context)
			continue;
		if (places[i].came_ms > came_ms) {
			left++;
			continue;
		}
		old[i] = places[i];
		places[i] = (struct place){ 0 };
	}
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < PLACES; i++)
		empty(&old[i]);
	return left;
}

bool xs_tls_spare_expire(void)
{
	return empty_until(now_in_ms() - XS_TLS_SPARE_MS) > 0;
}

void xs_tls_spare_forget(void)
{
	empty_until(INT64_MAX);
}
