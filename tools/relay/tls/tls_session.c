/* Sessions of finished handshakes, for the next connection to the same server.
 *
 * They are kept with the context, so a session is only resumed under the very
 * options, files and trust under which its certificate was verified; within a
 * context by server and name.  A ticket of TLS 1.3 is used once (RFC 8446,
 * C.4).  A session ends with its own lifetime, or when what verified its full
 * handshake does not count any more (tls_bound.c), whichever is first.
 *
 * A session can also be taken from a connection, for one that must resume the
 * session of exactly that one.
 *
 * Sessions come whenever the server sends them, on the worker's thread of that
 * connection; one lock for each context.
 */
#include "relay/tls/tls_private.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	SERVERS_MAX = 256, /* the one not used for longest goes first */
	TICKETS_MAX = 4,   /* of one server; the newest are kept */
};

struct server {
	struct server *next;
	SSL_SESSION *session[TICKETS_MAX]; /* the newest first, no gaps */
	char key[];
};

struct xs_tls_sessions {
	pthread_mutex_t lock;
	struct server *first; /* the last used */
};

struct xs_tls_sessions *xs_tls_sessions_make(void)
{
	struct xs_tls_sessions *sessions = calloc(1, sizeof(*sessions));

	if (sessions)
		pthread_mutex_init(&sessions->lock, NULL);
	return sessions;
}

static void free_server(struct server *server)
{
	for (int i = 0; i < TICKETS_MAX; i++)
		SSL_SESSION_free(server->session[i]);
	free(server);
}

void xs_tls_sessions_free(struct xs_tls_sessions *sessions)
{
	if (!sessions)
		return;
	while (sessions->first) {
		struct server *server = sessions->first;

		sessions->first = server->next;
		free_server(server);
	}
	pthread_mutex_destroy(&sessions->lock);
	free(sessions);
}

/* Takes the server out of the list. */
static struct server *unlink_server(struct xs_tls_sessions *sessions,
				    const char *key)
{
	for (struct server **at = &sessions->first; *at; at = &(*at)->next) {
		struct server *server = *at;

		if (strcmp(server->key, key) == 0) {
			*at = server->next;
			return server;
		}
	}
	return NULL;
}

static void link_server(struct xs_tls_sessions *sessions, struct server *server)
{
	struct server **at = &sessions->first, *last = NULL;
	int count = 0;

	server->next = sessions->first;
	sessions->first = server;
	for (; *at; at = &(*at)->next)
		if (++count > SERVERS_MAX) {
			last = *at;
			*at = NULL;
			break;
		}
	if (last)
		free_server(last);
}

static struct server *make_server(const char *key)
{
	size_t len = strlen(key) + 1;
	struct server *server = calloc(1, sizeof(*server) + len);

	if (server)
		memcpy(server->key, key, len);
	return server;
}

/* In seconds; of a ticket, since it came. */
static long age_of(const SSL_SESSION *session)
{
	time_t now = xs_tls_bound_now();

#if OPENSSL_VERSION_PREREQ(3, 3) /* the other one is deprecated: it ends in    \
				    2038 */
	return (long)(now - SSL_SESSION_get_time_ex(session));
#else
	return (long)now - SSL_SESSION_get_time(session);
#endif
}

static bool is_good(const SSL_SESSION *session)
{
	long age = age_of(session);

	return SSL_SESSION_is_resumable(session) && age >= 0 &&
	       age < SSL_SESSION_get_timeout(session) &&
	       xs_tls_bound_holds(session);
}

/* Takes the first of them away. */
static SSL_SESSION *pop(struct server *server)
{
	SSL_SESSION *session = server->session[0];

	memmove(server->session, server->session + 1,
		/* Pointers are moved.
		 * NOLINTNEXTLINE(bugprone-sizeof-expression) */
		(TICKETS_MAX - 1) * sizeof(server->session[0]));
	server->session[TICKETS_MAX - 1] = NULL;
	return session;
}

static void push(struct server *server, SSL_SESSION *session)
{
	SSL_SESSION_free(server->session[TICKETS_MAX - 1]);
	memmove(server->session + 1, server->session,
		/* Pointers are moved.
		 * NOLINTNEXTLINE(bugprone-sizeof-expression) */
		(TICKETS_MAX - 1) * sizeof(server->session[0]));
	server->session[0] = session;
}

/* Is it a ticket of TLS 1.3?  DTLS counts downwards from 0xfeff. */
static bool is_for_once(const SSL_SESSION *session)
{
	int version = SSL_SESSION_get_protocol_version(session);

	return version >= TLS1_3_VERSION && version >> 8 == TLS1_VERSION_MAJOR;
}

/* A session for the caller to free, or NULL. */
static SSL_SESSION *take(struct server *server)
{
	SSL_SESSION *session;

	while ((session = pop(server)) && !is_good(session))
		SSL_SESSION_free(session);
	if (session && !is_for_once(session)) {
		SSL_SESSION_up_ref(session);
		push(server, session);
	}
	return session;
}

/* OpenSSL marks the session of a connection that breaks: it is resumed no more
 * (ssl_clear_bad_session in ssl/ssl_lib.c).  So each connection has a copy, for
 * the one that the session came from is not concerned: an FTP server may demand
 * it for data connections. */
void xs_tls_sessions_use(struct xs_tls_sessions *sessions, const char *key,
			 SSL *ssl)
{
	SSL_SESSION *session = NULL, *copy;
	struct server *server;

	pthread_mutex_lock(&sessions->lock);
	server = unlink_server(sessions, key);
	if (server) {
		session = take(server);
		link_server(sessions, server);
	}
	pthread_mutex_unlock(&sessions->lock);
	copy = session ? SSL_SESSION_dup(session) : NULL;
	if (copy)
		SSL_set_session(ssl, copy);
	SSL_SESSION_free(copy);
	SSL_SESSION_free(session);
	ERR_clear_error();
}

bool xs_tls_sessions_keep(struct xs_tls_sessions *sessions, const char *key,
			  SSL_SESSION *session)
{
	bool ticket_only = is_for_once(session);
	struct server *server;

	pthread_mutex_lock(&sessions->lock);
	server = unlink_server(sessions, key);
	if (!server)
		server = make_server(key);
	if (server) {
		/* Of TLS 1.2 the newest serves any number of connections. */
		for (int i = 0; !ticket_only && i < TICKETS_MAX; i++)
			SSL_SESSION_free(pop(server));
		push(server, session);
		link_server(sessions, server);
	}
	pthread_mutex_unlock(&sessions->lock);
	return server;
}

void xs_tls_sessions_drop(struct xs_tls_sessions *sessions, const char *key)
{
	struct server *server;

	pthread_mutex_lock(&sessions->lock);
	server = unlink_server(sessions, key);
	pthread_mutex_unlock(&sessions->lock);
	if (server)
		free_server(server);
}

/* Behind the others, for it is older.  False: there is no room. */
static bool append(struct server *server, SSL_SESSION *session)
{
	for (int i = 0; i < TICKETS_MAX; i++)
		if (!server->session[i]) {
			server->session[i] = session;
			return true;
		}
	return false;
}

/* Of TLS 1.2 it was not taken away.  A server that is not there any more has
 * been dropped, and this one's sessions with it. */
void xs_tls_sessions_return(const struct xs_tls *tls)
{
	struct xs_tls_sessions *sessions =
		xs_tls_context_sessions(tls->context);
	SSL_SESSION *session = SSL_get1_session(tls->ssl);
	struct server *server;
	bool kept = false;

	if (session && is_for_once(session)) {
		pthread_mutex_lock(&sessions->lock);
		server = unlink_server(sessions, tls->server);
		if (server) {
			kept = append(server, session);
			link_server(sessions, server);
		}
		pthread_mutex_unlock(&sessions->lock);
	}
	if (!kept)
		SSL_SESSION_free(session);
}

/* --- one session, for one other connection ------------------------------- */

/* A copy each time, because OpenSSL changes a session in use. */
struct xs_tls_session *xs_tls_session_take(const struct xs_tls *tls)
{
	SSL_SESSION *session = SSL_get0_session(tls->ssl), *copy = NULL;

	if (session && xs_tls_context_options(tls->context)->session_reuse &&
	    SSL_SESSION_is_resumable(session))
		copy = SSL_SESSION_dup(session);
	ERR_clear_error();
	return (struct xs_tls_session *)copy;
}

void xs_tls_session_use(struct xs_tls *tls,
			const struct xs_tls_session *session)
{
	const struct xs_options *options = xs_tls_context_options(tls->context);
	const SSL_SESSION *kept = (const SSL_SESSION *)session;
	SSL_SESSION *copy =
		kept && xs_tls_bound_holds(kept) ? SSL_SESSION_dup(kept) : NULL;
	X509 *cert = copy ? SSL_SESSION_get0_peer(copy) : NULL;

	/* No certificate comes, so what was accepted counts. */
	if (copy && SSL_set_session(tls->ssl, copy) && cert)
		tls->early->self_signed = options->allow_self_signed &&
					  X509_self_signed(cert, 0) == 1;
	SSL_SESSION_free(copy);
	ERR_clear_error();
}

void xs_tls_session_free(struct xs_tls_session *session)
{
	SSL_SESSION_free((SSL_SESSION *)session);
}
