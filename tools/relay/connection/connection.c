/* One connection; see connection.h, and state.h for its states.
 *
 * Here are its beginning, its life once it is open, and its end.  Everything
 * happens on the thread of the worker that owns it.  The surprising thing is
 * the end: epoll(7) may already have reported an event of a connection that
 * another event ends, so the memory is given back in a task, later.
 */
#include "relay/connection/connection_private.h"

#include "relay/base/shortage.h"
#include "relay/connection/failures.h"
#include "relay/connection/reset.h"
#include "relay/connection/totals.h"
#include "relay/loop/lifetime.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

/* The application is gone and the server takes nothing. */
enum { STALLED_MS = 120000 };

/* We have a bug.  It costs this connection, but none of the others. */
static void end_wrong_state(struct xs_connection *connection,
			    enum xs_connection_state state)
{
	struct xs_error err = { 0 };

#ifdef XS_CHECK_STATES
	abort();
#endif
	/* Then it has ended already, and cannot do so twice. */
	if (connection->state == GONE)
		return;
	xs_error_set(&err, XS_ERR_RELAY, 0,
		     "a bug of xsock-relay: a connection cannot go from %s to "
		     "%s",
		     xs_connection_state_name(connection->state),
		     xs_connection_state_name(state));
	xs_verdict_fail(connection, &err);
}

bool xs_connection_set_state(struct xs_connection *connection,
			     enum xs_connection_state state)
{
	if (!xs_connection_state_follows(connection->state, state)) {
		end_wrong_state(connection, state);
		return false;
	}
	connection->state = state;
	atomic_store_explicit(&connection->shown.state, (uint8_t)state,
			      memory_order_relaxed);
	xs_connection_trace(connection);
	return true;
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
	xs_list_end(&connection->shown);
	xs_log_words_put(connection->log_words);
	free(connection);
	atomic_fetch_sub(&worker->load, 1);
	xs_lifetime_leave();
}

static void free_pending(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;

	if (!pending)
		return;
	xs_timer_cancel(&connection->worker->timers, &pending->watch);
	xs_pending_free(pending, connection->tcp_fd);
	connection->pending = NULL;
}

static void close_tcp(struct xs_connection *connection)
{
	if (connection->tcp_fd < 0)
		return;
	/* The application may hold the socket, too, so that closing it does not
	 * take it out of the epoll set. */
	xs_worker_unwatch(connection->worker, connection->tcp_fd);
	xs_linger_close(connection->tcp_fd);
}

void xs_connection_end(struct xs_connection *connection)
{
	struct xs_worker *worker = connection->worker;

	if (!xs_connection_set_state(connection, GONE))
		return;
	if (connection->pending)
		xs_pending_close_app(connection->pending);
	xs_timer_cancel(&worker->timers, &connection->timer);
	xs_registry_remove(&connection->registered);
	xs_totals_end();
	/* Who sees its end closed may bind to the same port at once. */
	close_tcp(connection);
	if (connection->pair_fd >= 0) {
		xs_worker_unwatch(worker, connection->pair_fd);
		close(connection->pair_fd);
	}
	free_pending(connection);
	xs_ftp_data_end(connection->announced);
	xs_late_log_forget(&connection->late_log);
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
	if (xs_connection_set_state(connection, LINGER))
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
	int fd = xs_late_log_open(&connection->late_log);

	xs_log_words_log(connection->log_words, fd, level, sentence);
	xs_late_log_close(&connection->late_log, fd);
}

static void log_later(struct xs_connection *connection, const char *sentence)
{
	xs_totals_broken();
	xs_failures_add(connection->log_words, 0, true, sentence);
	log_at(connection, XS_LOG_ERROR, sentence);
}

/* Behind a goodbye, nothing of the program's is lost with the connection. */
static void log_end(struct xs_connection *connection, const char *sentence)
{
	struct xs_error over = { 0 };

	if (!xs_pump_is_over(&connection->pump)) {
		log_later(connection, sentence);
		return;
	}
	xs_error_set(&over, XS_ERR_NETWORK, 0, "behind the goodbye, %s",
		     sentence);
	log_at(connection, XS_LOG_INFO, over.text);
}

void xs_connection_note(struct xs_connection *connection, const char *sentence)
{
	log_at(connection, XS_LOG_INFO, sentence);
}

/* What it is about that the server has ended the connection: text, if TLS does
 * not know better. */
static const char *explain(const struct xs_connection *connection,
			   const char *text)
{
	struct xs_tls *tls = connection->pump.tls;
	const char *known = tls ? xs_tls_explain_end(tls) : NULL;

	return known ? known : text;
}

/* What is not ours to protect breaks as plain TCP does, and the application
 * hears of it as of TCP.  The same goes for a server that has ended its side in
 * good order, and takes nothing any more: TLS and dialogues say by themselves
 * when an end is none. */
static bool breaks_as_tcp(const struct xs_pump *pump)
{
	if (pump->tls)
		return !pump->dialogue && pump->down_done;
	return !pump->dialogue || pump->down_eof;
}

void xs_connection_break(struct xs_connection *connection,
			 const struct xs_error *err)
{
	if (err->kind == XS_ERR_NETWORK && breaks_as_tcp(&connection->pump))
		xs_connection_note(connection, err->text);
	else
		log_end(connection, err->kind == XS_ERR_NETWORK
					    ? explain(connection, err->text)
					    : err->text);
	if (xs_pump_needs_mark(&connection->pump))
		xs_reset_tell(connection->app_pid, connection->app_fd,
			      connection->registered.device,
			      connection->registered.inode);
	xs_connection_end(connection);
}

void xs_connection_log_tls(struct xs_connection *connection,
			   const struct xs_tls_summary *summary)
{
	int fd = xs_late_log_open(&connection->late_log);

	xs_log_words_log_success(connection->log_words, fd, summary);
	xs_late_log_close(&connection->late_log, fd);
}

static void note_cut(struct xs_connection *connection)
{
	if (!connection->pump.cut)
		return;
	connection->pump.cut = false;
	if (xs_pump_is_over(&connection->pump)) {
		log_at(connection, XS_LOG_INFO,
		       "behind the goodbye, the server ended the connection "
		       "without close_notify");
		return;
	}
	xs_totals_cut();
	log_later(connection,
		  explain(connection,
			  "the server cut the connection without "
			  "close_notify: what came may be incomplete"));
}

/* It ended in good order, and perhaps told the application why: only the log
 * can tell which option it is about. */
static void note_refused_wish(struct xs_connection *connection)
{
	const char *known = explain(connection, NULL);

	if (known)
		log_at(connection, XS_LOG_WARNING, known);
}

static void note_unanswered(struct xs_connection *connection)
{
	if (!connection->pump.unanswered)
		return;
	connection->pump.unanswered = false;
	log_at(connection, XS_LOG_WARNING,
	       "the server ended the connection, without another byte, when "
	       "the program had ended its side: before TLS 1.3 that can cost "
	       "an answer (if the program waits for one, the server needs TLS "
	       "1.3)");
}

static void note_remark(struct xs_connection *connection)
{
	const char *remark = connection->pump.remark;

	connection->pump.remark = NULL;
	if (remark)
		log_at(connection, XS_LOG_WARNING, remark);
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

	xs_list_carried(connection);
	note_cut(connection);
	note_unanswered(connection);
	note_remark(connection);
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
		xs_upgrade_apply(connection);
		break;
	case XS_PUMP_GIVEN_UP:
		xs_linger_abort(connection->tcp_fd);
		/* fall through */
	case XS_PUMP_CLOSED:
	case XS_PUMP_TORN:
		note_refused_wish(connection);
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
	struct xs_pending *pending = connection->pending;

	xs_late_log_remember(&connection->late_log, pending->app_alive.pid,
			     pending->log_fd);
	connection->app_pid = pending->app_alive.pid;
	connection->app_fd = pending->app_alive.fd;
	connection->log_words = pending->request->log_words;
	connection->timeout_ms = pending->timeout_ms;
	pending->request->log_words = NULL;
}

void xs_connection_open(struct xs_connection *connection, const uint8_t *in,
			size_t len)
{
	struct xs_error err = { 0 };

	keep_words(connection);
	free_pending(connection);
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
	if (!xs_connection_set_state(connection, OPEN))
		return;
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
	case LOAD:
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
	case LOAD:
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

static bool fill_registered(struct xs_connection *connection,
			    struct xs_error *err)
{
	struct xs_registered *registered = &connection->registered;
	const struct xs_pending *pending = connection->pending;
	struct stat app_end;

	registered->id = pending->request->wire.head.id;
	registered->tcp_fd = connection->tcp_fd;
	registered->pair_fd = connection->pair_fd;
	registered->mark = &connection->pump.mark;
	if (fstat(pending->app_end, &app_end) < 0) {
		xs_error_set(err, XS_ERR_SYSTEM, errno,
			     "the program's end of the pair cannot be looked "
			     "at: fstat(2): %s",
			     xs_error_name(errno));
		return false;
	}
	registered->device = app_end.st_dev;
	registered->inode = app_end.st_ino;
	return true;
}

static int begin(struct xs_worker *worker, struct xs_control *control,
		 const void *datagram, size_t len, const int *fds, size_t nfds)
{
	struct xs_connection *connection = calloc(1, sizeof(*connection));
	struct xs_error err = { 0 };
	int pair_fd = -1;
	bool known;

	if (!connection) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		return -1;
	}
	connection->pending =
		xs_pending_make(datagram, len, fds, nfds, &pair_fd);
	if (!connection->pending) {
		free(connection);
		return -1;
	}
	connection->worker = worker;
	connection->late_log.kept = -1;
	connection->pair_fd = pair_fd;
	connection->tcp_fd = connection->pending->app_tcp;
	connection->server_source.event = server_event;
	connection->app_source.event = app_event;
	connection->task.run = run_task;
	connection->timer.expire = timer_expired;
	connection->pending->control = control;
	xs_control_attach(control, connection);
	xs_lifetime_enter();
	xs_lifetime_set_idle(connection->pending->request->wire.head.idle);
	atomic_fetch_add(&worker->load, 1);
	known = fill_registered(connection, &err) &&
		!xs_shortage_meets(fds, nfds, &err);
	xs_list_begin(&connection->registered, &connection->shown,
		      connection->pending->request->log_words, NULL);
	xs_totals_begin();
	xs_registry_add(&connection->registered);
	xs_log_words_log_walls(connection->pending->request->log_words,
			       connection->pending->log_fd);
	if (known)
		xs_establish_begin(connection);
	else
		xs_verdict_fail(connection, &err);
	return 0;
}

static void client_left(struct xs_connection *connection)
{
	if (connection->pending)
		connection->pending->control = NULL;
}

const struct xs_control_connector xs_connection_connector = {
	.begin = begin,
	.client_left = client_left,
	.list = xs_list_answer,
};
