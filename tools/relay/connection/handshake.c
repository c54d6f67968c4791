/* HANDSHAKE: TLS, before the verdict, or on a connection that is open already
 * because the application has a part in the STARTTLS dialogue, or because an
 * FTP server wants a command first.
 */
#include "relay/connection/connection_private.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* The handshake is done, the server verified; in is what came behind it. */
static void shaken(struct xs_connection *connection,
		   const struct xs_tls_summary *summary, const uint8_t *in,
		   size_t len)
{
	struct xs_pump *pump = &connection->pump;
	struct xs_buffers *buffers = connection->worker->buffers;
	struct xs_error err = { 0 };

	pump->tls = connection->tls;
	xs_list_secured(&connection->registered, summary);
	if (connection->pending) {
		connection->pending->summary = *summary;
		connection->pending->secure = true;
	} else {
		xs_connection_log_tls(connection, summary);
	}
	if (!pump->dialogue)
		pump->wants = XS_DIALOGUE_MORE;
	if (pump->dialogue && !xs_pump_secured(pump, buffers, &err)) {
		xs_verdict_fail(connection, &err);
	} else if (!connection->pending) {
		xs_connection_resume(connection, in, len);
	} else if (!pump->dialogue) {
		xs_verdict_succeed(connection, in, len);
	} else if (len && !xs_pump_feed(pump, buffers, in, len, &err)) {
		xs_verdict_fail(connection, &err);
	} else if (xs_connection_set_state(connection, DIALOGUE)) {
		xs_upgrade_step(connection);
	}
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
		xs_verdict_broke(connection, errno, &err);
		result = XS_TLS_FAILED;
	}
	pump->server.blocked = xs_queue_len(&pump->up) > 0;
	if (result == XS_TLS_FAILED)
		xs_verdict_fail(connection, &err);
	else if (result == XS_TLS_DONE)
		shaken(connection, &summary, io.in, io.in_len);
	return result == XS_TLS_WANT;
}

/* A transfer that the server refuses on the control connection, or that the
 * application gave up before it sent anything: nothing is wrong. */
static bool is_no_transfer(const struct xs_connection *connection)
{
	int waiting = 0;

	if (!connection->is_data || connection->pending ||
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
		xs_verdict_broke(connection, errno, &err);
	else
		xs_tls_handshake_cut(connection->tls, &err);
	xs_verdict_fail(connection, &err);
}

/* What one handshake reads in one turn: most servers say less.  It may come in
 * records of a byte each. */
enum { PORTION = 16 * 1024 };

void xs_handshake_step(struct xs_connection *connection)
{
	struct xs_pump *pump = &connection->pump;
	uint8_t *buffer = connection->worker->buffers->cipher_in;
	ssize_t got;

	if (!pump->server.blocked &&
	    xs_queue_flush(&pump->up, connection->tcp_fd) == XS_QUEUE_FAILED) {
		fail_handshake(connection, -1);
		return;
	}
	if (!pump->server.readable)
		return;
	do
		got = recv(connection->tcp_fd, buffer, PORTION, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < PORTION && !pump->server.ended)
		pump->server.readable = false;
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		fail_handshake(connection, got);
	/* Others have their turn, and the timer: a server may send without
	 * end. */
	else if (shake(connection, (size_t)got) && pump->server.readable)
		xs_worker_later(connection->worker, &connection->task);
}

static void spares_are_old(struct xs_timer *timer)
{
	struct xs_worker *worker =
		xs_container(timer, struct xs_worker, spares);

	if (xs_tls_spare_expire())
		xs_worker_timer(worker, timer, XS_TLS_SPARE_MS);
}

/* The server is busy with our ClientHello: time to make that of the next
 * connection. */
static void make_spare(struct xs_connection *connection)
{
	const struct xs_pending *pending = connection->pending;
	struct xs_timer *timer = &connection->worker->spares;
	char server[XS_ADDRESS_TEXT_MAX];

	if (!pending || pending->ftp_data ||
	    !xs_pending_begins_with_tls(pending))
		return;
	xs_address_format(xs_dial_address(&pending->dial), server,
			  sizeof(server));
	xs_tls_spare_make(
		pending->context,
		xs_log_words_text(pending->request->log_words, XS_WIRE_NAME),
		server);
	timer->expire = spares_are_old;
	if (!timer->set)
		xs_worker_timer(connection->worker, timer, XS_TLS_SPARE_MS);
}

void xs_handshake_begin(struct xs_connection *connection)
{
	if (!xs_connection_set_state(connection, HANDSHAKE))
		return;
	if (!shake(connection, 0)) /* ClientHello */
		return;
	make_spare(connection);
	xs_handshake_step(connection);
}

/* The time of what an open connection waits for is over. */
void xs_handshake_late(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	if (is_no_transfer(connection) && connection->pump.app_gone) {
		end_no_transfer(connection);
		return;
	}
	xs_error_set(&err, XS_ERR_TIMEOUT, 0,
		     "the server did not finish the TLS handshake within %g s "
		     "(does it speak TLS on this port?)",
		     connection->timeout_ms / 1000.0);
	xs_tls_explain_silence(connection->tls, &err);
	xs_verdict_fail(connection, &err);
}
