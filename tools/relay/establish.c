/* From the request to the verdict: RESOLVE, CONNECT, DIALOGUE, HANDSHAKE; and
 * the handshake of a connection that is open already, where the application
 * has a part in the STARTTLS dialogue.
 *
 * One function per step, on the thread of the worker that owns the
 * connection.  Every way ends in succeed or fail, and only there is the order
 * kept in which an outcome is told: whoever is woken must find the pair's
 * name, and nobody may find a TCP socket that carries plaintext.
 *
 * A dialogue may be on both sides of the handshake (DIALOGUE, HANDSHAKE,
 * DIALOGUE), and the verdict comes when it says so.
 */
#include "connection_private.h"

#include "outcome.h"
#include "pair.h"
#include "scheme.h"

#include <errno.h>
#include <netinet/tcp.h>
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

/* How often to see whether the application still waits. */
enum { WATCH_MS = 1000 };

#define SERVER_EVENTS (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET)

static void step_dialogue(struct xs_connection *connection);

/* --- the outcome ----------------------------------------------------- */

/* The connect has failed: takes TCP away, tells everybody, ends.  What fails
 * behind the verdict just ends. */
static void fail(struct xs_connection *connection, struct xs_error *err)
{
	struct xs_opening *opening = connection->opening;
	int fd = connection->tcp_fd;

	if (!opening) {
		xs_connection_break(connection, err);
		return;
	}
	xs_opening_close_app(opening);
	/* FIN makes the alert, if there is one, leave before the reset. */
	shutdown(fd, SHUT_WR);
	xs_dial_disconnect(fd);
	if (fd != opening->app_tcp)
		xs_dial_disconnect(opening->app_tcp);
	setsockopt(opening->app_tcp, IPPROTO_TCP, TCP_NODELAY,
		   &connection->registered.nodelay, sizeof(int));
	xs_request_log_failure(opening->request, opening->log_fd, err);
	xs_pair_name_failed(connection->pair_fd, connection->registered.id,
			    err->errnum);
	/* Closed with the gate's filler unread: the application's end gets
	 * POLLERR and ECONNRESET (unix_release_sock). */
	close(connection->pair_fd);
	connection->pair_fd = -1;
	xs_opening_answer(opening, err, NULL);
	xs_connection_end(connection);
}

static void fail_memory(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	xs_error_set(&err, XS_ERR_SYSTEM, ENOMEM, "the relay is out of memory");
	fail(connection, &err);
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
static void succeed(struct xs_connection *connection, const uint8_t *in,
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
		fail(connection, &err);
		return;
	}
	xs_request_log_success(opening->request, opening->log_fd, summary);
	/* Who waits for the verdict may write at once. */
	xs_pair_unlock_gate(opening->app_end, limit);
	/* In a small buffer a mark could be all that there is room for. */
	connection->pump.keep = !limit;
	if (connection->is_data || (!limit && !connection->pump.dialogue))
		connection->pump.mark =
			xs_pair_leave_mark(opening->app_end) == 0;
	xs_opening_close_app(opening);
	xs_pair_open_gate(connection->pair_fd, filler);
	xs_opening_answer(opening, NULL, summary);
	xs_connection_open(connection, in, len);
}

/* --- HANDSHAKE ------------------------------------------------------- */

/* The handshake is done, the server verified; in is what came behind it. */
static void shaken(struct xs_connection *connection,
		   const struct xs_tls_summary *summary, const uint8_t *in,
		   size_t len)
{
	struct xs_pump *pump = &connection->pump;
	struct xs_buffers *buffers = connection->worker->buffers;
	struct xs_error err = { 0 };

	pump->tls = connection->tls;
	if (connection->opening) {
		connection->opening->summary = *summary;
		connection->opening->secure = true;
	} else {
		xs_connection_log_tls(connection, summary);
	}
	if (!pump->dialogue)
		pump->wants = XS_DIALOGUE_MORE;
	if (pump->dialogue && !xs_pump_secured(pump, buffers, &err)) {
		fail(connection, &err);
	} else if (!connection->opening) {
		xs_connection_resume(connection, in, len);
	} else if (!pump->dialogue) {
		succeed(connection, in, len);
	} else if (len && !xs_pump_feed(pump, buffers, in, len, &err)) {
		fail(connection, &err);
	} else {
		xs_connection_set_state(connection, DIALOGUE);
		step_dialogue(connection);
	}
}

/* TCP broke in the middle of it. */
static void broke(const struct xs_connection *connection, int errnum,
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

/* Feeds the handshake; true when it wants more. */
static bool shake(struct xs_connection *connection, size_t len)
{
	struct xs_buffers *buffers = connection->worker->buffers;
	struct xs_pump *pump = &connection->pump;
	struct xs_tls_io io = { .in = buffers->cipher_in,
				.in_len = len,
				.out = buffers->cipher_out,
				.out_size = sizeof(buffers->cipher_out) };
	struct xs_tls_summary summary = { 0 };
	struct xs_error err = { 0 };
	enum xs_tls_result result;

	result = xs_tls_handshake(connection->tls, &io, &summary, &err);
	if (io.out_len &&
	    xs_queue_send(&pump->up, connection->tcp_fd, io.out, io.out_len) ==
		    XS_QUEUE_FAILED &&
	    result != XS_TLS_FAILED) {
		broke(connection, errno, &err);
		result = XS_TLS_FAILED;
	}
	pump->server.blocked = xs_queue_len(&pump->up) > 0;
	if (result == XS_TLS_FAILED)
		fail(connection, &err);
	else if (result == XS_TLS_DONE)
		shaken(connection, &summary, io.in, io.in_len);
	return result == XS_TLS_WANT;
}

/* A transfer that the server refuses on the control connection, or that the
 * application gave up before it sent anything: nothing is wrong. */
static bool is_no_transfer(const struct xs_connection *connection)
{
	int waiting = 0;

	if (!connection->is_data || connection->opening ||
	    xs_tls_heard(connection->tls))
		return false;
	ioctl(connection->pair_fd, FIONREAD, &waiting);
	return waiting <= connection->pump.mark;
}

static void end_no_transfer(struct xs_connection *connection)
{
	xs_connection_note(connection, "the data connection ends without a "
				       "transfer: the server did not begin "
				       "TLS");
	xs_connection_end(connection);
}

/* The server ended TCP, or TCP broke. */
static void fail_handshake(struct xs_connection *connection, ssize_t got)
{
	struct xs_error err = { 0 };

	if (is_no_transfer(connection)) {
		end_no_transfer(connection);
		return;
	}
	if (got < 0 && errno != ECONNRESET)
		broke(connection, errno, &err);
	else
		xs_tls_handshake_cut(connection->tls, &err);
	fail(connection, &err);
}

/* Reads of one handshake in one turn. */
enum { TURN = 4 };

static void step_handshake(struct xs_connection *connection)
{
	struct xs_pump *pump = &connection->pump;
	uint8_t *buffer = connection->worker->buffers->cipher_in;
	ssize_t got;

	if (!pump->server.blocked &&
	    xs_queue_flush(&pump->up, connection->tcp_fd) == XS_QUEUE_FAILED) {
		fail_handshake(connection, -1);
		return;
	}
	for (int turn = 0; pump->server.readable; turn++) {
		/* Others have their turn, and the timer: a server may send
		 * without end. */
		if (turn == TURN) {
			xs_worker_later(connection->worker, &connection->task);
			return;
		}
		got = recv(connection->tcp_fd, buffer, XS_READ_MAX,
			   MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < XS_READ_MAX && !pump->server.ended)
			pump->server.readable = false;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			fail_handshake(connection, got);
			return;
		}
		if (!shake(connection, (size_t)got))
			return;
	}
}

static void begin_handshake(struct xs_connection *connection)
{
	xs_connection_set_state(connection, HANDSHAKE);
	if (shake(connection, 0)) /* ClientHello */
		step_handshake(connection);
}

/* --- DIALOGUE -------------------------------------------------------- */

/* What fd has to read, without taking it.  Returns as recv(2). */
static ssize_t peek(int fd, uint8_t *data, size_t size)
{
	ssize_t got;

	do
		got = recv(fd, data, size, MSG_PEEK | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got;
}

/* The server has agreed, and may only wait for the ClientHello.  Nothing that
 * is here already can be TLS, and one that has closed its side would get what
 * follows in plaintext. */
static bool check_silence(struct xs_connection *connection)
{
	struct xs_error err = { 0 };
	uint8_t byte;
	ssize_t got = peek(connection->tcp_fd, &byte, 1);

	if (got < 0 && errno == EAGAIN)
		return true;
	if (got > 0)
		xs_dialogue_injected(connection->pump.dialogue, &err);
	else if (got == 0)
		xs_tls_handshake_cut(connection->tls, &err);
	else
		broke(connection, errno, &err);
	fail(connection, &err);
	return false;
}

static void begin_upgrade(struct xs_connection *connection)
{
	if (connection->pump.dialogue && !check_silence(connection))
		return;
	if (!connection->opening)
		xs_worker_timer(connection->worker, &connection->timer,
				connection->timeout_ms);
	begin_handshake(connection);
}

/* How long the application has to send its own ClientHello where the server
 * is the first to speak behind the handshake. */
enum { OWN_TLS_MS = 300 };

static void begin_await(struct xs_connection *connection)
{
	xs_connection_set_state(connection, AWAIT);
	xs_timer_cancel(&connection->worker->timers, &connection->timer);
	if (xs_dialogue_server_first(connection->pump.dialogue))
		xs_worker_timer(connection->worker, &connection->timer,
				OWN_TLS_MS);
	xs_establish_await(connection);
}

/* The application brings its own TLS, to the end. */
static void leave_alone(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	if (xs_pump_pass(&connection->pump, connection->worker->buffers, &err))
		xs_connection_resume(connection, NULL, 0);
	else
		fail(connection, &err);
}

void xs_establish_await(struct xs_connection *connection)
{
	struct xs_error err = { 0 };
	uint8_t first[XS_HELLO_HEAD];
	ssize_t got;

	if (!check_silence(connection))
		return;
	/* What it waits for may be behind much that it has not read yet. */
	if (!xs_pump_flush(&connection->pump, &err)) {
		fail(connection, &err);
		return;
	}
	got = peek(connection->pair_fd, first, sizeof(first));
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		xs_connection_end(connection); /* it has left */
	} else if (xs_dialogue_skips(connection->pump.dialogue, first[0])) {
		recv(connection->pair_fd, first, 1, MSG_DONTWAIT);
		xs_worker_later(connection->worker, &connection->task);
	} else if (!xs_dialogue_is_hello(first, (size_t)got)) {
		begin_upgrade(connection);
	} else if (got == sizeof(first)) {
		leave_alone(connection);
	} else if (connection->pump.app.ended) {
		xs_connection_end(connection); /* in the middle of it */
	}
}

void xs_establish_heed(struct xs_connection *connection)
{
	switch (connection->pump.wants) {
	case XS_DIALOGUE_TLS:
		begin_upgrade(connection);
		break;
	case XS_DIALOGUE_AGREED:
		begin_await(connection);
		break;
	default:
		succeed(connection, NULL, 0);
		break;
	}
}

static void step_dialogue(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	switch (xs_pump_run(&connection->pump, connection->worker->buffers,
			    &err)) {
	case XS_PUMP_WAITS:
		break;
	case XS_PUMP_AGAIN:
		xs_worker_later(connection->worker, &connection->task);
		break;
	case XS_PUMP_DIALOGUE:
		xs_establish_heed(connection);
		break;
	default:
		if (!xs_error_is_set(&err))
			xs_dialogue_cut(connection->pump.dialogue, &err);
		fail(connection, &err);
		break;
	}
}

/* --- FTP's data connections -------------------------------------------- */

static struct xs_expect *make_expect(struct xs_connection *connection)
{
	const char *const *string = connection->request->wire.string;
	struct xs_expect_terms terms = {
		.peer.len = sizeof(terms.peer.v6),
		.name = string[XS_WIRE_NAME],
		.scheme = string[XS_WIRE_SCHEME],
		.rule = string[XS_WIRE_RULE],
	};

	if (!xs_pair_read_asked(connection->pair_fd, &terms.asked) ||
	    getpeername(connection->tcp_fd, &terms.peer.any, &terms.peer.len) <
		    0)
		return NULL;
	return xs_expect_begin(&terms, xs_tls_context_of(connection->tls));
}

/* The dialogue announces one; the application has not read of it yet. */
static bool announce(void *with, const struct xs_address *to, uint16_t port,
		     struct xs_error *err)
{
	struct xs_connection *connection = with;

	if (!connection->announced)
		connection->announced = make_expect(connection);
	if (connection->announced)
		return xs_expect_add(connection->announced, to, port,
				     xs_tls_session_take(connection->tls), err);
	xs_error_set(err, XS_ERR_SYSTEM, errno,
		     "the relay cannot expect a data connection: %s",
		     strerror(errno));
	return false;
}

/* A server does not begin TLS before a command asks for a transfer, which the
 * application sends when it is connected.  So it is told first, and what it
 * writes waits until the server is verified. */
static void begin_data(struct xs_connection *connection)
{
	connection->is_data = true;
	connection->pump.strict = true;
	connection->pump.wants = XS_DIALOGUE_TLS;
	succeed(connection, NULL, 0);
}

static void begin_dialogue(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;
	const struct xs_options *options =
		xs_tls_context_options(opening->context);
	const struct xs_wire *wire = &opening->request->wire;
	const struct xs_dialogue_setup setup = {
		.scheme = wire->string[XS_WIRE_SCHEME],
		.domain = options->peer_name ? options->peer_name
					     : wire->string[XS_WIRE_NAME],
		.optional = options->starttls_optional,
		.announce = announce,
		.with = connection,
	};
	struct xs_pump *pump = &connection->pump;
	struct xs_error err = { 0 };

	xs_connection_set_state(connection, DIALOGUE);
	pump->dialogue = xs_dialogue_new(&setup);
	if (!pump->dialogue)
		fail_memory(connection);
	else if (!xs_pump_begin_dialogue(pump, connection->worker->buffers,
					 &err))
		fail(connection, &err);
	else
		step_dialogue(connection);
}

/* --- TCP is connected ------------------------------------------------- */

static bool make_tls(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;
	char server[XS_ADDRESS_TEXT_MAX];
	struct xs_error err = { 0 };

	connection->tls =
		xs_tls_new(opening->context,
			   opening->request->wire.string[XS_WIRE_NAME], &err);
	if (!connection->tls) {
		fail(connection, &err);
		return false;
	}
	if (opening->expect) {
		xs_expect_resume(opening->expect, connection->tls);
		return true;
	}
	xs_address_format(xs_dial_address(&opening->dial), server,
			  sizeof(server));
	xs_tls_resume(connection->tls, server);
	return true;
}

/* events: what came with the news, perhaps the server's end already, of which
 * nothing comes again. */
static void connected(struct xs_connection *connection, uint32_t events)
{
	struct xs_opening *opening = connection->opening;
	const char *scheme = opening->request->wire.string[XS_WIRE_SCHEME];
	const int on = 1, tls = opening->context != NULL;

	xs_timer_set(&connection->worker->timers, &connection->timer,
		     opening->deadline);
	/* Nor may the server, or who is on the way, take a byte out of a
	 * record by calling it urgent.  The application's own setting is the
	 * pair's. */
	setsockopt(connection->tcp_fd, SOL_SOCKET, SO_OOBINLINE, &tls,
		   sizeof(tls));
	/* What is sent is complete records: Nagle could only delay them. */
	setsockopt(connection->tcp_fd, IPPROTO_TCP, TCP_NODELAY, &on,
		   sizeof(on));
	xs_pump_init(&connection->pump, connection->pair_fd,
		     connection->tcp_fd);
	connection->pump.plain = !tls;
	xs_pump_server_event(&connection->pump, events);
	if (!tls)
		succeed(connection, NULL, 0);
	else if (!make_tls(connection))
		return;
	else if (opening->expect)
		begin_data(connection);
	else if (xs_scheme_find(scheme)->kind == XS_SCHEME_TLS)
		begin_handshake(connection);
	else
		begin_dialogue(connection);
}

/* --- CONNECT --------------------------------------------------------- */

static void fail_dial(struct xs_connection *connection, struct xs_error *err)
{
	xs_outcome_add_others(err, &connection->opening->dial);
	fail(connection, err);
}

/* Takes the socket that is being connected; the one before was a fresh one or
 * the application's own, which stays for another address. */
static bool take_socket(struct xs_connection *connection, int fd)
{
	int old = connection->tcp_fd;

	xs_worker_unwatch(connection->worker, old);
	if (fd != old) {
		xs_registry_set_fd(&connection->registered, fd);
		connection->tcp_fd = fd;
		if (old != connection->opening->app_tcp)
			close(old);
	}
	return xs_worker_watch(connection->worker, fd, SERVER_EVENTS,
			       &connection->server_source) == 0;
}

/* Goes on with the next address; err has what was wrong with the ones before,
 * if any. */
static void dial_next(struct xs_connection *connection, struct xs_error *err)
{
	struct xs_opening *opening = connection->opening;
	int fd = xs_dial_next(&opening->dial, err);

	if (fd < 0) {
		fail_dial(connection, err);
		return;
	}
	opening->dial.failed = *err;
	xs_connection_set_state(connection, CONNECT);
	if (!take_socket(connection, fd)) {
		fail_memory(connection);
		return;
	}
	xs_timer_set(
		&connection->worker->timers, &connection->timer,
		xs_dial_due(&opening->dial, xs_now_ms(), opening->deadline));
}

static void attempt_failed(struct xs_connection *connection, int errnum)
{
	struct xs_dial *dial = &connection->opening->dial;
	struct xs_error err = dial->failed;

	xs_dial_failed(xs_dial_address(dial), errnum, &err);
	dial_next(connection, &err);
}

static void step_connect(struct xs_connection *connection, uint32_t events)
{
	int error = xs_dial_check(connection->tcp_fd);

	if (error == EINPROGRESS)
		return;
	if (error)
		attempt_failed(connection, error);
	else
		connected(connection, events);
}

/* --- RESOLVE --------------------------------------------------------- */

static void fail_lookup(struct xs_connection *connection,
			const struct xs_lookup_result *result)
{
	struct xs_error err = { 0 };

	xs_outcome_unresolved(
		&err, connection->opening->request->wire.string[XS_WIRE_HOST],
		result->error, result->errnum);
	fail(connection, &err);
}

static void resolved(void *owner, struct xs_lookup_result *result)
{
	struct xs_connection *connection = owner;
	struct xs_opening *opening = connection->opening;
	struct xs_error err = { 0 };

	opening->lookup = NULL;
	if (!result->count) {
		fail_lookup(connection, result);
		return;
	}
	opening->dial.address = result->address;
	opening->dial.count = result->count;
	result->address = NULL;
	dial_next(connection, &err);
}

static void begin_resolve(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;
	const struct xs_wire *wire = &opening->request->wire;

	xs_connection_set_state(connection, RESOLVE);
	xs_timer_set(&connection->worker->timers, &connection->timer,
		     opening->deadline);
	opening->lookup =
		xs_resolver_ask(connection->worker, wire->string[XS_WIRE_HOST],
				wire->head.port, connection, resolved);
	if (!opening->lookup)
		fail_memory(connection);
}

/* --- entries --------------------------------------------------------- */

void xs_establish_event(struct xs_connection *connection, uint32_t events)
{
	if (connection->state == CONNECT) {
		step_connect(connection, events);
		return;
	}
	xs_pump_server_event(&connection->pump, events);
	xs_establish_continue(connection);
}

static void fail_timeout(struct xs_connection *connection)
{
	const struct xs_opening *opening = connection->opening;
	enum xs_outcome_step step = XS_OUTCOME_HANDSHAKE;
	struct xs_error err = { 0 };

	if (connection->state == RESOLVE)
		step = XS_OUTCOME_RESOLVE;
	else if (connection->state == CONNECT)
		step = XS_OUTCOME_CONNECT;
	xs_outcome_timeout(&err, step,
			   opening->request->wire.string[XS_WIRE_HOST],
			   &opening->dial, opening->timeout_ms / 1000.0);
	fail(connection, &err);
}

void xs_establish_continue(struct xs_connection *connection)
{
	if (connection->state == HANDSHAKE)
		step_handshake(connection);
	else if (connection->state == DIALOGUE)
		step_dialogue(connection);
	else if (connection->state == AWAIT)
		xs_establish_await(connection);
}

/* The time of what an open connection waits for is over. */
static void fail_late(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	if (is_no_transfer(connection) && connection->pump.app_gone) {
		end_no_transfer(connection);
		return;
	}
	xs_error_set(&err, XS_ERR_TIMEOUT, 0,
		     "the server did not finish the TLS handshake within %g s",
		     connection->timeout_ms / 1000.0);
	fail(connection, &err);
}

static void fail_dialogue(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	xs_dialogue_late(connection->pump.dialogue,
			 connection->opening->timeout_ms / 1000.0, &err);
	fail(connection, &err);
}

void xs_establish_expired(struct xs_connection *connection)
{
	if (connection->state == AWAIT) {
		begin_upgrade(connection);
		return;
	}
	if (!connection->opening) {
		fail_late(connection);
		return;
	}
	if (connection->state == DIALOGUE) {
		fail_dialogue(connection);
		return;
	}
	/* The clock does not decide: it may be a millisecond short. */
	if (connection->state == CONNECT &&
	    xs_dial_has_more(&connection->opening->dial))
		attempt_failed(connection, ETIMEDOUT);
	else
		fail_timeout(connection);
}

/* Nobody waits for the outcome any more: ends without a word, as close(2) of
 * a connecting TCP socket does. */
static void give_up(struct xs_connection *connection)
{
	xs_dial_disconnect(connection->tcp_fd);
	xs_connection_end(connection);
}

static void look_for_app(struct xs_timer *timer)
{
	struct xs_opening *opening =
		xs_container(timer, struct xs_opening, watch);

	if (xs_presence_check(&opening->presence))
		xs_worker_timer(opening->connection->worker, timer, WATCH_MS);
	else
		give_up(opening->connection);
}

static void begin_watch(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;

	opening->connection = connection;
	opening->presence.pid = xs_control_pid(opening->control);
	opening->presence.fd = opening->request->wire.head.app_fd;
	opening->presence.inode = connection->registered.inode;
	opening->watch.expire = look_for_app;
	xs_worker_timer(connection->worker, &opening->watch, WATCH_MS);
}

void xs_establish_begin(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;
	struct xs_error err = { 0 };
	int known;

	begin_watch(connection);
	if (xs_opening_read_rule(opening, &err) < 0) {
		fail(connection, &err);
		return;
	}
	known = xs_opening_addresses(opening, &err);
	if (known < 0) {
		fail(connection, &err);
	} else if (!known) {
		begin_resolve(connection);
	} else if (!opening->request->wire.head.started) {
		dial_next(connection, &err);
	} else {
		xs_connection_set_state(connection, CONNECT);
		xs_timer_set(&connection->worker->timers, &connection->timer,
			     opening->deadline);
		if (!take_socket(connection, opening->app_tcp))
			fail_memory(connection);
	}
}
