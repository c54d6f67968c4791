/* What a protocol's file is made of; see README.md for how to add one.
 *
 * The engine (dialogue.c) cuts what comes into units and gives each to the
 * protocol's judge.  A judge answers with xs_dialogue_send and
 * xs_dialogue_replay, keeps its place in dialogue->state (0 at the beginning)
 * and returns a judgement.
 */
#ifndef XS_PROTOCOL_H
#define XS_PROTOCOL_H

#include "dialogue.h"

#include <stdint.h>

enum {
	XS_LINE_MAX = 8192,   /* a unit, with its end */
	XS_TOTAL_MAX = 65536, /* all of one side's bytes before TLS, as long
				 as the relay performs or the server owes */
};

/* A unit: a line, or a message of a binary protocol.  A line's text is without
 * its end and NUL-terminated, and has no control character but TAB; where a
 * frame lets several lines be a unit, it is the first. */
struct xs_unit {
	const char *text;   /* NULL: not a line */
	const uint8_t *raw; /* as it came, to be passed on */
	size_t len;	    /* of raw */
};

/* The length of the first unit of what came from one side, or 0: more is
 * needed.  XS_FRAME_BROKEN: it can never become one, *err is set. */
#define XS_FRAME_BROKEN SIZE_MAX
typedef size_t xs_frame(struct xs_dialogue *dialogue, bool from_app,
			const uint8_t *data, size_t size, struct xs_error *err);

typedef enum xs_dialogue_result xs_judge(struct xs_dialogue *dialogue,
					 struct xs_unit unit,
					 struct xs_error *err);
typedef enum xs_dialogue_result xs_step(struct xs_dialogue *dialogue,
					struct xs_error *err);

struct xs_protocol {
	const char *name;  /* "smtp": what stands before "+starttls" */
	const char *title; /* "SMTP", for messages */
	const char *asks;  /* "STARTTLS", what the relay says, for messages */
	xs_step *begin;	   /* NULL: the server speaks first */
	xs_frame *frame;   /* NULL: lines */
	bool lines;	   /* units are lines, although frame is set */
	bool any_text;	   /* with any control character but NUL and CR */
	bool blanks;	   /* the application's white space behind what asks
			      for TLS means nothing (XML), and is dropped */
	bool server_first; /* the server speaks first after the handshake */
	xs_judge *server;
	xs_judge *app;	   /* NULL: the application has no part in it */
	xs_step *secured;  /* NULL: nothing to do after TLS: PASS */
	const void *hello; /* see xs_dialogue_hello; NULL: nothing */
	size_t hello_len;
	void (*end)(struct xs_dialogue *dialogue); /* frees own; may be NULL */
};

struct xs_dialogue {
	const struct xs_protocol *protocol;
	struct xs_dialogue_setup setup;
	int state;	  /* the protocol's own */
	bool tls;	  /* the handshake is behind us */
	bool opened;	  /* OPEN has been said */
	bool asked;	  /* TLS was asked for, the server owes its answer */
	const char *asks; /* how, where the protocol has several ways; NULL:
			     as the protocol says */
	bool goodbye;	  /* the server said that it closes the connection */
	void *own;	  /* the protocol's own memory */
	struct {
		struct xs_queue in; /* not a whole unit yet */
		size_t total;	    /* bytes before TLS */
	} server, app;
	struct xs_queue to_server;
	struct xs_queue to_app;
	bool no_memory; /* an append failed; the engine tells */
};

/* The row of a scheme, "smtp+starttls" or "starttls"; NULL: none.  The table
 * ends with NULL. */
const struct xs_protocol *xs_protocol_find(const char *scheme);
extern const struct xs_protocol *const xs_protocols[];

extern const struct xs_protocol xs_protocol_smtp;
extern const struct xs_protocol xs_protocol_ldap;
extern const struct xs_protocol xs_protocol_lmtp;
extern const struct xs_protocol xs_protocol_imap;
extern const struct xs_protocol xs_protocol_pop3;
extern const struct xs_protocol xs_protocol_nntp;
extern const struct xs_protocol xs_protocol_sieve;
extern const struct xs_protocol xs_protocol_irc;
extern const struct xs_protocol xs_protocol_mysql;
extern const struct xs_protocol xs_protocol_postgres;
extern const struct xs_protocol xs_protocol_xmpp;
extern const struct xs_protocol xs_protocol_xmpp_server;
extern const struct xs_protocol xs_protocol_ftp;
extern const struct xs_protocol xs_protocol_watch; /* starttls:// */

/* The length of the first unit as the dialogue's protocol cuts it, for a frame
 * that has found out which protocol it is. */
size_t xs_dialogue_frame(struct xs_dialogue *dialogue, bool from_app,
			 const uint8_t *data, size_t size,
			 struct xs_error *err);

/* The length of the first line, its LF included; 0: there is none yet. */
size_t xs_dialogue_frame_line(const uint8_t *data, size_t size);

/* Sends bytes, or a line with CR LF behind it, to the server. */
void xs_dialogue_send(struct xs_dialogue *dialogue, const void *data,
		      size_t len);
void xs_dialogue_send_line(struct xs_dialogue *dialogue, const char *line);

/* The same for the application. */
void xs_dialogue_replay(struct xs_dialogue *dialogue, const void *data,
			size_t len);
void xs_dialogue_replay_line(struct xs_dialogue *dialogue, const char *line);

/* The ends of a dialogue, each with the one sentence that a user reads.
 * refused: the server's own words in said (NULL: none).  broken: what, as
 * "the server …". Both return what their name says. */
enum xs_dialogue_result xs_dialogue_refused(const struct xs_dialogue *dialogue,
					    const char *said,
					    struct xs_error *err);
enum xs_dialogue_result xs_dialogue_missing(const struct xs_dialogue *dialogue,
					    struct xs_error *err);
enum xs_dialogue_result xs_dialogue_broken(const struct xs_dialogue *dialogue,
					   struct xs_error *err,
					   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The server's words as a message may show them: printable, bounded, in
 * quotes. */
struct xs_said {
	char text[128];
};
struct xs_said xs_said(const char *text, size_t len);

#endif
