/* A STARTTLS dialogue: what is said in plaintext before TLS, and what must be
 * kept an eye on behind it.
 *
 * Pure: bytes in, bytes out, a judgement.  No socket, no clock, no TLS; the
 * pump carries the bytes (pump.h), the connection does what the judgement
 * says.  The same dialogue stands on both sides of the handshake.  There are
 * two kinds:
 *
 *   performed  "smtp+starttls://": the relay asks for TLS itself; the
 *              application knows nothing and is told nothing of it
 *   seen       "starttls://": the application asks, the relay notices it and
 *              does what the application cannot
 *
 * Either side may be hostile, so bounds hold for both: for a line, for the
 * bytes before TLS, and for the number of units.  The caller bounds the time.
 * A byte that the server sends behind its go-ahead, or that the application
 * sends behind its STARTTLS, ends the dialogue (USENIX Security 2021, "Why TLS
 * is better without STARTTLS").
 */
#ifndef XS_DIALOGUE_H
#define XS_DIALOGUE_H

#include "base/address.h"
#include "base/error.h"
#include "relay/base/queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_dialogue;
struct xs_protocol;

enum xs_dialogue_result {
	XS_DIALOGUE_MORE,    /* more bytes are needed, of either side */
	XS_DIALOGUE_OPEN,    /* the application's connect has succeeded; from
				here on its bytes are wanted, too */
	XS_DIALOGUE_TLS,     /* the server agreed: the handshake is next, and
				then xs_dialogue_secured */
	XS_DIALOGUE_AGREED,  /* the server agreed to what the application asked
				for: the application's next byte tells whether
				it brings its own TLS; if so, PASS, else TLS */
	XS_DIALOGUE_PASS,    /* done: from here on bytes pass untouched */
	XS_DIALOGUE_REFUSED, /* by the server, in good order; *err tells */
	XS_DIALOGUE_BROKEN,  /* somebody did what the protocol forbids; *err */
};

/* FTP: the application is about to learn where its next data connection goes
 * to: this address, or, when its len is 0, this port of the host that it is
 * connected to.  False with *err set ends the dialogue. */
typedef bool xs_dialogue_announce(void *with, const struct xs_address *to,
				  uint16_t port, struct xs_error *err);

/* MySQL: what stands in for the server's RSA key towards the application, as
 * the dialogue knows no cryptography (tls_password.h has both functions). */
enum { XS_DIALOGUE_PASSWORD_MAX = 512 };
struct xs_dialogue_password {
	/* The public key, PEM, static; NULL when it cannot be made. */
	const char *(*key)(size_t *len);
	/* Decrypts what was encrypted with it.  False: it was not. */
	bool (*decrypt)(const uint8_t *data, size_t len,
			uint8_t plain[XS_DIALOGUE_PASSWORD_MAX],
			size_t *plain_len);
};

struct xs_dialogue_setup {
	const char *domain; /* what the application asked for: XMPP's "to" */
	bool optional;	    /* starttls=optional */
	/* The connection's own end, by which SMTP introduces itself; no address
	 * (len 0) is 127.0.0.1. */
	struct xs_address local;
	/* NULL: an application that wants to encrypt its password fails. */
	const struct xs_dialogue_password *password;
	xs_dialogue_announce *announce; /* NULL: not wanted */
	void *with;
};

/* A dialogue in this protocol (xs_protocol_find); what the setup points to must
 * live as long as it.  NULL without memory, or without a protocol. */
struct xs_dialogue *xs_dialogue_new(const struct xs_protocol *protocol,
				    const struct xs_dialogue_setup *setup);
void xs_dialogue_free(struct xs_dialogue *dialogue);

/* What one of the sides is to get; the caller takes it out.  Bytes for the
 * application stay here until it has been told that it is connected. */
struct xs_queue *xs_dialogue_to_server(struct xs_dialogue *dialogue);
struct xs_queue *xs_dialogue_to_app(struct xs_dialogue *dialogue);

/* Begins; TCP is connected. */
enum xs_dialogue_result xs_dialogue_begin(struct xs_dialogue *dialogue,
					  struct xs_error *err);

/* Takes bytes that came from one of the sides, in any segmentation.  With
 * len 0 it goes on with what it has: to be called so, once for each side,
 * after OPEN and after xs_dialogue_secured. */
enum xs_dialogue_result xs_dialogue_server(struct xs_dialogue *dialogue,
					   const void *data, size_t len,
					   struct xs_error *err);
enum xs_dialogue_result xs_dialogue_app(struct xs_dialogue *dialogue,
					const void *data, size_t len,
					struct xs_error *err);

/* The handshake that TLS or AGREED asked for is done, the server verified. */
enum xs_dialogue_result xs_dialogue_secured(struct xs_dialogue *dialogue,
					    struct xs_error *err);

/* Does the server owe an answer that decides about TLS?  Then its time is
 * bounded. */
bool xs_dialogue_server_owes(const struct xs_dialogue *dialogue);

/* Does the server speak first after the handshake?  Then AGREED cannot wait
 * for the application for long. */
bool xs_dialogue_server_first(const struct xs_dialogue *dialogue);

/* Do these bytes, the application's first ones, begin a ClientHello?  With
 * fewer than XS_HELLO_HEAD of them, they may. */
enum { XS_HELLO_HEAD = 6 };
bool xs_dialogue_is_hello(const uint8_t *data, size_t len);

/* What may be said in the application's place, after OPEN and before TLS, by
 * somebody who only wants to see TLS; it asks for nothing.  *len is 0 where
 * nothing has to be said. */
const void *xs_dialogue_hello(const struct xs_dialogue *dialogue, size_t *len);

/* Does this byte, which the application sent behind what asks for TLS, mean
 * nothing?  Then it goes nowhere. */
bool xs_dialogue_skips(const struct xs_dialogue *dialogue, uint8_t byte);

/* Sets *err to what it means that the server ended the connection now, or
 * that its time is over.  False when that is nothing special: the connection
 * just ends. */
bool xs_dialogue_cut(const struct xs_dialogue *dialogue, struct xs_error *err);
bool xs_dialogue_late(const struct xs_dialogue *dialogue, double seconds,
		      struct xs_error *err);

/* Has the server said that it closes the connection now?  Then it is no cut,
 * with close_notify or without. */
bool xs_dialogue_goodbye(const struct xs_dialogue *dialogue);

/* One of the sides has ended.  PASS where nothing more is to be judged, else
 * MORE: then what has no end yet is dropped. */
enum xs_dialogue_result xs_dialogue_end(struct xs_dialogue *dialogue,
					struct xs_error *err);

/* A sentence for the user, one for the whole dialogue: a server may give cause
 * for it again and again.  NULL: there is none. */
const char *xs_dialogue_take_remark(struct xs_dialogue *dialogue);

/* What to say when the server has sent something before the handshake that
 * it may not have sent. */
void xs_dialogue_injected(const struct xs_dialogue *dialogue,
			  struct xs_error *err);

#endif
