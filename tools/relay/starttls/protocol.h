/* What a protocol's file is made of; see README.md for how to add one.
 *
 * The engine (dialogue.c) cuts what comes into units and gives each to the
 * protocol's judge.  A judge answers with xs_dialogue_send and
 * xs_dialogue_replay, keeps its place in dialogue->state (0 at the beginning)
 * and returns a judgement.
 */
#ifndef XS_PROTOCOL_H
#define XS_PROTOCOL_H

#include "relay/starttls/dialogue.h"

#include <stdint.h>

enum {
	XS_LINE_MAX = 8192,    /* a unit, with its end */
	XS_PACKET_MAX = 65536, /* the same, where packets tell their length:
				  Kerberos tokens, attributes of a client */
	XS_TOTAL_MAX = 65536,  /* all of one side's bytes before TLS, as long
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
	const char *name;  /* "smtp": what stands before "+starttls", else the
			      whole scheme: "starttls", "ftp+tls" */
	const char *title; /* "SMTP", for messages */
	const char *asks;  /* "STARTTLS", what the relay says, for messages */
	xs_step *begin;	   /* NULL: the server speaks first */
	xs_frame *frame;   /* NULL: lines */
	bool lines;	   /* units are lines, although frame is set */
	bool any_text;	   /* with any control character but NUL and CR */
	bool blanks;	   /* the application's white space behind what asks
			      for TLS means nothing (XML), and is dropped */
	bool passes_end;   /* what has no end yet passes when its side ends:
			      nothing of it is judged */
	bool server_first; /* the server speaks first after the handshake */
	xs_judge *server;
	xs_judge *app;	   /* NULL: the application has no part in it */
	xs_step *secured;  /* NULL: nothing to do after TLS: PASS */
	const void *hello; /* see xs_dialogue_hello; NULL: nothing */
	size_t hello_len;
	size_t unit_max; /* XS_PACKET_MAX; 0: XS_LINE_MAX */
	size_t own_size; /* of the memory in dialogue->own; 0: none */
};

struct xs_dialogue {
	const struct xs_protocol *protocol;
	struct xs_dialogue_setup setup;
	int state;	    /* the protocol's own */
	bool tls;	    /* the handshake is behind us */
	bool opened;	    /* OPEN has been said */
	bool asked;	    /* TLS was asked for, the server owes its answer */
	const char *asks;   /* how, where the protocol has several ways; NULL:
			       as the protocol says */
	bool goodbye;	    /* the server said that it closes the connection */
	const char *remark; /* a sentence for the user; NULL: nothing */
	bool remarked;	    /* the user has been told one */
	struct xs_queue kept; /* what the protocol holds back for later; the
				 engine's to wipe and free */
	void *own; /* own_size bytes of the protocol's, zero at first; the
		      engine's to free */
	struct {
		struct xs_queue in; /* not a whole unit yet */
		size_t total;	    /* bytes before TLS */
	} server, app;
	struct xs_queue to_server;
	struct xs_queue to_app;
	bool no_memory; /* memory was short; the engine tells */
};

/* The begin of PROTOCOL+tls://, where nothing is said before TLS. */
xs_step xs_dialogue_begin_with_tls;

/* Goes over to another protocol, for one that has found out which it is, or
 * that has said its part: own is that of the new one.  False without memory:
 * then nothing has changed, and the engine tells. */
bool xs_dialogue_become(struct xs_dialogue *dialogue,
			const struct xs_protocol *protocol);

/* The same behind TLS, for a protocol that listens from here on: the
 * application's connect succeeds with it, if it has not before. */
enum xs_dialogue_result
xs_dialogue_listen_as(struct xs_dialogue *dialogue,
		      const struct xs_protocol *protocol);

/* What the application says goes to the server as it is (an xs_judge). */
xs_judge xs_dialogue_pass_app;

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

/* Holds bytes back, behind those that are held already; wipes and frees them.
 */
void xs_dialogue_keep(struct xs_dialogue *dialogue, const void *data,
		      size_t len);
void xs_dialogue_forget(struct xs_dialogue *dialogue);

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
