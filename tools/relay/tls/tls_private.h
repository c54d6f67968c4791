/* What the files tls*.c share; no other file includes this. */
#ifndef XS_TLS_PRIVATE_H
#define XS_TLS_PRIVATE_H

#include "base/scheme.h"
#include "relay/tls/tls.h"

#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/types.h>
#include <time.h>

#define XS_TLS_FIRST_BYTES 48

/* What is needed until the handshake has ended, and then given back. */
struct xs_tls_early {
	const char *name; /* to be verified, and for SNI */
	bool name_is_address;
	struct xs_error refused; /* why the certificate is not accepted */
	bool self_signed;	 /* it is, and allow_self_signed says yes */
	uint8_t first[XS_TLS_FIRST_BYTES]; /* what the server said first */
	size_t first_len;
	size_t received;     /* bytes, in all */
	bool offers_session; /* one that the server may resume */
	bool spoke;	     /* the server may have heard of us */
	size_t sent;	     /* bytes, before the server said anything */
	uint8_t *hello;	     /* what to say first (xs_tls_prepare), or NULL */
	size_t hello_len;
	char *own_name; /* name, where it must outlive the caller's */
};

/* What a server has cost: tls_cost.c. */
struct xs_tls_cost {
	int64_t since;		/* seconds: when messages was right */
	unsigned messages;	/* of TLS itself, not paid for by data … */
	unsigned bytes;		/* … of which so many are left over */
	unsigned records;	/* not taken account of yet */
	unsigned short dh_bits; /* of a group that was refused; 0: none */
	bool flooded;
};

struct xs_tls {
	SSL *ssl;
	struct xs_tls_context *context;
	struct xs_tls_io *io;	    /* of the call under way; else NULL */
	struct xs_tls_early *early; /* NULL: the handshake is over */
	struct xs_tls_early *later; /* for those that the server may begin
				       afterwards; NULL: it may not */
	bool closed;		    /* close_notify is sent */
	bool broken;
	bool wants_certificate;	  /* the server asked for one and got none */
	bool wants_renegotiation; /* the server does, the rule says no */
	char *server;		  /* whose sessions to use; NULL: none are */
	struct xs_tls_cost cost;
};

/* tls.c: what belongs to the handshake under way. */
struct xs_tls_early *xs_tls_under_way(const struct xs_tls *tls);

/* tls.c: what struct xs_tls and struct xs_dtls have in common.  make: a client
 * without a BIO.  speak: before the first byte is sent.  do_handshake:
 * OpenSSL's part; *why is what SSL_get_error says.  judge_handshake: what that
 * means; DONE fills *summary, FAILED sets *err.  free_buffers: where nothing is
 * at hand.  clear_errors: before each call whose result is judged.
 */
struct xs_tls *xs_tls_make(struct xs_tls_context *context, const char *name,
			   struct xs_error *err);
void xs_tls_speak(struct xs_tls *tls);
int xs_tls_do_handshake(struct xs_tls *tls, struct xs_tls_io *io, int *why);
enum xs_tls_result xs_tls_judge_handshake(struct xs_tls *tls, int done, int why,
					  struct xs_tls_summary *summary,
					  struct xs_error *err);
void xs_tls_free_buffers(struct xs_tls *tls);
void xs_tls_clear_errors(void);

/* tls.c: the name that a server must have whom the rule calls so. */
const char *xs_tls_name(const struct xs_tls_context *context, const char *name);

/* tls_dtls.c: what all associations of a context have in common. */
void xs_dtls_install(SSL_CTX *ssl);

/* tls_stamp.c: a file as it is now; same when it has not changed. */
struct xs_tls_stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
	bool waits;	/* opening it could wait for another process: a FIFO */
	bool elsewhere; /* folders: something of it is not local … */
	dev_t last_device; /* … as far as the entry before this one says */
	uint64_t content;  /* folders: of what is in them */
	unsigned entries, certificates; /* the latter are not CRLs */
};
struct xs_tls_stamp xs_tls_stamp(const char *path);
/* The same of folders with hashed certificates and CRLs, as capath has them: a
 * list with ":".  What is in them counts, also behind links. */
struct xs_tls_stamp xs_tls_stamp_folders(const char *list);
/* "5ed36f99.0", "5ed36f99.r0": what X509_LOOKUP_hash_dir(3) reads. */
bool xs_tls_stamp_is_hashed(const char *name);
bool xs_tls_stamp_same(const struct xs_tls_stamp *a,
		       const struct xs_tls_stamp *b);

/* tls_local.c: is the file, or where it would be, on a file system that no
 * other machine or process is asked about?  A URI is, because nobody looks at a
 * file of it. */
bool xs_tls_is_local(const char *path);

/* tls_reading.c: this thread is about to touch the file, or the name in that
 * folder, which may take for ever. */
void xs_tls_reading_note(const char *file, const char *name);
/* It has answered. */
void xs_tls_reading_done(void);

/* tls_file.c: a regular file, whole, in memory that is cleansed when it is
 * freed.  NULL with errno: open(2)'s and read(2)'s own, EISDIR, ESPIPE for what
 * is neither file nor folder, EFBIG. */
BIO *xs_tls_file_open(const char *path);
/* Sets *err to "WHAT in BY=PATH: why"; returns -1. */
int xs_tls_file_fail(struct xs_error *err, const char *what, const char *by,
		     const char *path, int errnum);
/* Does it say nothing of the file, but that the relay lacks something now? */
bool xs_tls_file_is_short(int errnum);

/* tls_folder.c: what is in a list of folders with ":", as capath has them, to
 * the trusted certificates and CRLs of ssl.  One file that cannot be used is
 * named in skipped, if that is "".  by: who names the folders, or NULL.
 * needed: a file with a certificate in it must be there.  0, or -1 with *err
 * set. */
int xs_tls_folder_read(SSL_CTX *ssl, OSSL_LIB_CTX *library, const char *list,
		       const char *by, bool needed, char *skipped, size_t size,
		       struct xs_error *err);

/* tls_library.c: a new SSL_CTX of this method under this configuration file
 * ("": OpenSSL's own), which *library must outlive.  NULL with *err set. */
struct xs_tls_library;
SSL_CTX *xs_tls_library_context(const char *file, const SSL_METHOD *method,
				struct xs_tls_library **library,
				struct xs_error *err);
void xs_tls_library_put(struct xs_tls_library *library);
/* The library context of its SSL_CTX. */
OSSL_LIB_CTX *xs_tls_library_openssl(const struct xs_tls_library *library);
/* The one that has the providers of keys, too: where keys and certificates of a
 * URI and the client's own are read from; not for anything else. */
OSSL_LIB_CTX *xs_tls_library_stores(const struct xs_tls_library *library);

/* tls_provider.c: loads faster ciphers into library (NULL: OpenSSL's own) if
 * there are such for this processor and the configuration does not want others,
 * once, and returns the property query by which to prefer them; NULL: there are
 * none.  The caller unloads faster->provider, if any, before it frees
 * library. */
struct xs_tls_faster {
	bool asked;
	OSSL_PROVIDER *provider;
};
const char *xs_tls_provider_offer(OSSL_LIB_CTX *library,
				  struct xs_tls_faster *faster);
/* The same on any processor, for tests; NULL when it cannot be had. */
OSSL_PROVIDER *xs_tls_provider_load(OSSL_LIB_CTX *library);

/* tls_setup.c: the method of a scheme, TLS or DTLS; NULL: libssl lacks it. */
const SSL_METHOD *xs_tls_method(const struct xs_scheme *scheme);
/* tls_setup.c: versions, ciphers, groups, ALPN and the like.  0, or -1 with
 * *err set. */
int xs_tls_setup(SSL_CTX *ssl, const struct xs_scheme *scheme,
		 const struct xs_options *options, struct xs_error *err);

/* tls_identity.c: the client's certificate, chain and key, if the rule has
 * them.  conf is the file by which library is configured, or NULL.  0, or -1
 * with *err set. */
int xs_tls_identity_use(SSL_CTX *ssl, OSSL_LIB_CTX *library, const char *conf,
			const struct xs_options *options, struct xs_error *err);

/* tls_store.c: what comes from files.  0, or -1 with *err set. */
int xs_tls_store_revoked(SSL_CTX *ssl, const char *file, struct xs_error *err);
/* Where trusted certificates come from. */
struct xs_tls_trust {
	const char *file, *folder; /* NULL: none; folder: a list with ":" */
	/* Who names it: "cafile", "SSL_CERT_FILE"; NULL: OpenSSL's own. */
	const char *file_by, *folder_by;
	char skipped[200]; /* a file of the folder that cannot be used; "" */
};
/* What somebody names must be good; OpenSSL's own may be missing, and so may
 * the folder of SSL_CERT_DIR where there is a file. */
int xs_tls_store_trust(SSL_CTX *ssl, const struct xs_tls_library *library,
		       struct xs_tls_trust *trust, struct xs_error *err);

/* tls_session.c: the sessions of one context, by server. */
struct xs_tls_sessions;
struct xs_tls_sessions *xs_tls_sessions_make(void);
void xs_tls_sessions_free(struct xs_tls_sessions *sessions);
/* Lets ssl resume a session if there is a good one. */
void xs_tls_sessions_use(struct xs_tls_sessions *sessions, const char *key,
			 SSL *ssl);
/* Takes session over; false when memory is short: it is still the caller's. */
bool xs_tls_sessions_keep(struct xs_tls_sessions *sessions, const char *key,
			  SSL_SESSION *session);
void xs_tls_sessions_drop(struct xs_tls_sessions *sessions, const char *key);
/* Gives back what xs_tls_sessions_use took for a client that never spoke, for
 * when there is no newer one. */
void xs_tls_sessions_return(const struct xs_tls *tls);

/* tls_shared.c: the certificates that servers have sent to one context, each
 * once.  use: those that were just verified become the same objects as before.
 */
struct xs_tls_shared;
struct xs_tls_shared *xs_tls_shared_make(void);
void xs_tls_shared_free(struct xs_tls_shared *shared);
void xs_tls_shared_use(struct xs_tls_shared *shared, X509_STORE_CTX *store);

/* tls_bound.c: how long a session may stand for what its full handshake
 * verified.  begin: a full handshake is verified now; what it said before is
 * forgotten; NULL changes nothing.  lower: by something that counts until end
 * and no longer; NULL changes nothing. */
void xs_tls_bound_begin(SSL_SESSION *session);
void xs_tls_bound_lower(SSL *ssl, const ASN1_TIME *end);
/* Does it still count?  Not for a session that was never verified. */
bool xs_tls_bound_holds(const SSL_SESSION *session);
/* The clock for all of that, in seconds. */
time_t xs_tls_bound_now(void);

/* tls.c: the group of the key exchange, "x25519", or what is known of it, "DH
 * 2048 bits"; "": there was none. */
void xs_tls_group(const struct xs_tls *tls, char *group, size_t size);

/* tls.c: makes what the first xs_tls_handshake sends.  False: it could not, and
 * the server has not heard anything. */
bool xs_tls_prepare(struct xs_tls *tls);

/* tls_spare.c: throws away the spare that has a session of the server of tls,
 * with its ticket; throws all spares away. */
void xs_tls_spare_drop(const struct xs_tls *tls);
void xs_tls_spare_forget(void);

/* tls_output.c: one line to the key log; the chain in PEM to a file, 0, or -1
 * with *err set. */
void xs_tls_output_key(const char *file, const char *line);
int xs_tls_output_chain(const char *file, STACK_OF(X509) * chain,
			struct xs_error *err);

/* tls_cost.c: counts what servers say.  Limits Diffie-Hellman groups, unless
 * the rule wants large ones; after the rule's groups and level have been set.
 */
void xs_tls_cost_install(SSL_CTX *ssl);
/* A message that is certainly the server's has come: for DTLS, which looks
 * after that itself. */
void xs_tls_cost_message(struct xs_tls *tls);
void xs_tls_cost_limit_groups(SSL_CTX *ssl, const struct xs_options *options);
/* The server has sent data. */
void xs_tls_cost_progress(struct xs_tls *tls, size_t bytes);
/* The application has sent data: what the server says may be the answer. */
void xs_tls_cost_forget(struct xs_tls *tls);
/* Sets *err and returns true if that is why OpenSSL has failed. */
bool xs_tls_cost_explain(const struct xs_tls *tls, struct xs_error *err);

/* tls_fingerprint.c: is one of the list that of cert? */
bool xs_tls_fingerprint_match(const char *list, const X509 *cert);
#define XS_TLS_FINGERPRINT_MAX 160
void xs_tls_fingerprint_text(const X509 *cert,
			     char text[XS_TLS_FINGERPRINT_MAX]);

/* tls_ocsp.c: asks for a stapled answer and judges it. */
void xs_tls_ocsp_setup(SSL_CTX *ssl);

/* tls_context.c: a client in this context, not connected to anything yet. */
SSL *xs_tls_context_new_ssl(struct xs_tls_context *context);
/* NULL: sessions are not resumed. */
struct xs_tls_sessions *
xs_tls_context_sessions(const struct xs_tls_context *context);
struct xs_tls_shared *
xs_tls_context_shared(const struct xs_tls_context *context);
/* Where the trusted certificates come from: "cafile=/etc/corp.pem". */
const char *xs_tls_context_trust(const struct xs_tls_context *context);

/* tls_context.c: the pre-shared key (tls_psk.h); NULL: there are certificates.
 */
struct xs_psk;
const struct xs_psk *xs_tls_context_psk(const struct xs_tls_context *context);
/* tls_psk.c: after the handshake: has it resumed an earlier connection's
 * session? */
bool xs_tls_resumed(const struct xs_tls *tls);

/* tls_name.c: does a wildcard of cert's subjectAltName stand for name, which
 * has an underscore?  False for a name without one: OpenSSL judges that. */
bool xs_tls_name_is_under_wildcard(const X509 *cert, const char *name);

/* tls_revoked.c: CRLs, while a chain is verified.  install: false when memory
 * is short.  go_up: before a chain is verified with CRLs.  overlooks: is what
 * the verification complains of (X509_V_ERR_*) nothing but the lack of a CRL
 * that is not needed?  If not, *code may become what such a CRL says. */
bool xs_tls_revoked_install(SSL_CTX *ssl);
void xs_tls_revoked_go_up(X509_STORE_CTX *store);
bool xs_tls_revoked_overlooks(X509_STORE_CTX *store, int *code);

/* tls_verify.c: the callbacks that judge certificates.  False: no memory. */
bool xs_tls_verify_install(SSL_CTX *ssl);
/* Sets up what certificate ssl accepts, as the options and
 * the name in early say.  Returns 0, or -1 with *err set. */
int xs_tls_verify_setup(struct xs_tls *tls, struct xs_error *err);
/* After the handshake: OpenSSL does not call the callback when there is no
 * certificate to judge.  Returns 0, or -1 with *err set. */
int xs_tls_verify_finish(const struct xs_tls *tls, struct xs_error *err);
/* Fills summary->verified and ->how. */
void xs_tls_verify_summary(const struct xs_tls *tls,
			   struct xs_tls_summary *summary);

/* tls_text.c: text that grows, and is cut at the end of its room. */
struct xs_tls_text {
	char *at;
	size_t room;
};
void xs_tls_add(struct xs_tls_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* At most so many bytes of what a peer wrote; what is not printable ASCII
 * becomes "?". */
void xs_tls_add_foreign(struct xs_tls_text *text, const void *data, size_t len,
			size_t most);

/* tls_error.c: the sentence for a certificate that was refused with code
 * (X509_V_ERR_*).  cert is the one that is wrong, or NULL; name what was
 * looked for; trust where trusted certificates come from. */
void xs_tls_error_certificate(struct xs_error *err, int code, const X509 *cert,
			      const char *name, const char *trust);
/* The sentence for a handshake that failed: what SSL_get_error said, an entry
 * of OpenSSL's queue, which is used up, and what the server said first. */
void xs_tls_error_handshake(struct xs_error *err, const struct xs_tls *tls,
			    int ssl_error);
/* The same for a connection that was open. */
void xs_tls_error_open(struct xs_error *err, const struct xs_tls *tls,
		       int ssl_error);
/* How often OpenSSL got no memory on this thread, until now. */
unsigned xs_tls_memory_failures(void);
/* tls_memory.c: this thread is at a handshake of DTLS, whose buffer is to be
 * noted there; NULL: not any more.  *buffer must be NULL before the first call,
 * and is not touched between two.  shaken: the handshake is over, what is in
 * the buffer is not needed any more. */
void xs_tls_memory_shake(void **buffer);
void xs_tls_memory_shaken(void **buffer);
/* Memory was short while the context was used: the next connection gets
 * another. */
void xs_tls_context_spoil(struct xs_tls_context *context);
/* The same for setting up: what could not be done, and OpenSSL's reason. */
void xs_tls_error_setup(struct xs_error *err, const char *what);

/* tls_error_client.c: why the server got no client certificate, and the way
 * out.  Only with tls->wants_certificate. */
void xs_tls_add_client_remedy(struct xs_tls_text *text,
			      const struct xs_tls *tls);

/* What a sentence tells beyond its row. */
enum xs_tls_error_detail {
	XS_NO_DETAIL,
	XS_DETAIL_END,	   /* the date it expired, and the clock */
	XS_DETAIL_BEGIN,   /* the date it begins, and the clock */
	XS_DETAIL_NAMES,   /* the name looked for and those it has */
	XS_DETAIL_ISSUER,  /* its issuer, and which CAs are trusted */
	XS_DETAIL_MISSING, /* the same, and that the server did not send it */
	XS_DETAIL_TRUST,   /* which CAs are trusted */
	XS_DETAIL_CLOCK,   /* the clock */
	XS_DETAIL_HEARD,   /* what the server said instead of TLS */
	XS_DETAIL_CLIENT,  /* another remedy when it wanted a certificate */
};

/* The rows behind xs_tls_error_*, for the test that walks them.  Each table
 * ends with a row whose cause is NULL. */
struct xs_tls_error_row {
	int code;
	const char *cause;
	const char *remedy;
	enum xs_tls_error_detail detail;
};
extern const struct xs_tls_error_row xs_tls_error_certificates[];
extern const struct xs_tls_error_row xs_tls_error_alerts[];
extern const struct xs_tls_error_row xs_tls_error_reasons[];

#endif
