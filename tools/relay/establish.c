/* From the request to a TCP connection: RESOLVE, CONNECT; and what comes next
 * when it stands.
 *
 * One function per step, on the thread of the worker that owns the
 * connection.  The other steps are in handshake.c and upgrade.c; every way
 * ends in verdict.c.
 */
#include "connection_private.h"

#include "outcome.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How often to see whether the application still waits. */
enum { WATCH_MS = 1000 };

#define SERVER_EVENTS (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/* --- TCP is connected ------------------------------------------------- */

static struct xs_tls *make_client(struct xs_opening *opening,
				  struct xs_error *err)
{
	/* Those of the words outlive the opening. */
	const char *name =
		xs_words_text(opening->request->words, XS_WIRE_NAME);
	char server[XS_ADDRESS_TEXT_MAX];
	struct xs_tls *tls = NULL;

	if (opening->expect) {
		tls = xs_tls_new(opening->context, name, err);
		if (tls)
			xs_expect_resume(opening->expect, tls);
		return tls;
	}
	xs_address_format(xs_dial_address(&opening->dial), server,
			  sizeof(server));
	/* A dialogue comes before: too early to take one. */
	if (xs_opening_begins_with_tls(opening))
		tls = xs_tls_spare_take(opening->context, name, server);
	if (tls)
		return tls;
	tls = xs_tls_new(opening->context, name, err);
	if (tls)
		xs_tls_resume(tls, server);
	return tls;
}

static bool make_tls(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	connection->tls = make_client(connection->opening, &err);
	if (!connection->tls)
		xs_verdict_fail(connection, &err);
	return connection->tls;
}

/* events: what came with the news, perhaps the server's end already, of which
 * nothing comes again. */
static void connected(struct xs_connection *connection, uint32_t events)
{
	struct xs_opening *opening = connection->opening;
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
		xs_verdict_succeed(connection, NULL, 0);
	else if (!make_tls(connection))
		return;
	else if (opening->expect)
		xs_upgrade_begin_data(connection);
	else if (xs_opening_begins_with_tls(opening))
		xs_handshake_begin(connection);
	else
		xs_upgrade_begin(connection);
}

/* --- CONNECT --------------------------------------------------------- */

static void fail_dial(struct xs_connection *connection, struct xs_error *err)
{
	xs_outcome_add_others(err, &connection->opening->dial);
	xs_verdict_fail(connection, err);
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
		xs_verdict_fail_memory(connection);
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
	xs_verdict_fail(connection, &err);
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
		xs_verdict_fail_memory(connection);
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
	xs_verdict_fail(connection, &err);
}

void xs_establish_continue(struct xs_connection *connection)
{
	if (connection->state == HANDSHAKE)
		xs_handshake_step(connection);
	else if (connection->state == DIALOGUE)
		xs_upgrade_step(connection);
	else if (connection->state == AWAIT)
		xs_upgrade_await(connection);
}

void xs_establish_expired(struct xs_connection *connection)
{
	if (connection->state == AWAIT) {
		xs_upgrade_shake(connection);
		return;
	}
	if (!connection->opening) {
		xs_handshake_late(connection);
		return;
	}
	if (connection->state == DIALOGUE) {
		xs_upgrade_late(connection);
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
		xs_verdict_fail(connection, &err);
		return;
	}
	known = xs_opening_addresses(opening, &err);
	if (known < 0) {
		xs_verdict_fail(connection, &err);
	} else if (!known) {
		begin_resolve(connection);
	} else if (!opening->request->wire.head.started) {
		dial_next(connection, &err);
	} else {
		xs_connection_set_state(connection, CONNECT);
		xs_timer_set(&connection->worker->timers, &connection->timer,
			     opening->deadline);
		if (!take_socket(connection, opening->app_tcp))
			xs_verdict_fail_memory(connection);
	}
}
