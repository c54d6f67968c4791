/* The table of schemes; see scheme.h.
 *
 * A row is complete when its engine exists.  Until then "missing" says so, and
 * the reader of the rules refuses the scheme with that sentence.  The order is
 * that of the manual, and the first of two equally near words is suggested.
 */
#include "scheme.h"

#include <string.h>

#define NOT_YET "is not there yet in this version of xsock"

/* Debian's libssl is built without SSL 3.0; the Makefile asks it. */
#ifdef XS_HAVE_SSL3
#define SSL3_MISSING NULL
#else
#define SSL3_MISSING                                                           \
	"is SSL 3.0, which this libssl is built without (RFC 7568): use "      \
	"\"tls\", or \"tlsv1.0\" for a server that has nothing better"
#endif

#define UPGRADE(protocol, title, missing)                                      \
	{                                                                      \
		protocol "+starttls", XS_SCHEME_UPGRADE, 0, missing,           \
			title ": the relay upgrades to TLS"                    \
	}

const struct xs_scheme xs_schemes[] = {
	{ "tcp", XS_SCHEME_TCP, 0, NULL,
	  "plain TCP, to another host or port if given" },
	{ "udp", XS_SCHEME_UDP, 0, NOT_YET,
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
	{ "dtls", XS_SCHEME_DTLS, 0, NOT_YET, "DTLS over UDP" },
	{ "deny", XS_SCHEME_DENY, 0, NULL, "the connect fails with EACCES" },
	{ .name = NULL },
};

bool xs_scheme_has_tls(const struct xs_scheme *scheme)
{
	return scheme->kind == XS_SCHEME_TLS ||
	       scheme->kind == XS_SCHEME_WATCH ||
	       scheme->kind == XS_SCHEME_UPGRADE;
}

bool xs_scheme_announces(const struct xs_scheme *scheme)
{
	return scheme->kind == XS_SCHEME_WATCH ||
	       (scheme->kind == XS_SCHEME_UPGRADE &&
		strcmp(scheme->name, "ftp+starttls") == 0);
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
