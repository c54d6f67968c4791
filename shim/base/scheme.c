/* The table of schemes; see scheme.h.
 *
 * A row is complete when its engine exists.  Until then "missing" says so, and
 * the reader of the rules refuses the scheme with that sentence.  The order is
 * that of the manual, and the first of two equally near words is suggested.
 */
#include "base/scheme.h"

#include <string.h>

/* Debian's libssl is built without SSL 3.0; the Makefile asks it. */
#ifdef XS_HAVE_SSL3
#define SSL3_MISSING NULL
#else
#define SSL3_MISSING                                                           \
	"is SSL 3.0, which this libssl is built without (RFC 7568): use "      \
	"\"tls\", or \"tlsv1.0\" for a server that has nothing better"
#endif

/* Debian's has DTLS. */
#ifdef XS_NO_DTLS
#define DTLS_MISSING "is DTLS, which this libssl is built without"
#else
#define DTLS_MISSING NULL
#endif
#if defined(XS_NO_DTLS) || defined(XS_NO_DTLS1_2)
#define DTLS1_2_MISSING "is DTLS 1.2, which this libssl is built without"
#else
#define DTLS1_2_MISSING NULL
#endif
#if defined(XS_NO_DTLS) || defined(XS_NO_DTLS1)
#define DTLS1_MISSING                                                          \
	"is DTLS 1.0, which this libssl is built without (RFC 8996): use "     \
	"\"dtls\""
#else
#define DTLS1_MISSING NULL
#endif

#define UPGRADE(protocol, title, missing)                                      \
	{                                                                      \
		protocol "+starttls", XS_SCHEME_UPGRADE, 0, missing,           \
			title ": the relay upgrades to TLS"                    \
	}

#define UNBOUND "without SASL mechanisms that bind to it"

#define BEHIND_TLS(protocol, title, what)                                      \
	{                                                                      \
		protocol "+tls", XS_SCHEME_TLS, 0, NULL,                       \
			title ": TLS at once, " what                           \
	}

const struct xs_scheme xs_schemes[] = {
	{ "tcp", XS_SCHEME_TCP, 0, NULL,
	  "plain TCP, to another host or port if given" },
	{ "udp", XS_SCHEME_UDP, 0, NULL,
	  "plain UDP, to another host or port if given" },
	{ "tls", XS_SCHEME_TLS, 0, NULL,
	  "TLS at once, the best version that both sides have" },
	{ "ssl", XS_SCHEME_TLS, 0, NULL, "the same as tls" },
	{ "tlsv1.0", XS_SCHEME_TLS, 0x0301, NULL, "exactly TLS 1.0" },
	{ "tlsv1.1", XS_SCHEME_TLS, 0x0302, NULL, "exactly TLS 1.1" },
	{ "tlsv1.2", XS_SCHEME_TLS, 0x0303, NULL, "exactly TLS 1.2" },
	{ "tlsv1.3", XS_SCHEME_TLS, 0x0304, NULL, "exactly TLS 1.3" },
	{ "sslv3", XS_SCHEME_TLS, 0x0300, SSL3_MISSING,
	  "exactly SSL 3.0, where libssl still has it" },
	{ "sslv2", XS_SCHEME_TLS, 0x0002,
	  "is SSL 2.0, which OpenSSL removed and RFC 6176 prohibits: use "
	  "\"tls\"",
	  "removed from OpenSSL (RFC 6176)" },
	{ "starttls", XS_SCHEME_WATCH, 0, NULL,
	  "the application's own STARTTLS, then TLS" },
	UPGRADE("smtp", "SMTP", NULL),
	UPGRADE("lmtp", "LMTP", NULL),
	UPGRADE("imap", "IMAP", NULL),
	UPGRADE("pop3", "POP3", NULL),
	UPGRADE("nntp", "NNTP", NULL),
	UPGRADE("sieve", "ManageSieve", NULL),
	UPGRADE("ftp", "FTP", NULL),
	UPGRADE("ldap", "LDAP", NULL),
	UPGRADE("xmpp", "XMPP client", NULL),
	UPGRADE("xmpp-server", "XMPP server", NULL),
	UPGRADE("irc", "IRC", NULL),
	UPGRADE("postgres", "PostgreSQL", NULL),
	UPGRADE("mysql", "MySQL, MariaDB", NULL),
	UPGRADE("nats", "NATS", NULL),
	BEHIND_TLS("ftp", "FTP", "and for the data connections"),
	BEHIND_TLS("smtp", "SMTP", UNBOUND),
	BEHIND_TLS("imap", "IMAP", UNBOUND),
	BEHIND_TLS("pop3", "POP3", UNBOUND),
	BEHIND_TLS("nntp", "NNTP", UNBOUND),
	BEHIND_TLS("ldap", "LDAP", UNBOUND),
	BEHIND_TLS("xmpp", "XMPP client", UNBOUND),
	BEHIND_TLS("postgres", "PostgreSQL", UNBOUND),
	BEHIND_TLS("nats", "NATS", "and the program is not told of it"),
	{ "dtls", XS_SCHEME_DTLS, 0, DTLS_MISSING,
	  "DTLS over UDP, the best version that both sides have" },
	{ "dtlsv1.2", XS_SCHEME_DTLS, 0x0303, DTLS1_2_MISSING,
	  "exactly DTLS 1.2" },
	{ "dtlsv1.0", XS_SCHEME_DTLS, 0x0302, DTLS1_MISSING,
	  "exactly DTLS 1.0" },
	{ "deny", XS_SCHEME_DENY, 0, NULL, "the connect fails with EACCES" },
	{ .name = NULL },
};

bool xs_scheme_has_tls(const struct xs_scheme *scheme)
{
	switch (scheme->kind) {
	case XS_SCHEME_TLS:
	case XS_SCHEME_WATCH:
	case XS_SCHEME_UPGRADE:
		return true;
	case XS_SCHEME_TCP:
	case XS_SCHEME_UDP:
	case XS_SCHEME_DTLS:
	case XS_SCHEME_DENY:
	case XS_SCHEME_KINDS:
		break;
	}
	return false;
}

bool xs_scheme_is_encrypted(const struct xs_scheme *scheme)
{
	return xs_scheme_has_tls(scheme) || scheme->kind == XS_SCHEME_DTLS;
}

bool xs_scheme_is_datagram(const struct xs_scheme *scheme)
{
	switch (scheme->kind) {
	case XS_SCHEME_UDP:
	case XS_SCHEME_DTLS:
		return true;
	case XS_SCHEME_TCP:
	case XS_SCHEME_TLS:
	case XS_SCHEME_WATCH:
	case XS_SCHEME_UPGRADE:
	case XS_SCHEME_DENY:
	case XS_SCHEME_KINDS:
		break;
	}
	return false;
}

/* PROTOCOL+tls:// and STARTTLS have no like among datagrams. */
const char *xs_scheme_counterpart(const struct xs_scheme *scheme)
{
	enum xs_scheme_kind kind = XS_SCHEME_TCP;

	if (scheme->kind == XS_SCHEME_TCP)
		kind = XS_SCHEME_UDP;
	else if (scheme->kind == XS_SCHEME_DTLS)
		kind = XS_SCHEME_TLS;
	else if (xs_scheme_has_tls(scheme))
		kind = XS_SCHEME_DTLS;
	for (const struct xs_scheme *row = xs_schemes; row->name; row++)
		if (row->kind == kind &&
		    row->tls_version == scheme->tls_version)
			return row->name;
	return kind == XS_SCHEME_DTLS ? "dtls" : "tls";
}

bool xs_scheme_announces(const struct xs_scheme *scheme)
{
	return scheme->kind == XS_SCHEME_WATCH ||
	       strncmp(scheme->name, "ftp+", 4) == 0;
}

/* XEP-0368; PostgreSQL 17, "ALPN". */
static const struct {
	const char *scheme, *alpn;
} alpns[] = {
	{ "xmpp+tls", "xmpp-client" },
	{ "postgres+tls", "postgresql" },
};

const char *xs_scheme_alpn(const struct xs_scheme *scheme)
{
	for (size_t i = 0; i < sizeof(alpns) / sizeof(alpns[0]); i++)
		if (strcmp(alpns[i].scheme, scheme->name) == 0)
			return alpns[i].alpn;
	return NULL;
}

const struct xs_scheme *xs_scheme_find(const char *name)
{
	return xs_scheme_find_span(
		(struct xs_span){ name, name + strlen(name) });
}

const struct xs_scheme *xs_scheme_find_span(struct xs_span name)
{
	for (const struct xs_scheme *row = xs_schemes; row->name; row++)
		if (xs_span_is(name, row->name))
			return row;
	return NULL;
}
