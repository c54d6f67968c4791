/* What the files of a connection share: connection.c, establish.c, upgrade.c,
 * handshake.c, verdict.c and trace.c.  No other file includes this. */
#ifndef XS_CONNECTION_PRIVATE_H
#define XS_CONNECTION_PRIVATE_H

#include "relay/client/registry.h"
#include "relay/connection/connection.h"
#include "relay/connection/late_log.h"
#include "relay/connection/linger.h"
#include "relay/connection/list.h"
#include "relay/connection/pending.h"
#include "relay/connection/pump.h"
#include "relay/connection/state.h"

struct xs_connection {
	struct xs_worker *worker;
	enum xs_connection_state state;
	bool app_wants_out; /* EPOLLOUT is watched on the pair */
	struct xs_source server_source;
	struct xs_source app_source;
	struct xs_task task;
	struct xs_timer timer;
	struct xs_registered registered;
	struct xs_shown shown;		/* of all this, to other threads */
	struct xs_pending *pending;	/* NULL: the connect has ended */
	struct xs_log_words *log_words; /* of later lines; NULL before OPEN */
	struct xs_late_log late_log;	/* where they go */
	pid_t app_pid;			/* who had the application's end, … */
	int app_fd;			/* … as which descriptor */
	int tcp_fd;
	int pair_fd;
	int timeout_ms;	     /* as the rule says */
	uint64_t stalled_at; /* bytes that the server had taken */
	struct xs_tls *tls;  /* the pump has it, too, once it stands */
	struct xs_ftp_data *announced; /* FTP's data connections; NULL: none */
	bool is_data;		       /* it is one of them itself */
	struct xs_pump pump;
	struct xs_linger linger;
};

/* connection.c: the one place where the state changes.  False when this state
 * may not follow (state.h), which is a bug: the connection has ended then, with
 * a line that says so, and the caller must let go of it.  Builds for tests
 * (XS_CHECK_STATES) abort instead. */
bool xs_connection_set_state(struct xs_connection *connection,
			     enum xs_connection_state state);

/* connection.c: ends the connection.  Its memory is freed after the events at
 * hand, because one of them may still point to it. */
void xs_connection_end(struct xs_connection *connection);

/* connection.c: goes over to OPEN: in is what came behind the handshake.  The
 * pair is being watched already. */
void xs_connection_open(struct xs_connection *connection, const uint8_t *in,
			size_t len);

/* connection.c: the same after a handshake or an AWAIT of an open connection;
 * in is what came behind the handshake. */
void xs_connection_resume(struct xs_connection *connection, const uint8_t *in,
			  size_t len);

/* connection.c: an open connection breaks.  Its connect(2) has succeeded
 * already, so the reason goes to the log only. */
void xs_connection_break(struct xs_connection *connection,
			 const struct xs_error *err);

/* connection.c: a line at level info about an open connection. */
void xs_connection_note(struct xs_connection *connection, const char *sentence);

/* connection.c: a line about an open connection's handshake. */
void xs_connection_log_tls(struct xs_connection *connection,
			   const struct xs_tls_summary *summary);

/* trace.c: a line at level debug: the state, and what it waits for. */
void xs_connection_trace(struct xs_connection *connection);

/* verdict.c: the connect has failed: takes TCP away, tells everybody, ends.
 * What fails behind the verdict just ends. */
void xs_verdict_fail(struct xs_connection *connection, struct xs_error *err);
void xs_verdict_fail_memory(struct xs_connection *connection);

/* verdict.c: does anybody still ask for the outcome, or has he written
 * something?  If not: ends with a line at level info. */
bool xs_verdict_is_asked(struct xs_connection *connection);
void xs_verdict_give_up(struct xs_connection *connection);

/* verdict.c: TCP is connected, and connect=early tells the application so.  It
 * takes no part before xs_verdict_succeed; xs_verdict_fail is a reset from now
 * on.  False: the connection has ended. */
bool xs_verdict_tell_early(struct xs_connection *connection);

/* verdict.c: the connect has succeeded: tells everybody who has not been told,
 * then opens the gate.  in is what came behind the handshake. */
void xs_verdict_succeed(struct xs_connection *connection, const uint8_t *in,
			size_t len);

/* verdict.c: sets *err to what it means that TCP broke, before the verdict or
 * behind it. */
void xs_verdict_broke(const struct xs_connection *connection, int errnum,
		      struct xs_error *err);

/* handshake.c: begins with ClientHello; goes on with what the server sends; its
 * time is over on an open connection. */
void xs_handshake_begin(struct xs_connection *connection);
void xs_handshake_step(struct xs_connection *connection);
void xs_handshake_late(struct xs_connection *connection);

/* upgrade.c: makes the dialogue of the request's scheme, where it has one;
 * false: the connect has failed. */
bool xs_upgrade_prepare(struct xs_connection *connection);

/* upgrade.c: begins that dialogue before TLS; goes on with it; its time is
 * over. */
void xs_upgrade_begin(struct xs_connection *connection);
void xs_upgrade_step(struct xs_connection *connection);
void xs_upgrade_late(struct xs_connection *connection);

/* upgrade.c: begins with a data connection of FTP, which waits for its
 * server. */
void xs_upgrade_begin_data(struct xs_connection *connection);

/* upgrade.c: does what the dialogue wants (pump.wants). */
void xs_upgrade_apply(struct xs_connection *connection);

/* upgrade.c: goes on in AWAIT; goes over to HANDSHAKE. */
void xs_upgrade_await(struct xs_connection *connection);
void xs_upgrade_shake(struct xs_connection *connection);

/* establish.c: begins with what the request asks for. */
void xs_establish_begin(struct xs_connection *connection);

/* establish.c: an event of the TCP socket in CONNECT, DIALOGUE or HANDSHAKE. */
void xs_establish_event(struct xs_connection *connection, uint32_t events);

/* establish.c: the next turn of what could not be done in one. */
void xs_establish_continue(struct xs_connection *connection);

/* establish.c: the timer has expired in LOAD, RESOLVE, CONNECT, DIALOGUE,
 * HANDSHAKE or AWAIT. */
void xs_establish_expired(struct xs_connection *connection);

/* What is watched on the pair; EPOLLOUT only while a send waits for it. */
#define XS_APP_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)

#endif
