/* The states of a connection; see connection.h.
 *
 *   RESOLVE    a name is being looked up             } establish.c
 *   CONNECT    TCP is connecting, to one address     }
 *              after the other                       }
 *   DIALOGUE   STARTTLS, before TLS and behind it      upgrade.c
 *   HANDSHAKE  TLS; ends with a verified certificate   handshake.c
 *   OPEN       bytes go both ways (pump.h)
 *   AWAIT      the server agreed to the application's
 *              STARTTLS: does it bring its own TLS?    upgrade.c
 *              HANDSHAKE or OPEN follows
 *   LINGER     the application is gone, the server reads what it wrote
 *   GONE       nothing is left but to be freed
 *
 * Here are its beginning, its life once it is open, and its end.  Everything
 * happens on the thread of the worker that owns it.  The surprising thing is
 * the end: epoll(7) may already have reported an event of a connection that
 * another event ends, so the memory is given back in a task, later.
 */
#include "connection_private.h"

#include "life.h"
#include "reset.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

/* The application is gone and the server takes nothing. */
enum { STALLED_MS = 120000 };

void xs_connection_set_state(struct xs_connection *connection,
			     enum xs_connection_state state)
{
	connection->state = state;
}

static void set_timer(struct xs_connection *connection, int64_t milliseconds)
{
	xs_worker_timer(connection->worker, &connection->timer, milliseconds);
}

/* --- the end --------------------------------------------------------- */

static void free_connection(struct xs_connection *connection)
{
	struct xs_worker *worker = connection->worker;

	xs_tls_free(connection->tls);
	xs_pump_free(&connection->pump);
	xs_words_put(connection->words);
	free(connection);
	atomic_fetch_sub(&worker->load, 1);
	xs_life_leave();
}

static void free_opening(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;

	if (!opening)
		return;
	xs_timer_cancel(&connection->worker->timers, &opening->watch);
	xs_opening_free(opening, connection->tcp_fd);
	connection->opening = NULL;
}

void xs_connection_end(struct xs_connection *connection)
{
	struct xs_worker *worker = connection->worker;

	if (connection->opening)
		xs_opening_close_app(connection->opening);
	xs_connection_set_state(connection, GONE);
	xs_timer_cancel(&worker->timers, &connection->timer);
	xs_registry_remove(&connection->registered);
	/* The application may hold the TCP socket, too, so that closing it
	 * does not take it out of the epoll set. */
	xs_worker_unwatch(worker, connection->tcp_fd);
	if (connection->pair_fd >= 0) {
		xs_worker_unwatch(worker, connection->pair_fd);
		close(connection->pair_fd);
	}
	free_opening(connection);
	xs_expect_end(connection->announced);
	xs_later_forget(&connection->later);
	xs_linger_close(connection->tcp_fd);
	xs_worker_later(worker, &connection->task);
}

/* --- LINGER ---------------------------------------------------------- */

static void begin_linger(struct xs_connection *connection)
{
	xs_worker_unwatch(connection->worker, connection->pair_fd);
	close(connection->pair_fd);
	connection->pair_fd = -1;
	connection->linger.polite = connection->tls;
	if (xs_linger_aborts(connection->tcp_fd) ||
	    xs_linger_read(&connection->linger, connection->tcp_fd,
			   connection->worker->buffers)) {
		xs_connection_end(connection);
		return;
	}
	xs_connection_set_state(connection, LINGER);
	set_timer(connection, XS_LINGER_MS);
}

static void step_linger(struct xs_connection *connection)
{
	if (xs_linger_read(&connection->linger, connection->tcp_fd,
			   connection->worker->buffers))
		xs_connection_end(connection);
}

/* --- OPEN ------------------------------------------------------------ */

/* What goes wrong now has no connect(2) to fail; it is for the log. */
static void log_at(struct xs_connection *connection, enum xs_log_level level,
		   const char *sentence)
{
	int fd = xs_later_open(&connection->later);

	xs_words_log(connection->words, fd, level, sentence);
	xs_later_close(&connection->later, fd);
}

static void log_later(struct xs_connection *connection, const char *sentence)
{
	log_at(connection, XS_LOG_ERROR, sentence);
}

void xs_connection_note(struct xs_connection *connection, const char *sentence)
{
	log_at(connection, XS_LOG_INFO, sentence);
}

void xs_connection_break(struct xs_connection *connection,
			 const struct xs_error *err)
{
	/* What is not ours to protect breaks as plain TCP does, and the
	 * application hears of it as of TCP. */
	if (err->kind == XS_ERR_NETWORK && !connection->pump.tls &&
	    !connection->pump.dialogue)
		xs_connection_note(connection, err->text);
	else
		log_later(connection, err->text);
	if (xs_pump_needs_mark(&connection->pump))
		xs_reset_tell(connection->app_pid, connection->app_fd,
			      connection->registered.device,
			      connection->registered.inode);
	xs_connection_end(connection);
}

void xs_connection_log_tls(struct xs_connection *connection,
			   const struct xs_tls_summary *summary)
{
	int fd = xs_later_open(&connection->later);

	xs_words_log_success(connection->words, fd, summary);
	xs_later_close(&connection->later, fd);
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
			  XS_APP_EVENTS | (want ? EPOLLOUT : 0),
			  &connection->app_source);
}

/* The application is gone, and something that it wrote is still here. */
static void watch_stall(struct xs_connection *connection)
{
	if (!connection->pump.app_gone || connection->timer.set)
		return;
	connection->stalled_at =
		connection->pump.sent_up - xs_queue_len(&connection->pump.up);
	set_timer(connection, STALLED_MS);
}

/* The server owes the answer to the application's STARTTLS. */
static void watch_answer(struct xs_connection *connection)
{
	const struct xs_dialogue *dialogue = connection->pump.dialogue;

	if (dialogue && xs_dialogue_server_owes(dialogue) &&
	    !connection->timer.set)
		set_timer(connection, connection->timeout_ms);
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
		connection->worker->soon = true;
		watch_app(connection);
		watch_stall(connection);
		watch_answer(connection);
		break;
	case XS_PUMP_DIALOGUE:
		watch_app(connection);
		xs_upgrade_heed(connection);
		break;
	case XS_PUMP_GIVEN_UP:
		xs_linger_abort(connection->tcp_fd);
		/* fall through */
	case XS_PUMP_CLOSED:
	case XS_PUMP_TORN:
		xs_connection_end(connection);
		break;
	case XS_PUMP_LINGER:
		begin_linger(connection);
		break;
	case XS_PUMP_FAILED:
		xs_connection_break(connection, &err);
		break;
	}
}

static void check_answer(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	if (connection->pump.dialogue &&
	    xs_dialogue_late(connection->pump.dialogue,
			     connection->timeout_ms / 1000.0, &err))
		xs_connection_break(connection, &err);
}

static void check_stall(struct xs_connection *connection)
{
	uint64_t taken =
		connection->pump.sent_up - xs_queue_len(&connection->pump.up);

	if (taken != connection->stalled_at) {
		watch_stall(connection);
		return;
	}
	log_later(connection, "the server does not read what the application "
			      "wrote before it ended: given up");
	xs_connection_end(connection);
}

/* What a later line needs. */
static void keep_words(struct xs_connection *connection)
{
	struct xs_opening *opening = connection->opening;

	xs_later_remember(&connection->later, opening->presence.pid,
			  opening->log_fd);
	connection->app_pid = opening->presence.pid;
	connection->app_fd = opening->presence.fd;
	connection->words = opening->request->words;
	connection->timeout_ms = opening->timeout_ms;
	opening->request->words = NULL;
}

void xs_connection_open(struct xs_connection *connection, const uint8_t *in,
			size_t len)
{
	struct xs_error err = { 0 };

	keep_words(connection);
	free_opening(connection);
	if (!xs_pump_open(&connection->pump, connection->worker->buffers, &err))
		xs_connection_break(connection, &err);
	else
		xs_connection_resume(connection, in, len);
}

void xs_connection_resume(struct xs_connection *connection, const uint8_t *in,
			  size_t len)
{
	struct xs_error err = { 0 };

	xs_timer_cancel(&connection->worker->timers, &connection->timer);
	xs_connection_set_state(connection, OPEN);
	if (connection->tls)
		xs_tls_settle(connection->tls);
	if (len && !xs_pump_feed(&connection->pump, connection->worker->buffers,
				 in, len, &err))
		xs_connection_break(connection, &err);
	else
		step_open(connection);
}

/* --- events ---------------------------------------------------------- */

static void timer_expired(struct xs_timer *timer)
{
	struct xs_connection *connection =
		xs_container(timer, struct xs_connection, timer);

	switch (connection->state) {
	case RESOLVE:
	case CONNECT:
	case DIALOGUE:
	case HANDSHAKE:
	case AWAIT:
		xs_establish_expired(connection);
		break;
	case OPEN:
		if (connection->pump.app_gone)
			check_stall(connection);
		else
			check_answer(connection);
		break;
	case LINGER:
		if (xs_linger_overdue(&connection->linger, connection->tcp_fd))
			xs_connection_end(connection);
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
	case DIALOGUE:
	case HANDSHAKE:
		xs_establish_event(connection, events);
		break;
	case AWAIT:
		xs_pump_server_event(&connection->pump, events);
		xs_upgrade_await(connection);
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

	if (!connection->pump.opened)
		return;
	xs_pump_app_event(&connection->pump, events);
	if (connection->state == OPEN)
		step_open(connection);
	else if (connection->state == AWAIT)
		xs_upgrade_await(connection);
}

static void run_task(struct xs_task *task)
{
	struct xs_connection *connection =
		xs_container(task, struct xs_connection, task);

	if (connection->state == GONE)
		free_connection(connection);
	else if (connection->state == OPEN)
		step_open(connection);
	else
		xs_establish_continue(connection);
}

/* --- the beginning --------------------------------------------------- */

static bool fill_registered(struct xs_connection *connection)
{
	struct xs_registered *registered = &connection->registered;
	const struct xs_opening *opening = connection->opening;
	struct stat app_end;

	if (fstat(opening->app_end, &app_end) < 0)
		return false;
	registered->id = opening->request->wire.head.id;
	registered->device = app_end.st_dev;
	registered->inode = app_end.st_ino;
	registered->tcp_fd = connection->tcp_fd;
	registered->pair_fd = connection->pair_fd;
	registered->mark = &connection->pump.mark;
	return true;
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
	connection->later.kept = -1;
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
	xs_establish_begin(connection);
	return 0;
}

void xs_connection_forget_control(struct xs_connection *connection)
{
	if (connection->opening)
		connection->opening->control = NULL;
}
