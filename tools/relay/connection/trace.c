/* Lines at level debug: how a connection gets on, so that a connect can be
 * followed from the library's line about its pair to the end.
 */
#include "relay/connection/connection_private.h"

#include <stdio.h>

/* What a connection in this state waits for, or does. */
static const char *const doing[XS_CONNECTION_STATES] = {
	[LOAD] = "waits until the rule's files are read",
	[RESOLVE] = "asks the name server for",
	[CONNECT] = "waits until TCP is connected to",
	[DIALOGUE] = "waits for what is said before TLS (STARTTLS)",
	[HANDSHAKE] = "waits for the server's part of the TLS handshake",
	[OPEN] = "carries bytes",
	[AWAIT] = "waits whether the application begins TLS of its own",
	[LINGER] = "waits until the server has taken the last bytes",
	[GONE] = "has ended",
};

/* The name or the address that the state is about; "": none. */
static const char *object_of(const struct xs_connection *connection,
			     char text[XS_ADDRESS_TEXT_MAX])
{
	const struct xs_pending *pending = connection->pending;

	if (!pending)
		return "";
	if (connection->state == RESOLVE)
		return pending->request->wire.string[XS_WIRE_HOST];
	if (connection->state == CONNECT)
		return xs_address_format(xs_dial_address(&pending->dial), text,
					 XS_ADDRESS_TEXT_MAX);
	return "";
}

static const struct xs_log_words *
words_of(const struct xs_connection *connection)
{
	return connection->pending ? connection->pending->request->log_words
				   : connection->log_words;
}

void xs_connection_trace(struct xs_connection *connection)
{
	const struct xs_log_words *log_words = words_of(connection);
	char object[XS_ADDRESS_TEXT_MAX], sentence[512];
	const char *about;
	int fd;

	if (!log_words || !xs_log_words_wants(log_words, XS_LOG_DEBUG))
		return;
	about = object_of(connection, object);
	snprintf(sentence, sizeof(sentence), "pair %08x, %s: %s%s%s",
		 connection->registered.id,
		 xs_connection_state_name(connection->state),
		 doing[connection->state], *about ? " " : "", about);
	fd = connection->pending ? connection->pending->log_fd
				 : xs_late_log_open(&connection->late_log);
	xs_log_words_log(log_words, fd, XS_LOG_DEBUG, sentence);
	if (!connection->pending)
		xs_late_log_close(&connection->late_log, fd);
}
