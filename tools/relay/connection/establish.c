/* From the request to a TCP connection: LOAD, RESOLVE, CONNECT; and what comes
 * next when it stands.
 *
 * One function per step, on the thread of the worker that owns the
 * connection.  The other steps are in handshake.c and upgrade.c; every way
 * ends in verdict.c.
 */
#include "relay/connection/connection_private.h"

#include "relay/connection/connect_error.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How often to see whether the application still waits; more often in the first
 * second, to tell how long it did. */
enum { WATCH_MS = 1000, WATCH_FIRST_MS = 100 };

#define SERVER_EVENTS (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/* --- TCP is connected ------------------------------------------------- */

static struct xs_tls *make_client(struct xs_pending *pending,
				  struct xs_error *err)
{
	/* The copy in log_words lives longer than pending. */
	const char *name =
		xs_log_words_text(pending->request->log_words, XS_WIRE_NAME);
	char server[XS_ADDRESS_TEXT_MAX];
	struct xs_tls *tls = NULL;

	if (pending->ftp_data) {
		tls = xs_tls_new(pending->context, name, err);
		if (tls)
			xs_ftp_data_resume(pending->ftp_data, tls);
		return tls;
	}
	xs_address_format(xs_dial_address(&pending->dial), server,
			  sizeof(server));
	/* A dialogue comes before: too early to take one. */
	if (xs_pending_begins_with_tls(pending))
		tls = xs_tls_spare_take(pending->context, name, server);
	if (tls)
		return tls;
	tls = xs_tls_new(pending->context, name, err);
	if (tls)
		xs_tls_resume(tls, server);
	return tls;
}

static bool make_tls(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	connection->tls = make_client(connection->pending, &err);
	if (!connection->tls)
		xs_verdict_fail(connection, &err);
	return connection->tls;
}

/* events: what came with the news, perhaps the server's end already, of which
 * nothing comes again. */
static void connected(struct xs_connection *connection, uint32_t events)
{
	struct xs_pending *pending = connection->pending;
	const int on = 1, tls = pending->context != NULL;

	xs_timer_set(&connection->worker->timers, &connection->timer,
		     pending->deadline);
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
	else if (!make_tls(connection) || (xs_pending_is_early(pending) &&
					   !xs_verdict_tell_early(connection)))
		return;
	else if (pending->ftp_data)
		xs_upgrade_begin_data(connection);
	else if (!xs_pending_begins_with_tls(pending))
		xs_upgrade_begin(connection);
	else if (xs_upgrade_prepare(connection))
		xs_handshake_begin(connection);
}

/* --- CONNECT --------------------------------------------------------- */

static double seconds_of(const struct xs_pending *pending)
{
	return pending->timeout_ms / 1000.0;
}

static void fail_dial(struct xs_connection *connection, struct xs_error *err)
{
	const struct xs_pending *pending = connection->pending;

	xs_connect_error_unconnected(err, &pending->dial, seconds_of(pending));
	xs_verdict_fail(connection, err);
}

/* Takes the socket that is being connected; the one before was a new one or
 * the application's own, which stays for another address. */
static bool take_socket(struct xs_connection *connection, int fd)
{
	int old = connection->tcp_fd;

	xs_worker_unwatch(connection->worker, old);
	if (fd != old) {
		xs_registry_set_fd(&connection->registered, fd);
		connection->tcp_fd = fd;
		if (old != connection->pending->app_tcp)
			close(old);
	}
	return xs_worker_watch(connection->worker, fd, SERVER_EVENTS,
			       &connection->server_source) == 0;
}

/* Goes on with the next address; err has what TCP said of the ones before, if
 * anything. */
static void dial_next(struct xs_connection *connection, struct xs_error *err)
{
	struct xs_pending *pending = connection->pending;
	int fd = xs_dial_next(&pending->dial, err);
	bool is_new = fd != pending->app_tcp;

	if (fd < 0) {
		fail_dial(connection, err);
		return;
	}
	if (!xs_connection_set_state(connection, CONNECT)) {
		if (is_new)
			close(fd);
		return;
	}
	pending->dial.failed = *err;
	if (!take_socket(connection, fd)) {
		xs_verdict_fail_memory(connection);
		return;
	}
	xs_timer_set(
		&connection->worker->timers, &connection->timer,
		xs_dial_due(&pending->dial, xs_now_ms(), pending->deadline));
}

static void attempt_failed(struct xs_connection *connection, int errnum)
{
	struct xs_dial *dial = &connection->pending->dial;
	struct xs_error err = dial->failed;

	xs_dial_failed(xs_dial_address(dial), errnum, &err);
	dial_next(connection, &err);
}

/* No answer from this address in its share of the time.  Whatever TCP says of
 * another one tells more.  The clock does not decide whether there is another
 * one: it may be a millisecond short. */
static void attempt_late(struct xs_connection *connection)
{
	struct xs_dial *dial = &connection->pending->dial;
	struct xs_error err = dial->failed;

	xs_dial_note_silent(dial);
	if (xs_dial_has_more(dial))
		dial_next(connection, &err);
	else
		fail_dial(connection, &err);
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

	xs_connect_error_unresolved(
		&err, connection->pending->request->wire.string[XS_WIRE_HOST],
		result->error, result->errnum);
	xs_verdict_fail(connection, &err);
}

static void resolved(void *owner, struct xs_lookup_result *result)
{
	struct xs_connection *connection = owner;
	struct xs_pending *pending = connection->pending;
	struct xs_error err = { 0 };

	pending->lookup = NULL;
	if (!result->count) {
		fail_lookup(connection, result);
		return;
	}
	pending->dial.address = result->address;
	pending->dial.count = result->count;
	result->address = NULL;
	dial_next(connection, &err);
}

static void begin_resolve(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;
	const struct xs_wire *wire = &pending->request->wire;

	if (!xs_connection_set_state(connection, RESOLVE))
		return;
	xs_timer_set(&connection->worker->timers, &connection->timer,
		     pending->deadline);
	pending->lookup =
		xs_resolver_ask(connection->worker, wire->string[XS_WIRE_HOST],
				wire->head.port, connection, resolved);
	if (!pending->lookup)
		xs_verdict_fail_memory(connection);
}

/* --- LOAD ------------------------------------------------------------ */

/* TLS has all that it needs. */
static void begin_dial(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;
	struct xs_error err = { 0 };
	int known = xs_pending_addresses(pending, &err);

	if (known < 0) {
		xs_verdict_fail(connection, &err);
	} else if (!known) {
		begin_resolve(connection);
	} else if (!pending->request->wire.head.started) {
		dial_next(connection, &err);
	} else if (xs_connection_set_state(connection, CONNECT)) {
		xs_timer_set(&connection->worker->timers, &connection->timer,
			     pending->deadline);
		if (!take_socket(connection, pending->app_tcp))
			xs_verdict_fail_memory(connection);
	}
}

static void loaded(void *owner, struct xs_tls_context *context,
		   struct xs_error *err)
{
	struct xs_connection *connection = owner;

	connection->pending->load = NULL;
	connection->pending->context = context;
	if (context)
		begin_dial(connection);
	else
		xs_verdict_fail(connection, err);
}

static void begin_load(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;
	const struct xs_tls_policy policy = xs_pending_policy(pending);

	xs_timer_set(&connection->worker->timers, &connection->timer,
		     pending->deadline);
	xs_connection_trace(connection);
	pending->load =
		xs_loader_ask(connection->worker, &policy, connection, loaded);
	if (!pending->load)
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

static void fail_load(struct xs_connection *connection)
{
	const struct xs_pending *pending = connection->pending;
	struct xs_error err = { 0 };

	xs_loader_late(pending->load, seconds_of(pending), &err);
	xs_verdict_fail(connection, &err);
}

static void fail_timeout(struct xs_connection *connection)
{
	const struct xs_pending *pending = connection->pending;
	enum xs_connect_error_step step = XS_CONNECT_ERROR_HANDSHAKE;
	struct xs_error err = { 0 };

	if (connection->state == RESOLVE)
		step = XS_CONNECT_ERROR_RESOLVE;
	xs_connect_error_timeout(&err, step,
				 pending->request->wire.string[XS_WIRE_HOST],
				 &pending->dial, seconds_of(pending));
	xs_tls_explain_silence(connection->tls, &err);
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
	if (!connection->pending) {
		xs_handshake_late(connection);
		return;
	}
	if (connection->state == DIALOGUE) {
		xs_upgrade_late(connection);
		return;
	}
	if (connection->state == LOAD)
		fail_load(connection);
	else if (connection->state == CONNECT)
		attempt_late(connection);
	else
		fail_timeout(connection);
}

static void watch(struct xs_pending *pending)
{
	bool first = xs_now_ms() - pending->began < WATCH_MS;

	xs_worker_timer(pending->connection->worker, &pending->watch,
			first ? WATCH_FIRST_MS : WATCH_MS);
}

static void look_for_app(struct xs_timer *timer)
{
	struct xs_pending *pending =
		xs_container(timer, struct xs_pending, watch);

	if (xs_verdict_is_asked(pending->connection))
		watch(pending);
	else
		xs_verdict_give_up(pending->connection);
}

/* Whoever asks may ask for another process (connect/behalf.h), which has the
 * end then.  Its number is one of this PID namespace, because nobody of another
 * one is admitted (admit.h). */
static pid_t application_of(const struct xs_pending *pending)
{
	return xs_control_pid(pending->control) > 0
		       ? pending->request->wire.head.pid
		       : 0;
}

static void begin_watch(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;

	pending->connection = connection;
	pending->app_alive.pid = application_of(pending);
	pending->app_alive.fd = pending->request->wire.head.app_fd;
	pending->app_alive.inode = connection->registered.inode;
	pending->watch.expire = look_for_app;
	watch(pending);
}

void xs_establish_begin(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;
	struct xs_error err = { 0 };
	int ready;

	ready = xs_pending_read_rule(pending, &err);
	if (ready < 0) {
		xs_verdict_fail(connection, &err);
		return;
	}
	begin_watch(connection);
	if (ready)
		begin_dial(connection);
	else
		begin_load(connection);
}
