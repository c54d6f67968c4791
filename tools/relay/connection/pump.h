/* Moves bytes between the application's pair and the server's TCP socket.
 *
 * "Up" is from the application to the server, "down" the other way.  Each way
 * ends by itself (half-close), and each stops reading while what it has read
 * is not sent (back-pressure).  Both sockets are watched edge-triggered: the
 * caller reports events, the pump remembers what is readable and writable.
 *
 * A STARTTLS dialogue, if there is one, stands between the application and TLS,
 * or TCP as long as there is no TLS: it gets what either side says, and what
 * it says itself goes on.  Until the pump is opened nothing is read from the
 * application or sent to it.
 *
 * Knows sockets, queues and TLS, but no loop, no timers and no connection:
 * tests run it over two socketpairs.  One thread at a time.
 */
#ifndef XS_PUMP_H
#define XS_PUMP_H

#include "base/error.h"
#include "relay/base/buffers.h"
#include "relay/base/queue.h"
#include "relay/connection/goodbye.h"
#include "relay/starttls/dialogue.h"
#include "relay/tls/tls.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One of the two sockets. */
struct xs_pump_end {
	int fd;
	bool readable; /* there may be something to read */
	bool ended;    /* its end or error is to be read: a short read does
			  not mean that the socket is empty */
	bool blocked;  /* the last send was cut short */
};

struct xs_pump {
	struct xs_tls *tls;	       /* NULL: bytes are copied as they are */
	struct xs_dialogue *dialogue;  /* NULL: none, or it is done */
	enum xs_dialogue_result wants; /* what XS_PUMP_DIALOGUE is about */
	const char *remark; /* the dialogue's, for the user; NULL: none */
	bool opened;	    /* the application takes part */
	bool plain; /* never TLS: urgent data (MSG_OOB) travels, both ways.
		       Set by the pump's owner. */
	struct xs_pump_end app;
	struct xs_pump_end server;
	struct xs_queue up;
	struct xs_queue down;
	uint32_t room;	  /* bytes that the next read of the server takes */
	bool costly;	  /* it sends so small records that a full read of them
			     would hold up others */
	uint64_t sent_up; /* bytes of ciphertext, to see progress */
	uint64_t app_sent, app_received; /* bytes of the application's */
	bool up_eof;	/* the application has ended its side */
	bool up_done;	/* … and the server has been told */
	int up_errno;	/* not 0: the server takes nothing any more */
	bool down_eof;	/* the server has ended its side */
	bool down_done; /* … and the application has been told */
	bool app_gone;	/* no process holds the application's end any more */
	bool app_deaf;	/* it does not read any more: shutdown(SHUT_RD) */
	bool cut;	/* the server ended without close_notify */
	struct xs_goodbye goodbye;
	bool asked;	 /* what was carried last went to the server */
	bool unanswered; /* and nothing came any more: TLS before 1.3, where
			    the server's end may have cut an answer off */
	/* A stream that must not look whole when it was cut, because its end
	 * is the only thing that tells how long it is: FTP's data.  Set by the
	 * pump's owner. */
	bool strict;
	atomic_bool mark; /* a byte lies in front of what the application sends,
		      and is left there as long as possible (pair.h) */
	bool torn;	  /* strict, and it was cut */
	bool wrote;	  /* the application sent something */
	bool unread;	  /* it is gone, and did not read all that came */
};

enum xs_pump_result {
	XS_PUMP_WAITS,	  /* for an event */
	XS_PUMP_DIALOGUE, /* the dialogue wants what pump->wants says */
	XS_PUMP_AGAIN,	  /* there is more to do, but others want their turn */
	XS_PUMP_CLOSED,	  /* both ways have ended in good order */
	XS_PUMP_GIVEN_UP, /* the application has ended in the middle of a
			     strict stream that it received, or with RST */
	XS_PUMP_LINGER,	  /* the application is gone, and all that it wrote is
			     with the kernel, close_notify and FIN behind it */
	XS_PUMP_TORN,	  /* the application has all that came before a cut: to
			     be closed with the mark in its place */
	XS_PUMP_FAILED,	  /* *err tells; what is in cipher_out has been sent */
};

/* Begins without TLS and without a dialogue, and takes both sockets for
 * readable. The owner sets tls and dialogue if there are any.  The descriptors
 * stay the caller's; the dialogue becomes the pump's. */
void xs_pump_init(struct xs_pump *pump, int app_fd, int server_fd);
void xs_pump_free(struct xs_pump *pump);

/* From now on the application takes part.  Also answers a dialogue that wants
 * OPEN, or PASS. False with *err set. */
bool xs_pump_open(struct xs_pump *pump, struct xs_buffers *buffers,
		  struct xs_error *err);

/* Answers a dialogue that wants AGREED: the application brings its own TLS.
 * False with *err set. */
bool xs_pump_pass(struct xs_pump *pump, struct xs_buffers *buffers,
		  struct xs_error *err);

/* Sends on what waits in the queues, while a dialogue wants AGREED and nothing
 * else is moved.  False with *err set. */
bool xs_pump_flush(struct xs_pump *pump, struct xs_error *err);

/* What epoll_wait(2) said of one of the ends. */
void xs_pump_app_event(struct xs_pump *pump, uint32_t events);
void xs_pump_server_event(struct xs_pump *pump, uint32_t events);

/* Handles ciphertext that was read before the pump began: what followed the
 * handshake.  in may lie in buffers->cipher_in.  False with *err set. */
bool xs_pump_feed(struct xs_pump *pump, struct xs_buffers *buffers,
		  const uint8_t *in, size_t len, struct xs_error *err);

/* Begins the dialogue; or goes on with it, once TLS stands (tls is set then).
 * What it wants is in pump->wants, and xs_pump_run says so.  False with *err
 * set. */
bool xs_pump_begin_dialogue(struct xs_pump *pump, struct xs_buffers *buffers,
			    struct xs_error *err);
bool xs_pump_secured(struct xs_pump *pump, struct xs_buffers *buffers,
		     struct xs_error *err);

/* Takes the mark away, if there is one. */
void xs_pump_drop_mark(struct xs_pump *pump);

/* The connection broke: is there no byte yet in the pair, and no end of the
 * stream that the application has been told, or will be? */
bool xs_pump_needs_mark(const struct xs_pump *pump);

/* Has one of the two said that the session is over?  Then it does not matter to
 * anybody how the connection ends. */
bool xs_pump_is_over(const struct xs_pump *pump);

/* Moves what can be moved, for one turn. */
enum xs_pump_result xs_pump_run(struct xs_pump *pump,
				struct xs_buffers *buffers,
				struct xs_error *err);

#endif
