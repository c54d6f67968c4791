/* What a relay tells of its connections and associations to whoever may ask
 * (LIST in wire.h).
 *
 * What is told of one is in it for other threads to read: words and TLS under
 * the lock of the registry, and numbers that only its own thread writes.  So a
 * question costs the data path nothing.
 */
#ifndef XS_LIST_H
#define XS_LIST_H

#include "base/wire.h"
#include "relay/client/registry.h"
#include "relay/connection/log_words.h"
#include "relay/loop/worker.h"
#include "relay/tls/tls.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_connection;

/* What only an association has. */
struct xs_shown_datagrams {
	_Atomic uint64_t sent, received;
	_Atomic int64_t last; /* when, by xs_clock_coarse_ms */
};

/* Part of a connection, or of an association. */
struct xs_shown {
	const struct xs_log_words *log_words;
	int64_t began;		      /* xs_now_ms */
	const char *version, *cipher; /* NULL: no TLS, or not yet */
	const char *verified;	      /* "": no name was */
	char *verified_own; /* to be freed; NULL: it is in log_words */
	bool resumed;
	_Atomic uint8_t state;		      /* as in a struct xs_wire_row */
	_Atomic uint64_t sent, received;      /* bytes of the application's */
	struct xs_shown_datagrams *datagrams; /* NULL: a connection */
};

/* Before it is in the registry, by which it will be found.  log_words and
 * datagrams, which is NULL for a connection, live as long. */
void xs_list_begin(struct xs_registered *registered, struct xs_shown *shown,
		   const struct xs_log_words *log_words,
		   struct xs_shown_datagrams *datagrams);

/* A handshake is done; its TLS is over, and it goes on. */
void xs_list_secured(struct xs_registered *registered,
		     const struct xs_tls_summary *summary);
void xs_list_unsecured(struct xs_registered *registered);

/* Tells what the pump has carried since it was called last. */
void xs_list_carried(struct xs_connection *connection);

/* An association has sent or received a datagram of so many bytes. */
void xs_list_datagram_sent(struct xs_shown *shown, struct xs_worker *worker,
			   size_t len);
void xs_list_datagram_received(struct xs_shown *shown, struct xs_worker *worker,
			       size_t len);

/* When nobody can find it any more. */
void xs_list_end(struct xs_shown *shown);

/* Answers a LIST on fd, which is not blocking, without waiting.  Any thread. */
void xs_list_answer(int fd, const struct xs_wire *question);

#endif
