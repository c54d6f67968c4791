/* The states of a connection, one function per step; see connection.h.
 *
 *   RESOLVE    a name is being looked up
 *   CONNECT    TCP is connecting, to one address after the other
 *              (a STARTTLS dialogue will stand here)
 *   HANDSHAKE  TLS; ends with a verified certificate
 *   OPEN       bytes go both ways (pump.h)
 *   LINGER     the application is gone, the server reads what it wrote
 *   GONE       nothing is left but to be freed
 *
 * Everything happens on the thread of the worker that owns the connection.
 * The order in which an outcome is told matters and is kept in two places
 * only, succeed and fail: whoever is woken must find the pair's name, and
 * nobody may find a TCP socket that carries plaintext.
 */
#include "connection.h"

#include "life.h"
#include "linger.h"
#include "opening.h"
#include "pair.h"
#include "pump.h"
#include "registry.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum state { RESOLVE, CONNECT, HANDSHAKE, OPEN, LINGER, GONE };

enum {
	/* One address of several gets its share of the time, but not more. */
	ATTEMPT_MAX_MS = 10000,
	/* The application is gone and the server takes nothing. */
	STALLED_MS = 120000,
};

#define SERVER_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define APP_EVENTS    (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)

struct xs_connection {
	struct xs_worker *worker;
	enum state state;
	bool app_wants_out; /* EPOLLOUT is watched on the pair */
	struct xs_source server_source;
	struct xs_source app_source;
	struct xs_task task;
	struct xs_timer timer;
	struct xs_registered registered;
	struct xs_opening *opening; /* NULL: the connect has ended */
	struct xs_request *request; /* for later lines in the log, or NULL */
	int tcp_fd;
	int pair_fd;
	uint64_t stalled_at; /* bytes that the server had taken */
	struct xs_tls *tls;
	struct xs_pump pump;
	struct xs_linger linger;
};

static void end(struct xs_connection *connection);
static void fail(struct xs_connection *connection, struct xs_error *err);
static void run_task(struct xs_task *task);

/* The one place where the state changes. */
static void set_state(struct xs_connection *connection, enum state state)
{
	connection->state = state;
}

static void set_timer(struct xs_connection *connection, int64_t milliseconds)
{
	xs_worker_timer(connection->worker, &connection->timer, milliseconds);
}

/* --- the end ----------------------------------------------------------- */

static void free_connection(struct xs_connection *connection)
{
	struct xs_worker *worker = connection->worker;

	xs_tls_free(connection->tls);
	xs_pump_free(&connection->pump);
	free(connection->request);
	free(connection);
	atomic_fetch_sub(&worker->load, 1);
	xs_life_leave();
}

/* Lets go of everything but the memory, which an event at hand may still
 * point to. */
static void end(struct xs_connection *connection)
{
	struct xs_worker *worker = connection->worker;

	set_state(connection, GONE);
	xs_timer_cancel(&worker->timers, &connection->timer);
	xs_registry_remove(&connection->registered);
	/* The application may hold the TCP socket, too, so that closing it
	 * does not take it out of the epoll set. */
	xs_worker_unwatch(worker, connection->tcp_fd);
	if (connection->pair_fd >= 0) {
		xs_worker_unwatch(worker, connection->pair_fd);
		close(connection->pair_fd);
	}
	if (connection->opening)
		xs_opening_free(connection->opening, connection->tcp_fd);
	connection->opening = NULL;
	xs_linger_close(connection->tcp_fd);
	xs_worker_later(worker, &connection->task);
}

/* The connect has failed: takes TCP away, tells everybody, ends. */
static void fail(struct xs_connection *connection, struct xs_error *err)
{
	struct xs_opening *opening = connection->opening;
	int fd = connection->tcp_fd;

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
	end(connection);
}

static void fail_memory(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	xs_error_set(&err, XS_ERR_SYSTEM, ENOMEM,
		     "the relay is out of memory");
	fail(connection, &err);
}

/* --- LINGER ------------------------------------------------------------ */

static void begin_linger(struct xs_connection *connection)
{
	xs_worker_unwatch(connection->worker, connection->pair_fd);
	close(connection->pair_fd);
	connection->pair_fd = -1;
	if (xs_linger_aborts(connection->tcp_fd) ||
	    xs_linger_read(&connection->linger, connection->tcp_fd,
			   connection->worker->buffers)) {
		end(connection);
		return;
	}
	set_state(connection, LINGER);
	set_timer(connection, XS_LINGER_MS);
}

static void step_linger(struct xs_connection *connection)
{
	if (xs_linger_read(&connection->linger, connection->tcp_fd,
			   connection->worker->buffers))
		end(connection);
}

/* --- OPEN -------------------------------------------------------------- */

/* What goes wrong now has no connect(2) to fail; it is for the log, if that is
 * not the application's standard error, which the relay has let go of. */
static void log_later(struct xs_connection *connection, const char *sentence)
{
	if (connection->request)
		xs_request_log(connection->request, -1, XS_LOG_ERROR,
			       sentence);
}

static void note_cut(struct xs_connection *connection)
{
	if (!connection->pump.cut)
		return;
	connection->pump.cut = false;
	xs_life_count_cut();
	log_later(connection, "the server cut the connection without "
			      "close_notify: what came may be incomplete");
}

/* An AF_UNIX socket reports EPOLLOUT with every read of the other side, so it
 * is only watched while a send waits for it. */
static void watch_app(struct xs_connection *connection)
{
	bool want = connection->pump.app.blocked;

	if (want == connection->app_wants_out)
		return;
	connection->app_wants_out = want;
	xs_worker_rewatch(connection->worker, connection->pair_fd,
			  APP_EVENTS | (want ? EPOLLOUT : 0),
			  &connection->app_source);
}

/* The application is gone, and something that it wrote is still here. */
static void watch_stall(struct xs_connection *connection)
{
	if (!connection->pump.app_gone || connection->timer.set)
		return;
	connection->stalled_at = connection->pump.sent_up -
				 xs_queue_len(&connection->pump.up);
	set_timer(connection, STALLED_MS);
}

static void step_open(struct xs_connection *connection)
{
	struct xs_error err = { 0 };
	enum xs_pump_result result = xs_pump_run(
		&connection->pump, connection->worker->buffers, &err);

	note_cut(connection);
	switch (result) {
	case XS_PUMP_AGAIN:
		xs_worker_later(connection->worker, &connection->task);
		/* fall through */
	case XS_PUMP_WAITS:
		watch_app(connection);
		watch_stall(connection);
		break;
	case XS_PUMP_CLOSED:
		end(connection);
		break;
	case XS_PUMP_LINGER:
		begin_linger(connection);
		break;
	case XS_PUMP_FAILED:
		log_later(connection, err.text);
		end(connection);
		break;
	}
}

static void check_stall(struct xs_connection *connection)
{
	uint64_t taken = connection->pump.sent_up -
			 xs_queue_len(&connection->pump.up);

	if (taken != connection->stalled_at) {
		watch_stall(connection);
		return;
	}
	log_later(connection, "the server does not read what the application "
			      "wrote before it ended: given up");
	end(connection);
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

/* A later line can only go to a file or to syslog. */
static void keep_request(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;

	if (!*opening->request->wire.string[XS_WIRE_LOG_DEST])
		return;
	connection->request = opening->request;
	opening->request = NULL;
}

/* The connect has succeeded: tells everybody, then opens the gate.  summary is
 * NULL without TLS; in is what came behind the handshake. */
static void succeed(struct xs_connection *connection,
		    const struct xs_tls_summary *summary, const uint8_t *in,
		    size_t len)
{
	struct xs_opening *opening = connection->opening;
	uint32_t filler = opening->request->wire.head.filler;
	struct xs_address local, peer;
	struct xs_error err = { 0 };
	const int on = 1;

	read_addresses(connection, &local, &peer);
	/* TLS has no urgent data (RFC 9293, 3.8.5): such a byte stays in its
	 * place among the others. */
	setsockopt(connection->pair_fd, SOL_SOCKET, SO_OOBINLINE, &on,
		   sizeof(on));
	if (xs_pair_name_connected(connection->pair_fd,
				   connection->registered.id, &local,
				   &peer) < 0 ||
	    xs_worker_watch(connection->worker, connection->pair_fd,
			    APP_EVENTS, &connection->app_source) < 0) {
		xs_error_set(&err, XS_ERR_SYSTEM, errno,
			     "the relay cannot prepare the pair: %s",
			     strerror(errno));
		fail(connection, &err);
		return;
	}
	xs_timer_cancel(&connection->worker->timers, &connection->timer);
	set_state(connection, OPEN);
	xs_request_log_success(opening->request, opening->log_fd, summary);
	/* Who waits for the verdict may write at once. */
	xs_pair_open_gate(connection->pair_fd, opening->app_end, filler);
	xs_opening_answer(opening, NULL, summary);
	keep_request(connection);
	xs_opening_free(opening, connection->tcp_fd);
	connection->opening = NULL;
	if (!xs_pump_feed(&connection->pump, connection->worker->buffers, in,
			  len, &err)) {
		log_later(connection, err.text);
		end(connection);
		return;
	}
	step_open(connection);
}

/* --- HANDSHAKE --------------------------------------------------------- */

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
	    xs_queue_send(&pump->up, connection->tcp_fd, io.out,
			  io.out_len) == XS_QUEUE_FAILED &&
	    result != XS_TLS_FAILED) {
		xs_dial_failed(xs_dial_address(&connection->opening->dial),
			       errno, &err);
		result = XS_TLS_FAILED;
	}
	pump->server.blocked = xs_queue_len(&pump->up) > 0;
	if (result == XS_TLS_FAILED)
		fail(connection, &err);
	else if (result == XS_TLS_DONE)
		succeed(connection, &summary, io.in, io.in_len);
	return result == XS_TLS_WANT;
}

/* The server ended TCP, or TCP broke. */
static void fail_handshake(struct xs_connection *connection, ssize_t got)
{
	struct xs_error err = { 0 };

	if (got < 0 && errno != ECONNRESET)
		xs_dial_failed(xs_dial_address(&connection->opening->dial),
			       errno, &err);
	else
		xs_tls_handshake_cut(connection->tls, &err);
	fail(connection, &err);
}

static void step_handshake(struct xs_connection *connection)
{
	struct xs_pump *pump = &connection->pump;
	uint8_t *buffer = connection->worker->buffers->cipher_in;
	ssize_t got;

	if (!pump->server.blocked &&
	    xs_queue_flush(&pump->up, connection->tcp_fd) ==
		    XS_QUEUE_FAILED) {
		fail_handshake(connection, -1);
		return;
	}
	while (pump->server.readable) {
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
	struct xs_opening *opening = connection->opening;
	struct xs_error err = { 0 };
	const int on = 1;

	xs_timer_set(&connection->worker->timers, &connection->timer,
		     opening->deadline);
	/* What is sent is complete records: Nagle could only delay them. */
	setsockopt(connection->tcp_fd, IPPROTO_TCP, TCP_NODELAY, &on,
		   sizeof(on));
	if (opening->context) {
		connection->tls = xs_tls_new(
			opening->context,
			opening->request->wire.string[XS_WIRE_NAME], &err);
		if (!connection->tls) {
			fail(connection, &err);
			return;
		}
	}
	xs_pump_init(&connection->pump, connection->pair_fd,
		     connection->tcp_fd, connection->tls);
	if (!connection->tls) {
		succeed(connection, NULL, NULL, 0);
		return;
	}
	set_state(connection, HANDSHAKE);
	shake(connection, 0); /* ClientHello */
}

/* --- CONNECT ----------------------------------------------------------- */

static void fail_dial(struct xs_connection *connection, struct xs_error *err)
{
	const struct xs_dial *dial = &connection->opening->dial;
	size_t len = strlen(err->text);

	if (dial->count > 1)
		snprintf(err->text + len, sizeof(err->text) - len,
			 ", and %zu more addresses fail, too",
			 dial->count - 1);
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

/* Time for this attempt: all of it when no other address is left. */
static int64_t attempt_due(const struct xs_opening *opening)
{
	int64_t now = xs_now_ms();
	int64_t others = (int64_t)(opening->dial.count - opening->dial.at);
	int64_t share = (opening->deadline - now) / (others + 1);

	if (!others)
		return opening->deadline;
	return now + (share < ATTEMPT_MAX_MS ? share : ATTEMPT_MAX_MS);
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
	set_state(connection, CONNECT);
	if (!take_socket(connection, fd)) {
		fail_memory(connection);
		return;
	}
	xs_timer_set(&connection->worker->timers, &connection->timer,
		     attempt_due(opening));
}

static void attempt_failed(struct xs_connection *connection, int errnum)
{
	struct xs_dial *dial = &connection->opening->dial;
	struct xs_error err = dial->failed;

	xs_dial_failed(xs_dial_address(dial), errnum, &err);
	dial_next(connection, &err);
}

static void step_connect(struct xs_connection *connection)
{
	int error = xs_dial_check(connection->tcp_fd);

	if (error == EINPROGRESS)
		return;
	if (error)
		attempt_failed(connection, error);
	else
		begin_handshake(connection);
}

/* --- RESOLVE ----------------------------------------------------------- */

static void fail_lookup(struct xs_connection *connection,
			const struct xs_lookup_result *result)
{
	const char *host =
		connection->opening->request->wire.string[XS_WIRE_HOST];
	struct xs_error err = { 0 };
	const char *why = gai_strerror(result->error);

	if (result->error == EAI_SYSTEM)
		why = strerror(result->errnum);
	else if (result->error == 0)
		why = "it has no IP address";
	xs_error_set(&err, XS_ERR_NETWORK, EHOSTUNREACH,
		     "cannot resolve %.255s: %s (is the name right, does the "
		     "name server answer?)", host, why);
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

	set_state(connection, RESOLVE);
	xs_timer_set(&connection->worker->timers, &connection->timer,
		     opening->deadline);
	opening->lookup = xs_resolver_ask(connection->worker,
					  wire->string[XS_WIRE_HOST],
					  wire->head.port, connection,
					  resolved);
	if (!opening->lookup)
		fail_memory(connection);
}

/* --- events ------------------------------------------------------------ */

static void fail_timeout(struct xs_connection *connection)
{
	const struct xs_opening *opening = connection->opening;
	const char *host = opening->request->wire.string[XS_WIRE_HOST];
	double seconds = opening->timeout_ms / 1000.0;
	char address[XS_ADDRESS_TEXT_MAX] = "";
	struct xs_error err = { 0 };

	if (connection->state != RESOLVE)
		xs_address_format(xs_dial_address(&opening->dial), address,
				  sizeof(address));
	if (connection->state == RESOLVE)
		xs_error_set(&err, XS_ERR_TIMEOUT, 0,
			     "the resolver had no answer for %.255s within "
			     "%g s (does the name server answer?)", host,
			     seconds);
	else if (connection->state == CONNECT)
		xs_error_set(&err, XS_ERR_TIMEOUT, 0,
			     "%s did not accept the connection within %g s "
			     "(is the machine up, does a firewall drop the "
			     "packets?)", address, seconds);
	else
		xs_error_set(&err, XS_ERR_TIMEOUT, 0,
			     "%s accepted the connection but did not finish "
			     "the TLS handshake within %g s (does it speak "
			     "TLS on this port?)", address, seconds);
	fail(connection, &err);
}

static void timer_expired(struct xs_timer *timer)
{
	struct xs_connection *connection =
		xs_container(timer, struct xs_connection, timer);

	switch (connection->state) {
	case CONNECT:
		if (xs_now_ms() < connection->opening->deadline) {
			attempt_failed(connection, ETIMEDOUT);
			break;
		}
		/* fall through */
	case RESOLVE:
	case HANDSHAKE:
		fail_timeout(connection);
		break;
	case OPEN:
		check_stall(connection);
		break;
	case LINGER:
		if (xs_linger_overdue(&connection->linger, connection->tcp_fd))
			end(connection);
		else
			set_timer(connection, XS_LINGER_MS);
		break;
	case GONE:
		break;
	}
}

static void server_event(struct xs_source *source, uint32_t events)
{
	struct xs_connection *connection =
		xs_container(source, struct xs_connection, server_source);

	switch (connection->state) {
	case CONNECT:
		step_connect(connection);
		break;
	case HANDSHAKE:
		xs_pump_server_event(&connection->pump, events);
		step_handshake(connection);
		break;
	case OPEN:
		xs_pump_server_event(&connection->pump, events);
		step_open(connection);
		break;
	case LINGER:
		step_linger(connection);
		break;
	case RESOLVE:
	case GONE:
		break;
	}
}

static void app_event(struct xs_source *source, uint32_t events)
{
	struct xs_connection *connection =
		xs_container(source, struct xs_connection, app_source);

	if (connection->state != OPEN)
		return;
	xs_pump_app_event(&connection->pump, events);
	step_open(connection);
}

static void run_task(struct xs_task *task)
{
	struct xs_connection *connection =
		xs_container(task, struct xs_connection, task);

	if (connection->state == GONE)
		free_connection(connection);
	else if (connection->state == OPEN)
		step_open(connection);
}

/* --- the beginning ----------------------------------------------------- */

static bool fill_registered(struct xs_connection *connection)
{
	struct xs_registered *registered = &connection->registered;
	const struct xs_opening *opening = connection->opening;
	socklen_t len = sizeof(registered->nodelay);
	struct stat app_end;

	if (fstat(opening->app_end, &app_end) < 0)
		return false;
	registered->id = opening->request->wire.head.id;
	registered->device = app_end.st_dev;
	registered->inode = app_end.st_ino;
	registered->tcp_fd = connection->tcp_fd;
	getsockopt(connection->tcp_fd, IPPROTO_TCP, TCP_NODELAY,
		   &registered->nodelay, &len);
	return true;
}

/* What the request asks for first. */
static void begin(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;
	struct xs_error err = { 0 };
	int known;

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
		set_state(connection, CONNECT);
		xs_timer_set(&connection->worker->timers, &connection->timer,
			     opening->deadline);
		if (!take_socket(connection, opening->app_tcp))
			fail_memory(connection);
	}
}

int xs_connection_begin(struct xs_worker *worker, struct xs_control *control,
			const void *datagram, size_t len, const int *fds,
			size_t nfds)
{
	struct xs_connection *connection = calloc(1, sizeof(*connection));
	int pair_fd = -1;

	if (!connection) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		return -1;
	}
	connection->opening =
		xs_opening_make(datagram, len, fds, nfds, &pair_fd);
	if (!connection->opening) {
		free(connection);
		return -1;
	}
	connection->worker = worker;
	connection->pair_fd = pair_fd;
	connection->tcp_fd = connection->opening->app_tcp;
	connection->server_source.event = server_event;
	connection->app_source.event = app_event;
	connection->task.run = run_task;
	connection->timer.expire = timer_expired;
	connection->opening->control = control;
	xs_control_attach(control, connection);
	xs_life_enter();
	xs_life_set_idle(connection->opening->request->wire.head.idle);
	atomic_fetch_add(&worker->load, 1);
	fill_registered(connection);
	xs_registry_add(&connection->registered);
	begin(connection);
	return 0;
}

void xs_connection_forget_control(struct xs_connection *connection)
{
	if (connection->opening)
		connection->opening->control = NULL;
}
