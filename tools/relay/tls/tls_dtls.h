/* DTLS on memory: datagrams in, datagrams out, no sockets.
 *
 * An association (RFC 6347, 1) is made of the same contexts as a struct xs_tls
 * is, so it has the same options, trust, sentences, key log and sessions.  It
 * belongs to one thread at a time.
 *
 * Every call that has something to say calls send or deliver before it returns,
 * once for each datagram; nothing is merged, split or kept.  Neither may call
 * an association, or free one.
 *
 *     NEW ─ begin ─> HANDSHAKING ─> OPEN ─ close_notify came ─> ENDED
 *     from HANDSHAKING and OPEN also to FAILED
 *
 * What is no record of the server's (garbage, forged, doubled, of another
 * association) changes nothing and is counted.  Before there are keys nobody
 * can tell a forged message of the handshake from the server's; it may end the
 * handshake, never the verification.
 *
 * An idle association that is settled takes 15 KB with OpenSSL 3.0; with 3.5,
 * whose record layer keeps more, 30, or 46 where it was resumed (resident).
 * During a handshake it is 2 MB at most, whatever comes.
 *
 * Retransmission is OpenSSL's: 1 s, then twice as long each time, up to 60 s
 * (RFC 6347, 4.2.4.1; RFC 9147, 5.8.2), twelve times at most.  It runs by the
 * machine's date: one that is set back in the middle of a handshake delays it.
 */
#ifndef XS_TLS_DTLS_H
#define XS_TLS_DTLS_H

#include "relay/tls/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_dtls;

/* One datagram for the server.  0, or errno as send(2) says it: EMSGSIZE makes
 * later flights smaller, and a handshake sends what was lost again by its
 * timer; xs_dtls_write returns it. */
typedef int xs_dtls_send(void *user, const void *datagram, size_t len);

/* One datagram from the server, whole, verified and decrypted; len may be 0. */
typedef void xs_dtls_deliver(void *user, const void *data, size_t len);

/* Of a path with this MTU, what is left for one datagram of UDP: without the
 * headers of IP, 20 bytes (RFC 791) or 40 (RFC 8200), and UDP, 8. */
#define XS_DTLS_PAYLOAD(mtu, is_ipv6) ((mtu) - ((is_ipv6) ? 48 : 28))

/* Less than that no association takes: OpenSSL writes nothing below 228, and
 * does not count the up to 32 bytes that encryption adds to its last message.
 */
enum { XS_DTLS_PAYLOAD_MIN = 260 };

struct xs_dtls_setup {
	struct xs_tls_context *context; /* of a dtls scheme; kept */
	const char *name;		/* as for xs_tls_new, copied */
	const char *server; /* "192.0.2.7:5684", whose sessions are resumed,
			       copied; NULL: none are */
	size_t payload;	    /* bytes of UDP that fit the path */
	xs_dtls_send *send;
	xs_dtls_deliver *deliver;
	void *user; /* for both */
};

enum xs_dtls_state {
	XS_DTLS_NEW,
	XS_DTLS_HANDSHAKING,
	XS_DTLS_OPEN,	/* the server is verified */
	XS_DTLS_ENDED,	/* by the server's close_notify, or by xs_dtls_close */
	XS_DTLS_FAILED, /* xs_dtls_error tells */
};

/* An association that has said nothing yet.  NULL with *err set. */
struct xs_dtls *xs_dtls_new(const struct xs_dtls_setup *setup,
			    struct xs_error *err);

/* Sends no close_notify; for that, call xs_dtls_close before.  NULL is fine. */
void xs_dtls_free(struct xs_dtls *dtls);

/* Sends the ClientHello, in one datagram whatever the payload is: servers lose
 * the second half.  Once. */
enum xs_dtls_state xs_dtls_begin(struct xs_dtls *dtls);

/* A datagram has come from the server's address.  What comes behind the end is
 * dropped.  Returns the state that it leads to. */
enum xs_dtls_state xs_dtls_receive(struct xs_dtls *dtls, const void *datagram,
				   size_t len);

/* Milliseconds until xs_dtls_timeout is to be called; -1: there is no timer.
 * To be asked after each of the other calls. */
int xs_dtls_wait(const struct xs_dtls *dtls);
/* Sends again what was not answered.  Too early, or without a timer, it does
 * nothing. */
enum xs_dtls_state xs_dtls_timeout(struct xs_dtls *dtls);

/* One datagram for the server, OPEN only.  0 or errno:
 * EAGAIN      the association is not open yet
 * EMSGSIZE    longer than xs_dtls_largest; nothing is sent
 * EOPNOTSUPP  it is empty: OpenSSL has no record for that
 * EPIPE       the association has ended
 * EPROTO      it has failed
 * or what send returned. */
int xs_dtls_write(struct xs_dtls *dtls, const void *data, size_t len);

/* Gives back OpenSSL's buffers, of 16 KiB each way, which an association that
 * is OPEN keeps from one call of xs_dtls_receive or xs_dtls_write to the next.
 * To be called where nothing is at hand. */
void xs_dtls_pause(struct xs_dtls *dtls);

/* The longest datagram that xs_dtls_write takes: the payload without what the
 * record adds (37 bytes with AES-GCM), 16384 at most (RFC 6347, 4.1.1).  Before
 * OPEN the cipher is not known, and it is 0. */
size_t xs_dtls_largest(const struct xs_dtls *dtls);

/* The path is another now: from the next datagram on. */
void xs_dtls_set_payload(struct xs_dtls *dtls, size_t payload);

/* Sends close_notify if it is OPEN; then it is ENDED. */
void xs_dtls_close(struct xs_dtls *dtls);

enum xs_dtls_state xs_dtls_state(const struct xs_dtls *dtls);

/* Why it has FAILED. */
const struct xs_error *xs_dtls_error(const struct xs_dtls *dtls);

/* Before OPEN: does it offer the session of an earlier association?  One that
 * has FAILED by it is forgotten, so that the next one does not. */
bool xs_dtls_offers_session(const struct xs_dtls *dtls);

/* From OPEN until xs_dtls_settle: what the handshake agreed on; else NULL.
 * verified lives as long as dtls. */
const struct xs_tls_summary *xs_dtls_summary(const struct xs_dtls *dtls);

/* Gives back what only the handshake needed.  From then on there is no summary,
 * and nothing for tls_report.h.  Before OPEN, or a second time, it does
 * nothing.
 */
void xs_dtls_settle(struct xs_dtls *dtls);

/* What happened, for the log and for who decides whether the server still
 * lives.  DTLS 1.2 has no question that a server must answer: one that has
 * restarted drops what we send and says nothing.  So an association that has
 * sent and not heard for long is doubtful, and a new one is the only test. */
struct xs_dtls_facts {
	bool cookie;	     /* the server asked for one (RFC 6347, 4.2.1) */
	unsigned cookies;    /* how often */
	unsigned resent;     /* flights that were sent again */
	uint64_t sent;	     /* datagrams of the application … */
	uint64_t delivered;  /* … and for it */
	uint64_t dropped;    /* datagrams from the server's address that
				changed nothing */
	uint64_t unanswered; /* datagrams sent since the server was heard */
	int64_t heard_ms;    /* when the server was heard last, by
				xs_clock_coarse_ms; verified once OPEN; 0:
				never */
	int64_t asked_ms;    /* when the first of unanswered was sent */
};
const struct xs_dtls_facts *xs_dtls_facts(const struct xs_dtls *dtls);

/* The handshake did not end in time.  explain_key: sets *err if the rule has a
 * pre-shared key and the server has answered until we used it; to be called
 * before another sentence is set.  explain_silence: adds to the sentence of
 * *err what may explain it, if there is anything. */
void xs_dtls_explain_key(const struct xs_dtls *dtls, struct xs_error *err);
void xs_dtls_explain_silence(const struct xs_dtls *dtls, struct xs_error *err);

/* For tls_report.h and xs_tls_context_of; it lives as long as dtls. */
const struct xs_tls *xs_dtls_tls(const struct xs_dtls *dtls);

#endif
