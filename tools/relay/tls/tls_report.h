/* What a handshake has shown, as facts for people and machines: for
 * "xsock probe".
 *
 * No OpenSSL types, so that any file may use it.  All strings are printable
 * ASCII: what a peer wrote is escaped, in subjects as RFC 4514 does ("\0A"),
 * elsewhere as "\x0a".
 */
#ifndef XS_TLS_REPORT_H
#define XS_TLS_REPORT_H

#include "base/arena.h"
#include "relay/tls/tls.h"

#include <stdbool.h>
#include <stddef.h>

/* "DNS:www.example.com", "IP:192.0.2.1", "email:x@example.com", "URI:…",
 * "other" */
#define XS_TLS_NAME_DNS "DNS:"
#define XS_TLS_NAME_IP	"IP:"

struct xs_tls_certificate {
	bool sent;    /* by the server; else it is from the trusted ones */
	bool used;    /* part of the chain that was verified */
	bool trusted; /* one of those that the rule trusts */
	bool self_signed;
	const char *subject; /* "C=DE, O=Corp, CN=www.example.com", or "" */
	const char *issuer;
	const char *const *name; /* subjectAltName, with the prefixes above */
	size_t names;
	const char *not_before; /* "2026-01-31T12:00:00Z"; NULL: unreadable */
	const char *not_after;
	long days_left;	 /* whole days; below 0: it has expired */
	const char *key; /* "EC", "RSA"; NULL: unreadable */
	int key_bits;
	const char *key_group;	 /* "prime256v1", or NULL */
	const char *signature;	 /* "ecdsa-with-SHA256" */
	const char *fingerprint; /* SHA-256 of the certificate, 64 digits */
	const char *pin;	 /* SHA-256 of its public key, in base64 */
};

/* What is not known, because the handshake did not get so far, is NULL. */
struct xs_tls_report {
	const char *version; /* "TLSv1.3" */
	const char *cipher;
	const char *group; /* of the key exchange */
	const char *alpn;  /* the protocol that the server chose */
	/* The server's certificate first, then who issued each; behind those
	 * what the server sent without need. */
	const struct xs_tls_certificate *certificate;
	size_t certificates;
};

/* Fills *report when the handshake has ended, well or not.  Strings are static
 * or from the arena.  Returns 0, or -1 with *err set. */
int xs_tls_report_read(const struct xs_tls *tls, struct xs_arena *arena,
		       struct xs_tls_report *report, struct xs_error *err);

/* After the handshake: there is a session that can be resumed.  TLS 1.3 servers
 * send it behind the handshake, so that it takes an xs_tls_read. */
bool xs_tls_report_has_session(const struct xs_tls *tls);

/* After the handshake: it has resumed an earlier session. */
bool xs_tls_report_resumed(const struct xs_tls *tls);

#endif
