/* What the files tls*.c share; nobody else includes this. */
#ifndef XS_TLS_PRIVATE_H
#define XS_TLS_PRIVATE_H

#include "tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#define XS_TLS_FIRST_BYTES 48

/* What is needed until the handshake has ended, and then given back. */
struct xs_tls_early {
	struct xs_tls_context *context;
	const char *name; /* to be verified, and for SNI */
	bool name_is_address;
	struct xs_error refused; /* why the certificate is not accepted */
	uint8_t first[XS_TLS_FIRST_BYTES]; /* what the server said first */
	size_t first_len;
	size_t received; /* bytes, in all */
};

struct xs_tls {
	SSL *ssl;
	struct xs_tls_io *io;	    /* of the call under way; else NULL */
	struct xs_tls_early *early; /* NULL: the handshake is over */
	bool closed;		    /* close_notify is sent */
	bool broken;
};

/* tls_context.c: a client in this context, not connected to anything yet. */
SSL *xs_tls_context_new_ssl(struct xs_tls_context *context);
void xs_tls_context_keep(struct xs_tls_context *context);
/* Where the trusted certificates come from: "cafile=/etc/corp.pem". */
const char *xs_tls_context_trust(const struct xs_tls_context *context);

/* tls_verify.c: sets up what certificate ssl accepts, as the options and
 * the name in early say.  Returns 0, or -1 with *err set. */
int xs_tls_verify_setup(struct xs_tls *tls, struct xs_error *err);
/* Fills summary->verified and ->how. */
void xs_tls_verify_summary(const struct xs_tls *tls,
			   struct xs_tls_summary *summary);

/* tls_error.c: the sentence for a certificate that was refused with code
 * (X509_V_ERR_*).  cert is the one that is wrong, or NULL; name what was
 * looked for; trust where trusted certificates come from. */
void xs_tls_error_certificate(struct xs_error *err, int code, const X509 *cert,
			      const char *name, const char *trust);
/* The sentence for a handshake that failed: what SSL_get_error said, the first
 * entry of OpenSSL's queue, and what the server said first. */
void xs_tls_error_handshake(struct xs_error *err, const struct xs_tls *tls,
			    int ssl_error);
/* The same for a connection that was open. */
void xs_tls_error_open(struct xs_error *err, int ssl_error);
/* The same for setting up: what could not be done, and OpenSSL's reason. */
void xs_tls_error_setup(struct xs_error *err, const char *what);

/* What a sentence tells beyond its row. */
enum xs_tls_error_detail {
	XS_NO_DETAIL,
	XS_DETAIL_END,	  /* the date it expired, and the clock */
	XS_DETAIL_BEGIN,  /* the date it begins, and the clock */
	XS_DETAIL_NAMES,  /* the name looked for and those it has */
	XS_DETAIL_ISSUER, /* who signed it, and whom we trust */
	XS_DETAIL_TRUST,  /* whom we trust */
	XS_DETAIL_HEARD,  /* what the server said instead of TLS */
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
