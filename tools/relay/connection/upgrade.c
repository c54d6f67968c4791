/* DIALOGUE and AWAIT: STARTTLS, as its dialogue wants it (starttls/).
 *
 * A dialogue may be on both sides of the handshake (DIALOGUE, HANDSHAKE,
 * DIALOGUE), and the verdict comes when it says so.  FTP's data connections,
 * which no dialogue has, are here too: their control connection's announces
 * them.
 */
#include "relay/connection/connection_private.h"

#include "base/pair.h"
#include "relay/starttls/table.h"
#include "relay/tls/tls_password.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

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
		xs_verdict_broke(connection, errno, &err);
	xs_verdict_fail(connection, &err);
	return false;
}

void xs_upgrade_shake(struct xs_connection *connection)
{
	if (connection->pump.dialogue && !check_silence(connection))
		return;
	if (!connection->pending)
		xs_worker_timer(connection->worker, &connection->timer,
				connection->timeout_ms);
	xs_handshake_begin(connection);
}

/* How long the application has to send its own ClientHello where the server
 * is the first to speak behind the handshake. */
enum { OWN_TLS_MS = 300 };

static void begin_await(struct xs_connection *connection)
{
	if (!xs_connection_set_state(connection, AWAIT))
		return;
	xs_timer_cancel(&connection->worker->timers, &connection->timer);
	if (xs_dialogue_server_first(connection->pump.dialogue))
		xs_worker_timer(connection->worker, &connection->timer,
				OWN_TLS_MS);
	xs_upgrade_await(connection);
}

/* The application brings its own TLS, to the end. */
static void leave_alone(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	if (xs_pump_pass(&connection->pump, connection->worker->buffers, &err))
		xs_connection_resume(connection, NULL, 0);
	else
		xs_verdict_fail(connection, &err);
}

void xs_upgrade_await(struct xs_connection *connection)
{
	struct xs_error err = { 0 };
	uint8_t first[XS_HELLO_HEAD];
	ssize_t got;

	if (!check_silence(connection))
		return;
	/* What it waits for may be behind much that it has not read yet. */
	if (!xs_pump_flush(&connection->pump, &err)) {
		xs_verdict_fail(connection, &err);
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
		xs_upgrade_shake(connection);
	} else if (got == sizeof(first)) {
		leave_alone(connection);
	} else if (connection->pump.app.ended) {
		xs_connection_end(connection); /* in the middle of it */
	}
}

void xs_upgrade_apply(struct xs_connection *connection)
{
	switch (connection->pump.wants) {
	case XS_DIALOGUE_TLS:
		xs_upgrade_shake(connection);
		break;
	case XS_DIALOGUE_AGREED:
		begin_await(connection);
		break;
	case XS_DIALOGUE_OPEN:
	case XS_DIALOGUE_PASS:
		xs_verdict_succeed(connection, NULL, 0);
		break;
	case XS_DIALOGUE_MORE: /* wants nothing */
	case XS_DIALOGUE_REFUSED:
	case XS_DIALOGUE_BROKEN: /* the pump has failed instead */
		break;
	}
}

void xs_upgrade_step(struct xs_connection *connection)
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
		xs_upgrade_apply(connection);
		break;
	case XS_PUMP_CLOSED:
	case XS_PUMP_GIVEN_UP:
	case XS_PUMP_LINGER:
	case XS_PUMP_TORN:
	case XS_PUMP_FAILED:
		if (!xs_error_is_set(&err))
			xs_dialogue_cut(connection->pump.dialogue, &err);
		xs_verdict_fail(connection, &err);
		break;
	}
}

void xs_upgrade_late(struct xs_connection *connection)
{
	struct xs_error err = { 0 };

	xs_dialogue_late(connection->pump.dialogue,
			 connection->pending->timeout_ms / 1000.0, &err);
	xs_verdict_fail(connection, &err);
}

/* --- FTP's data connections -------------------------------------------- */

static struct xs_ftp_data *make_expect(struct xs_connection *connection)
{
	const struct xs_log_words *log_words = connection->log_words;
	struct xs_ftp_data_terms terms = {
		.peer.len = sizeof(terms.peer.v6),
		.name = xs_log_words_text(log_words, XS_WIRE_NAME),
		.scheme = xs_log_words_text(log_words, XS_WIRE_SCHEME),
		.rule = xs_log_words_text(log_words, XS_WIRE_RULE),
	};

	if (!xs_pair_read_asked(connection->pair_fd, &terms.asked) ||
	    getpeername(connection->tcp_fd, &terms.peer.any, &terms.peer.len) <
		    0)
		return NULL;
	return xs_ftp_data_begin(&terms, xs_tls_context_of(connection->tls));
}

/* The dialogue announces one; the application has not read of it yet. */
static bool announce(void *with, const struct xs_address *to, uint16_t port,
		     struct xs_error *err)
{
	struct xs_connection *connection = with;

	if (!connection->announced)
		connection->announced = make_expect(connection);
	if (connection->announced)
		return xs_ftp_data_add(connection->announced, to, port,
				       xs_tls_session_take(connection->tls),
				       err);
	xs_error_set(err, XS_ERR_SYSTEM, errno,
		     "the relay cannot expect a data connection: %s",
		     strerror(errno));
	return false;
}

/* A server does not begin TLS before a command asks for a transfer, which the
 * application sends when it is connected.  So it is told first, and what it
 * writes waits until the server is verified. */
void xs_upgrade_begin_data(struct xs_connection *connection)
{
	connection->is_data = true;
	connection->pump.strict = true;
	connection->pump.wants = XS_DIALOGUE_TLS;
	xs_verdict_succeed(connection, NULL, 0);
}

static const struct xs_dialogue_password password = {
	.key = xs_tls_password_key,
	.decrypt = xs_tls_password_decrypt,
};
_Static_assert((int)XS_DIALOGUE_PASSWORD_MAX == (int)XS_TLS_PASSWORD_MAX,
	       "a decrypted password fits");

static struct xs_address own_address(int fd)
{
	struct xs_address address;

	address.len = sizeof(address.v6);
	if (getsockname(fd, &address.any, &address.len) < 0)
		address.len = 0;
	return address;
}

bool xs_upgrade_prepare(struct xs_connection *connection)
{
	struct xs_pending *pending = connection->pending;
	const struct xs_options *options =
		xs_tls_context_options(pending->context);
	const struct xs_log_words *log_words = pending->request->log_words;
	const struct xs_protocol *protocol =
		xs_protocol_find(xs_log_words_text(log_words, XS_WIRE_SCHEME));
	struct xs_dialogue_setup setup = {
		.domain = options->peer_name
				  ? options->peer_name
				  : xs_log_words_text(log_words, XS_WIRE_NAME),
		.optional = options->starttls_optional,
		.password = &password,
		.announce = announce,
		.with = connection,
	};

	if (!protocol)
		return true;
	setup.local = own_address(connection->tcp_fd);
	connection->pump.dialogue = xs_dialogue_new(protocol, &setup);
	if (connection->pump.dialogue)
		return true;
	xs_verdict_fail_memory(connection);
	return false;
}

void xs_upgrade_begin(struct xs_connection *connection)
{
	struct xs_pump *pump = &connection->pump;
	struct xs_error err = { 0 };

	if (!xs_connection_set_state(connection, DIALOGUE) ||
	    !xs_upgrade_prepare(connection))
		return;
	if (!xs_pump_begin_dialogue(pump, connection->worker->buffers, &err))
		xs_verdict_fail(connection, &err);
	else
		xs_upgrade_step(connection);
}
