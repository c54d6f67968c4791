/* What a relay tells of its connections to whoever may ask (LIST in wire.h).
 *
 * What is told of a connection is in it for other threads to read: words and
 * TLS under the lock of the registry, and numbers that only the connection's
 * own thread writes.  So a question costs the data path nothing.
 */
#ifndef XS_LIST_H
#define XS_LIST_H

#include "base/wire.h"
#include "relay/connection/log_words.h"
#include "relay/tls/tls.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct xs_connection;

/* Part of a connection. */
struct xs_shown {
	const struct xs_log_words *log_words;
	int64_t began;		      /* xs_now_ms */
	const char *version, *cipher; /* NULL: no TLS, or not yet */
	const char *verified;	      /* "": no name was */
	char *verified_own; /* to be freed; NULL: it is in log_words */
	bool resumed;
	_Atomic uint8_t state;		 /* enum xs_connection_state */
	_Atomic uint64_t sent, received; /* bytes of the application's */
};

/* Before the connection is in the registry. */
void xs_list_begin(struct xs_connection *connection);

/* A handshake is done. */
void xs_list_secured(struct xs_connection *connection,
		     const struct xs_tls_summary *summary);

/* Tells what the pump has carried since it was called last. */
void xs_list_carried(struct xs_connection *connection);

/* When nobody can find the connection any more. */
void xs_list_end(struct xs_connection *connection);

/* Answers a LIST on fd, which is not blocking, without waiting.  Any thread. */
void xs_list_answer(int fd, const struct xs_wire *question);

#endif
