/* The ends of a connect: it has succeeded, it has failed, or nobody asks for it
 * any more.
 *
 * Every way ends here, and only here is the order kept in which an outcome is
 * told: whoever is woken must find the pair's name, and nobody may find a TCP
 * socket that carries plaintext.
 *
 * With connect=early the application is told when TCP stands, and what it
 * writes lies in the pair until the server is verified.  A failure behind that
 * is a reset of the pair.
 */
#include "relay/connection/connection_private.h"

#include "base/pair.h"
#include "relay/connection/failures.h"
#include "relay/connection/totals.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Linux 5.14; newer than some headers. */
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#ifndef SOCK_SNDBUF_LOCK
#define SOCK_SNDBUF_LOCK 1
#endif

/* Who is told may bind the next socket to the same port at once.  That fails
 * while a socket of the relay still has the port. */
static void release_tcp(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;

	/* No other thread looks at the descriptor behind this. */
	xs_registry_remove(&connection->registered);
	xs_worker_unwatch(connection->worker, connection->tcp_fd);
	if (pending->app_tcp != connection->tcp_fd)
		close(pending->app_tcp);
	close(connection->tcp_fd);
	connection->tcp_fd = pending->app_tcp = -1;
}

/* The connect has failed: takes TCP away, tells everybody, ends.  What fails
 * behind the verdict just ends. */
void xs_verdict_fail(struct xs_connection *connection, struct xs_error *err)
{
	struct xs_pending *pending = connection->pending;
	int fd = connection->tcp_fd, nodelay;
	bool awaited;

	if (!pending) {
		xs_connection_break(connection, err);
		return;
	}
	nodelay = xs_pair_nodelay(pending->app_end);
	awaited = !pending->told &&
		  xs_pair_asker(pending->app_end) == XS_PAIR_AWAITED;
	xs_pending_close_app(pending);
	/* FIN makes the alert, if there is one, leave before the reset. */
	shutdown(fd, SHUT_WR);
	xs_dial_disconnect(fd);
	if (fd != pending->app_tcp)
		xs_dial_disconnect(pending->app_tcp);
	setsockopt(pending->app_tcp, IPPROTO_TCP, TCP_NODELAY, &nodelay,
		   sizeof(nodelay));
	xs_log_words_log_failure(pending->request->log_words, pending->log_fd,
				 err);
	xs_failures_add(pending->request->log_words, err->errnum, false,
			err->text);
	xs_totals_failed(err->kind);
	/* The application's connect holds nothing while it waits. */
	if (awaited)
		xs_pair_give_socket(connection->pair_fd, pending->app_tcp);
	release_tcp(connection);
	if (!pending->told)
		xs_pair_name_failed(connection->pair_fd,
				    connection->registered.id, err->errnum);
	/* Closed with the gate's filler, or the mark, unread: the application's
	 * end gets POLLERR and ECONNRESET (unix_release_sock). */
	close(connection->pair_fd);
	connection->pair_fd = -1;
	xs_pending_answer(pending, err, NULL);
	xs_connection_end(connection);
}

void xs_verdict_fail_memory(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	xs_error_set(&err, XS_ERR_SYSTEM, ENOMEM, "the relay is out of memory");
	xs_verdict_fail(connection, &err);
}

/* The local and peer address, as the application's socket would have them. */
static void read_addresses(const struct xs_connection *connection,
			   struct xs_address *local, struct xs_address *peer)
{
	int family = connection->pending->request->wire.head.family;

	local->len = sizeof(local->v6);
	peer->len = sizeof(peer->v6);
	if (getsockname(connection->tcp_fd, &local->any, &local->len) < 0 ||
	    getpeername(connection->tcp_fd, &peer->any, &peer->len) < 0) {
		/* It broke this moment; the pump will find out. */
		*peer = *xs_dial_address(&connection->pending->dial);
		memset(local, 0, sizeof(*local));
		local->any.sa_family = peer->any.sa_family;
		local->len = peer->len;
	}
	xs_address_to_family(local, family);
	xs_address_to_family(peer, family);
}

/* SO_SNDBUF where the application has set it, else 0: who wants a send to wait
 * early must not have a large buffer in front of its small one. */
static int send_limit(int tcp_fd)
{
	int locked = 0, size = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(tcp_fd, SOL_SOCKET, SO_BUF_LOCK, &locked, &len) < 0 ||
	    !(locked & SOCK_SNDBUF_LOCK) ||
	    getsockopt(tcp_fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0)
		return 0;
	/* The kernel doubles what it is told (socket(7)). */
	return size / 2;
}

/* --- nobody asks ------------------------------------------------------ */

/* Has the application closed its end?  Our copy must be closed. */
static bool is_left(const struct xs_connection *connection)
{
	struct pollfd pair = { .fd = connection->pair_fd };

	return poll(&pair, 1, 0) == 1 && pair.revents & POLLHUP;
}

static const char *when_left(const struct xs_connection *connection)
{
	switch (connection->state) {
	case LOAD:
		return "before the files of the rule were read";
	case RESOLVE:
		return "before the name was looked up";
	case CONNECT:
		return "before TCP was connected";
	case DIALOGUE:
	case HANDSHAKE:
	case OPEN:
	case AWAIT:
	case LINGER:
	case GONE:
		break;
	}
	return connection->pending->told
		       ? "when TCP was connected and TLS was under way"
		       : "when TCP was connected and TLS was under way (with "
			 "connect=early in the rule, TCP is all that it waits "
			 "for)";
}

/* For a program that gives an address little time: plain TCP would have been
 * in time. */
static void log_left(const struct xs_connection *connection)
{
	const struct xs_pending *pending = connection->pending;
	int64_t at = pending->app_alive.missed_at;
	char sentence[XS_ERROR_TEXT_MAX];

	snprintf(sentence, sizeof(sentence),
		 "the program gave up after %lld ms, %s",
		 (long long)((at ? at : xs_now_ms()) - pending->began),
		 when_left(connection));
	xs_log_words_log(pending->request->log_words, pending->log_fd,
			 XS_LOG_INFO, sentence);
}

bool xs_verdict_is_asked(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;
	int waiting = 0;

	if (!pending->told)
		return xs_app_alive_check(&pending->app_alive);
	/* What it wrote before it left is for the server. */
	ioctl(connection->pair_fd, FIONREAD, &waiting);
	return waiting > connection->pump.mark || !is_left(connection);
}

void xs_verdict_give_up(struct xs_connection *connection)
{
	log_left(connection);
	xs_dial_disconnect(connection->tcp_fd);
	xs_connection_end(connection);
}

/* --- success ---------------------------------------------------------- */

static void fail_prepare(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	xs_error_set(&err, XS_ERR_SYSTEM, errno,
		     "the relay cannot prepare the pair: %s", strerror(errno));
	xs_verdict_fail(connection, &err);
}

/* The connect has succeeded for whoever looks at the pair.  False: the
 * connection has ended. */
static bool name_connected(struct xs_connection *connection)
{
	const int in_place = !connection->pump.plain;
	struct xs_address local, peer;

	read_addresses(connection, &local, &peer);
	/* TLS has no urgent data (RFC 9293, 3.8.5): such a byte stays in its
	 * place among the others. */
	setsockopt(connection->pair_fd, SOL_SOCKET, SO_OOBINLINE, &in_place,
		   sizeof(in_place));
	if (xs_pair_name_connected(connection->pair_fd,
				   connection->registered.id, &local,
				   &peer) == 0)
		return true;
	fail_prepare(connection);
	return false;
}

/* Gives the application's end its buffer and, with mark, what makes closing
 * this end a reset.  Nobody is woken, and nobody but the application holds its
 * end then.  (Where no mark is needed there is none: who makes SO_SNDBUF small
 * later could never write.) */
static void unlock_gate(struct xs_connection *connection, bool mark)
{
	struct xs_pending *pending = connection->pending;

	/* A small buffer has no room for the mark while the filler is there. */
	if (mark) {
		xs_pair_unlock_gate(pending->app_end, 0);
		connection->pump.mark =
			xs_pair_leave_mark(pending->app_end) == 0;
	}
	xs_pair_unlock_gate(pending->app_end, send_limit(connection->tcp_fd));
	xs_pending_close_app(pending);
}

static void open_gate(struct xs_connection *connection,
		      const struct xs_tls_summary *summary)
{
	struct xs_pending *pending = connection->pending;

	xs_pair_open_gate(connection->pair_fd,
			  pending->request->wire.head.filler);
	xs_pending_answer(pending, NULL, summary);
}

bool xs_verdict_tell_early(struct xs_connection *connection)
{
	if (!name_connected(connection))
		return false;
	unlock_gate(connection, true);
	connection->pending->told = true;
	open_gate(connection, NULL);
	return true;
}

static void log_success(const struct xs_connection *connection,
			const struct xs_tls_summary *summary)
{
	const struct xs_pending *pending = connection->pending;

	xs_log_words_log_success(pending->request->log_words, pending->log_fd,
				 summary);
}

void xs_verdict_succeed(struct xs_connection *connection, const uint8_t *in,
			size_t len)
{
	struct xs_pending *pending = connection->pending;
	const struct xs_tls_summary *summary =
		pending->secure ? &pending->summary : NULL;

	if (!pending->told && !name_connected(connection))
		return;
	if (xs_worker_watch(connection->worker, connection->pair_fd,
			    XS_APP_EVENTS, &connection->app_source) < 0) {
		fail_prepare(connection);
		return;
	}
	if (pending->told) {
		log_success(connection, summary);
		xs_pump_drop_mark(&connection->pump);
	} else {
		unlock_gate(connection, connection->is_data);
		if (is_left(connection))
			log_left(connection);
		else
			log_success(connection, summary);
		open_gate(connection, summary);
	}
	xs_totals_succeeded();
	xs_connection_open(connection, in, len);
}

/* TCP broke in the middle of it. */
void xs_verdict_broke(const struct xs_connection *connection, int errnum,
		      struct xs_error *err)
{
	if (errnum == EPERM || errnum == ENOSYS)
		xs_error_set(err, XS_ERR_SYSTEM, errnum,
			     "the relay cannot speak with the server: %s (does "
			     "a seccomp filter forbid it?)",
			     strerror(errnum));
	else if (connection->pending)
		xs_dial_failed(xs_dial_address(&connection->pending->dial),
			       errnum, err);
	else
		xs_error_set(err, XS_ERR_NETWORK, errnum,
			     "the connection to the server broke: %s",
			     strerror(errnum));
}
