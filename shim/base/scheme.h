/* The schemes of a target URL: one table.
 *
 * Rows for everything that the rule language names, whether libssl has it or
 * not: a scheme that cannot be used is an error that says so.  A new kind
 * has to be named wherever a switch asks for the kind: no such switch has a
 * "default", so that the compiler finds them.
 */
#ifndef XS_SCHEME_H
#define XS_SCHEME_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

enum xs_scheme_kind {
	XS_SCHEME_TCP,	   /* plain TCP; relay=yes sends it through the relay */
	XS_SCHEME_UDP,	   /* plain UDP; relay=yes as with TCP */
	XS_SCHEME_TLS,	   /* TLS from the first byte; PROTOCOL+tls://: then
			      what the protocol needs behind it */
	XS_SCHEME_WATCH,   /* starttls://: the application's own STARTTLS */
	XS_SCHEME_UPGRADE, /* PROTOCOL+starttls://: the relay does it */
	XS_SCHEME_DTLS,	   /* DTLS from the first datagram */
	XS_SCHEME_DENY,
	XS_SCHEME_KINDS /* how many; no scheme has it */
};

struct xs_scheme {
	const char *name; /* without "://" */
	enum xs_scheme_kind kind;
	int tls_version;     /* the only one, as on the wire: 0x0301 is TLS 1.0
				(RFC 8446, appendix D); 0: the best of both.
				Of DTLS the one that it is made of, so that
				versions compare: 0x0303 is DTLS 1.2 (RFC 6347),
				0x0302 is DTLS 1.0 (RFC 4347) */
	const char *missing; /* NULL, or why it cannot be used: the rest of the
				sentence 'scheme "sslv2" …' */
	const char *summary; /* one line for --help and the manual */
};

/* TLS over TCP, from the first byte or later? */
bool xs_scheme_has_tls(const struct xs_scheme *scheme);

/* TLS over TCP, or DTLS? */
bool xs_scheme_is_encrypted(const struct xs_scheme *scheme);

/* UDP or DTLS? */
bool xs_scheme_is_datagram(const struct xs_scheme *scheme);

/* The scheme that does the same over the other transport, for messages: "dtls"
 * of "tls", "tlsv1.2" of "dtlsv1.2", "udp" of "tcp". */
const char *xs_scheme_counterpart(const struct xs_scheme *scheme);

/* May such a connection announce others, to ports that no rule names?  FTP's
 * do, also where the application says AUTH TLS itself. */
bool xs_scheme_announces(const struct xs_scheme *scheme);

/* What is offered by ALPN unless the rule says otherwise; NULL: nothing. */
const char *xs_scheme_alpn(const struct xs_scheme *scheme);

/* All rows, ended by one whose name is NULL. */
extern const struct xs_scheme xs_schemes[];

/* The row of that name (ASCII case does not count), or NULL. */
const struct xs_scheme *xs_scheme_find(const char *name);
const struct xs_scheme *xs_scheme_find_span(struct xs_span name);

#endif
