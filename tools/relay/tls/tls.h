/* TLS on memory: bytes in, bytes out, no sockets.
 *
 * All of OpenSSL lies behind this header; only the files tls*.c include
 * <openssl/…>.  A struct xs_tls belongs to one thread at a time; contexts are
 * shared by all.
 *
 * Every call takes a struct xs_tls_io: ciphertext that came from the server,
 * which the call uses up, and room for ciphertext that must go to it, which
 * the call fills (XS_TLS_OUT_ROOM).  What io->out holds after a call must be
 * sent, also after a failure: it may be the alert that tells the server why.
 */
#ifndef XS_TLS_H
#define XS_TLS_H

#include "base/error.h"
#include "base/option.h"
#include "relay/base/tls_room.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_tls;
struct xs_tls_context;

/* What a context is made of; strings as in a CONNECT request, NULL is "" but
 * for the first two. */
struct xs_tls_policy {
	const char *scheme;	  /* "tls", "tlsv1.2" */
	const char *options;	  /* canonical text (option.h) */
	const char *cert_file;	  /* the application's SSL_CERT_FILE, or "" */
	const char *cert_dir;	  /* its SSL_CERT_DIR, or "" */
	const char *keylog_file;  /* its SSLKEYLOGFILE, or "" */
	const char *openssl_conf; /* its OPENSSL_CONF, or "" */
};

/* The context for this policy: made now, or an earlier one whose files have
 * not changed since.  Give it back with xs_tls_context_put.  NULL with *err
 * set: a CA file that cannot be read, a version that libssl lacks.  A file
 * system that does not answer holds the caller until it does. */
struct xs_tls_context *xs_tls_context_get(const struct xs_tls_policy *policy,
					  struct xs_error *err);
/* The same, without waiting: NULL if there is no earlier one, a file has
 * changed, or a look at the files could take long. */
struct xs_tls_context *xs_tls_context_find(const struct xs_tls_policy *policy);
/* What tells this policy from others, without its secrets; for the caller to
 * free.  NULL: memory is short. */
char *xs_tls_context_key(const struct xs_tls_policy *policy);
void xs_tls_context_put(struct xs_tls_context *context);
/* One reference more. */
void xs_tls_context_keep(struct xs_tls_context *context);

/* The options that the policy's text holds; they live as long as context. */
const struct xs_options *
xs_tls_context_options(const struct xs_tls_context *context);

/* Forgets every context, at the end of the program. */
void xs_tls_context_forget(void);
/* A thread that does not live as long as the program is done with a context,
 * which is still there: what OpenSSL keeps for the thread would look for it
 * when the thread ends. */
void xs_tls_thread_done(void);
/* May threads end that were not done with every context while it was there?
 * Not when one of their configurations is gone. */
bool xs_tls_threads_may_end(void);

/* Which file a thread reads, for other threads to tell.  begin: this thread
 * notes it in reading, until end.  file: the one that it waits for, "" when
 * there is none. */
enum { XS_TLS_READING_MAX = 256 };
struct xs_tls_reading {
	pthread_mutex_t lock;
	char file[XS_TLS_READING_MAX];
};
void xs_tls_reading_begin(struct xs_tls_reading *reading);
void xs_tls_reading_end(void);
void xs_tls_reading_file(struct xs_tls_reading *reading,
			 char file[XS_TLS_READING_MAX]);

struct xs_tls_io {
	const uint8_t *in; /* moves forward as bytes are used up */
	size_t in_len;
	uint8_t *out;
	size_t out_size;
	size_t out_len;
};

enum xs_tls_result {
	XS_TLS_DONE,
	XS_TLS_WANT,   /* all input is used up and more is needed */
	XS_TLS_CLOSED, /* close_notify came */
	XS_TLS_FAILED, /* *err tells; nothing more can be sent or read */
};

/* What a finished handshake agreed on. */
struct xs_tls_summary {
	const char *version;  /* "TLSv1.3"; static */
	const char *cipher;   /* "TLS_AES_256_GCM_SHA384"; static */
	char group[64];	      /* of the key exchange: "X25519MLKEM768", "DH 2048
				 bits"; "": there was none */
	const char *verified; /* the name, when chain and name were verified;
				 "psk:IDENTITY" with a pre-shared key;
				 else ""; lives as long as the context and
				 the name given to xs_tls_new */
	bool resumed;	      /* an earlier session was */
	char how[384]; /* 'verified "www.example.com"', 'not verified (…)' */
};

/* A client.  name is what the certificate must be for and what SNI says,
 * unless the options have a peer_name: a host name, or an IP address in text;
 * it must live until the handshake has ended.  Keeps context.  NULL with
 * *err set. */
struct xs_tls *xs_tls_new(struct xs_tls_context *context, const char *name,
			  struct xs_error *err);

/* Before the handshake: lets it resume a session that this server gave an
 * earlier connection with the same context and name, and keeps what it gives
 * now.  server is "192.0.2.7:443", copied. */
void xs_tls_resume(struct xs_tls *tls, const char *server);

/* A client that was made in advance for this context, name and server, as
 * xs_tls_new and xs_tls_resume would have made it, for the caller; NULL: there
 * is none.  name must live as for xs_tls_new. */
struct xs_tls *xs_tls_spare_take(const struct xs_tls_context *context,
				 const char *name, const char *server);

/* Makes a spare for the next connection, where connections follow each other.
 * To be called when there is nothing else to do.  The caller must then call
 * xs_tls_spare_expire from time to time, until that returns false: it frees
 * spares that were not taken. */
enum { XS_TLS_SPARE_MS = 2000 };
void xs_tls_spare_make(struct xs_tls_context *context, const char *name,
		       const char *server);
bool xs_tls_spare_expire(void);

/* A session on its own, so that another connection, of any thread, can resume
 * it: FTP's data connections must resume that of their control connection
 * where the server demands it.  take is a copy of the one that tls has now,
 * NULL when there is none that can be resumed, or session_reuse says no.  use,
 * before the handshake, takes a copy for tls, whose context and name must be
 * the same, unless what the session was verified by has ended; the session
 * stays the caller's, and NULL is fine. */
struct xs_tls_session;
struct xs_tls_session *xs_tls_session_take(const struct xs_tls *tls);
void xs_tls_session_use(struct xs_tls *tls,
			const struct xs_tls_session *session);
void xs_tls_session_free(struct xs_tls_session *session);

/* The context of tls; it lives as long as that. */
struct xs_tls_context *xs_tls_context_of(const struct xs_tls *tls);

/* During the handshake: has the server said anything yet? */
bool xs_tls_heard(const struct xs_tls *tls);

/* Sends no close_notify; for that, call xs_tls_close before.  NULL is fine. */
void xs_tls_free(struct xs_tls *tls);

/* Goes on with the handshake; the first call, without input, begins it.  DONE:
 * the server's certificate has been accepted, *summary is filled, and what is
 * left of io->in belongs to xs_tls_read.  WANT, or FAILED. */
enum xs_tls_result xs_tls_handshake(struct xs_tls *tls, struct xs_tls_io *io,
				    struct xs_tls_summary *summary,
				    struct xs_error *err);

/* Gives back what only the handshake needed, the ephemeral keys.  To be called
 * once the handshake has ended, and tls_report.h is not used any more. Earlier,
 * or a second time, it does nothing. */
void xs_tls_settle(struct xs_tls *tls);

/* The server did not finish the handshake: adds to the sentence of *err if it
 * has said nothing at all, and the length of the ClientHello may be the reason.
 */
void xs_tls_explain_silence(const struct xs_tls *tls, struct xs_error *err);

/* The server has ended the TCP connection in the middle of the handshake: sets
 * *err to the sentence that explains it. */
void xs_tls_handshake_cut(const struct xs_tls *tls, struct xs_error *err);

/* Is a handshake under way that the server has begun behind the first, so that
 * nothing can be written until a later xs_tls_read has ended it? */
bool xs_tls_is_busy(const struct xs_tls *tls);

/* Encrypts all of data into io->out, unless xs_tls_is_busy.  DONE or FAILED. */
enum xs_tls_result xs_tls_write(struct xs_tls *tls, struct xs_tls_io *io,
				const void *data, size_t len,
				struct xs_error *err);

/* Decrypts all of io->in into data, which needs XS_TLS_PLAIN_ROOM of it, and
 * sets *len.  WANT, CLOSED or FAILED; *len counts with each of them. */
enum xs_tls_result xs_tls_read(struct xs_tls *tls, struct xs_tls_io *io,
			       void *data, size_t size, size_t *len,
			       struct xs_error *err);

/* How many records have been read since it was asked last.  Small ones cost a
 * worker more than they weigh. */
unsigned xs_tls_take_records(struct xs_tls *tls);

/* The sentence for a server that has ended an open connection without saying
 * why, when something that it asked for and did not get explains it: once, then
 * NULL.  NULL when nothing explains it. */
const char *xs_tls_explain_end(struct xs_tls *tls);

/* Can this connection go on one way when the other has ended (TLS 1.3)? */
bool xs_tls_has_half_close(const struct xs_tls *tls);

/* Must the server not be told that the application has ended its side, before
 * it has ended both?  So the rule may want it up to TLS 1.2 (half_close). */
bool xs_tls_ends_late(const struct xs_tls *tls);

/* Puts close_notify into io->out, once. */
void xs_tls_close(struct xs_tls *tls, struct xs_tls_io *io);

#endif
