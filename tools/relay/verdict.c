/* The two ends of a connect: it has succeeded, or it has failed.
 *
 * Every way ends here, and only here is the order kept in which an outcome is
 * told: whoever is woken must find the pair's name, and nobody may find a TCP
 * socket that carries plaintext.
 */
#include "connection_private.h"

#include "pair.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Linux 5.14; newer than some headers. */
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#ifndef SOCK_SNDBUF_LOCK
#define SOCK_SNDBUF_LOCK 1
#endif

/* The connect has failed: takes TCP away, tells everybody, ends.  What fails
 * behind the verdict just ends. */
void xs_verdict_fail(struct xs_connection *connection, struct xs_error *err)
{
	struct xs_opening *opening = connection->opening;
	int fd = connection->tcp_fd, nodelay;

	if (!opening) {
		xs_connection_break(connection, err);
		return;
	}
	nodelay = xs_pair_nodelay(opening->app_end);
	xs_opening_close_app(opening);
	/* FIN makes the alert, if there is one, leave before the reset. */
	shutdown(fd, SHUT_WR);
	xs_dial_disconnect(fd);
	if (fd != opening->app_tcp)
		xs_dial_disconnect(opening->app_tcp);
	setsockopt(opening->app_tcp, IPPROTO_TCP, TCP_NODELAY,
		   &nodelay, sizeof(nodelay));
	xs_words_log_failure(opening->request->words, opening->log_fd, err);
	xs_pair_name_failed(connection->pair_fd, connection->registered.id,
			    err->errnum);
	/* Closed with the gate's filler unread: the application's end gets
	 * POLLERR and ECONNRESET (unix_release_sock). */
	close(connection->pair_fd);
	connection->pair_fd = -1;
	xs_opening_answer(opening, err, NULL);
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
	int family = connection->opening->request->wire.head.family;

	local->len = sizeof(local->v6);
	peer->len = sizeof(peer->v6);
	if (getsockname(connection->tcp_fd, &local->any, &local->len) < 0 ||
	    getpeername(connection->tcp_fd, &peer->any, &peer->len) < 0) {
		/* It broke this moment; the pump will find out. */
		*peer = *xs_dial_address(&connection->opening->dial);
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

/* The connect has succeeded: tells everybody, then opens the gate.  in is what
 * came behind the handshake. */
void xs_verdict_succeed(struct xs_connection *connection, const uint8_t *in,
			size_t len)
{
	struct xs_opening *opening = connection->opening;
	const struct xs_tls_summary *summary =
		opening->secure ? &opening->summary : NULL;
	uint32_t filler = opening->request->wire.head.filler;
	int limit = send_limit(connection->tcp_fd);
	struct xs_address local, peer;
	struct xs_error err = { 0 };
	const int in_place = !connection->pump.plain;

	read_addresses(connection, &local, &peer);
	/* TLS has no urgent data (RFC 9293, 3.8.5): such a byte stays in its
	 * place among the others. */
	setsockopt(connection->pair_fd, SOL_SOCKET, SO_OOBINLINE, &in_place,
		   sizeof(in_place));
	if (xs_pair_name_connected(connection->pair_fd,
				   connection->registered.id, &local,
				   &peer) < 0 ||
	    xs_worker_watch(connection->worker, connection->pair_fd,
			    XS_APP_EVENTS, &connection->app_source) < 0) {
		xs_error_set(&err, XS_ERR_SYSTEM, errno,
			     "the relay cannot prepare the pair: %s",
			     strerror(errno));
		xs_verdict_fail(connection, &err);
		return;
	}
	xs_words_log_success(opening->request->words, opening->log_fd, summary);
	/* Who waits for the verdict may write at once. */
	xs_pair_unlock_gate(opening->app_end, limit);
	/* Nowhere else: who makes SO_SNDBUF small later could never write. */
	if (connection->is_data)
		connection->pump.mark =
			xs_pair_leave_mark(opening->app_end) == 0;
	xs_opening_close_app(opening);
	xs_pair_open_gate(connection->pair_fd, filler);
	xs_opening_answer(opening, NULL, summary);
	xs_connection_open(connection, in, len);
}

/* TCP broke in the middle of it. */
void xs_verdict_broke(const struct xs_connection *connection, int errnum,
		      struct xs_error *err)
{
	if (connection->opening)
		xs_dial_failed(xs_dial_address(&connection->opening->dial),
			       errnum, err);
	else
		xs_error_set(err, XS_ERR_NETWORK, errnum,
			     "the connection to the server broke: %s",
			     strerror(errnum));
}
