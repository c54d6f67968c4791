/* The table of options, and their canonical text; see option.h.
 *
 * A row says what an option is called, what it takes, to which schemes it
 * belongs and where its value lives.  An option whose engine does not exist
 * yet has its row already, with "missing" set, and is refused by name rather
 * than ignored: an ignored option is a promise that is not kept.  To add one:
 * a field in struct xs_options, a row without "missing", a default if that is
 * not zero.
 */
#include "option.h"

#include <stdio.h>
#include <string.h>

#define KIND(kind) (1u << XS_SCHEME_##kind)
#define TLS_KINDS  (KIND(TLS) | KIND(WATCH) | KIND(UPGRADE) | KIND(DTLS))

/* A row that works, for schemes with TLS or for those named. */
#define ROW_FOR(name, schemes, kinds, type, field, value, summary)             \
	{                                                                      \
		name, value, NULL, schemes, summary, kinds, XS_OPTION_##type,  \
			offsetof(struct xs_options, field)                     \
	}
#define ROW(name, type, field, value, summary)                                 \
	ROW_FOR(name, NULL, TLS_KINDS, type, field, value, summary)

/* A row without an engine. */
#define LATER_FOR(name, schemes, kinds, value, summary)                        \
	{                                                                      \
		name, value, "is not there yet in this version of xsock",      \
			schemes, summary, kinds, XS_OPTION_BOOL, 0             \
	}
#define LATER(name, value, summary)                                            \
	LATER_FOR(name, NULL, TLS_KINDS, value, summary)

const struct xs_option xs_option_table[] = {
	ROW("verify_peer", BOOL, verify_peer, "0|1",
	    "the certificate must chain to a trusted CA (1)"),
	ROW("verify_peer_name", BOOL, verify_peer_name, "0|1",
	    "the certificate must be for the name (1)"),
	ROW("peer_name", HOST, peer_name, "NAME",
	    "name to check and to send as SNI (the host's)"),
	LATER("allow_self_signed", "0|1",
	      "a self-signed certificate is accepted (0)"),
	ROW("cafile", FILE, cafile, "FILE",
	    "PEM file of trusted CAs (OpenSSL's default)"),
	ROW("capath", DIR, capath, "DIR",
	    "hashed folder of trusted CAs (OpenSSL's default)"),
	LATER("local_cert", "FILE", "client certificate in PEM"),
	LATER("local_pk", "FILE", "its private key (in local_cert)"),
	LATER("passphrase", "SECRET",
	      "of the key: a literal, file:, env: or fd:"),
	LATER("verify_depth", "N", "longest accepted chain"),
	LATER("ciphers", "LIST", "up to TLS 1.2, as openssl-ciphers(1)"),
	LATER("ciphersuites", "LIST", "of TLS 1.3"),
	LATER("groups", "LIST", "key exchange groups"),
	LATER("security_level", "N", "SSL_CTX_set_security_level(3)"),
	LATER("min_version", "VERSION", "lowest accepted TLS version"),
	LATER("max_version", "VERSION", "highest offered TLS version"),
	ROW("SNI_enabled", BOOL, sni_enabled, "0|1",
	    "the name is sent as SNI (1)"),
	LATER("alpn_protocols", "LIST", "protocols to offer by ALPN"),
	LATER("peer_fingerprint", "DIGEST", "the certificate must have it"),
	LATER("crlfile", "FILE", "revoked certificates in PEM"),
	LATER("disable_compression", "0|1", "no TLS compression (1)"),
	LATER("session_reuse", "0|1", "sessions are resumed (1)"),
	ROW_FOR("timeout", "schemes with TLS, and tcp:// with relay=yes",
		TLS_KINDS | KIND(TCP), SECONDS, timeout, "SECONDS",
		"for connect, dialogue and handshake together (60)"),
	LATER("capture_peer_cert_chain", "FILE",
	      "the server's chain is written there"),
	ROW_FOR("relay", "tcp://", KIND(TCP), BOOL, relay, "0|1",
		"through the relay without TLS, for diagnosis (0)"),
	LATER_FOR("starttls", "starttls://", KIND(WATCH), "required|optional",
		  "what if the server does not offer it (required)"),
	LATER_FOR("mtu", "dtls://", KIND(DTLS), "BYTES", "of a datagram"),
	LATER_FOR("idle", "dtls://", KIND(DTLS), "SECONDS",
		  "until an unused association ends"),
	{ .name = NULL },
};

_Static_assert(sizeof(xs_option_table) / sizeof(xs_option_table[0]) <= 64,
	       "option_read.c has one bit for each row");

void xs_options_default(struct xs_options *options)
{
	*options = (struct xs_options){
		.verify_peer = true,
		.verify_peer_name = true,
		.sni_enabled = true,
		.timeout = XS_OPTION_TIMEOUT_DEFAULT,
	};
}

/* The place of a row's value. */
static const void *field_of(const struct xs_options *options,
			    const struct xs_option *row)
{
	return (const char *)options + row->offset;
}

void xs_options_restrict(struct xs_options *options, enum xs_scheme_kind kind)
{
	static const size_t size_of_type[] = {
		[XS_OPTION_BOOL] = sizeof(bool),
		[XS_OPTION_SECONDS] = sizeof(double),
		[XS_OPTION_HOST] = sizeof(const char *),
		[XS_OPTION_FILE] = sizeof(const char *),
		[XS_OPTION_DIR] = sizeof(const char *),
	};
	struct xs_options fresh;

	xs_options_default(&fresh);
	for (const struct xs_option *row = xs_option_table; row->name; row++)
		if (!row->missing && !(row->kinds & (1u << kind)))
			memcpy((char *)options + row->offset,
			       field_of(&fresh, row), size_of_type[row->type]);
}

/* Text that is measured first (text NULL) and written then. */
struct printer {
	char *text;
	size_t len;
};

static void put(struct printer *to, const char *text, size_t len)
{
	if (to->text)
		memcpy(to->text + to->len, text, len);
	to->len += len;
}

static void put_encoded(struct printer *to, const char *value)
{
	static const char digits[] = "0123456789abcdef";

	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		char code[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (xs_is_alnum(*value) || strchr("-._~/:,+@", *value))
			put(to, value, 1);
		else
			put(to, code, sizeof(code));
	}
}

static void put_value(struct printer *to, const struct xs_options *options,
		      const struct xs_option *row)
{
	const void *from = field_of(options, row);
	char text[32];
	unsigned long milli;

	switch (row->type) {
	case XS_OPTION_BOOL:
		put(to, *(const bool *)from ? "1" : "0", 1);
		break;
	case XS_OPTION_SECONDS:
		milli = (unsigned long)(*(const double *)from * 1000 + 0.5);
		snprintf(text, sizeof(text), "%lu.%03lu", milli / 1000,
			 milli % 1000);
		/* "2.500" and "60.000" are 2.5 and 60. */
		for (size_t end = strlen(text) - 1; text[end] == '0'; end--)
			text[end] = '\0';
		if (text[strlen(text) - 1] == '.')
			text[strlen(text) - 1] = '\0';
		put(to, text, strlen(text));
		break;
	case XS_OPTION_HOST:
	case XS_OPTION_FILE:
	case XS_OPTION_DIR:
		put_encoded(to, *(const char *const *)from);
		break;
	}
}

static bool is_default(const struct xs_options *options,
		       const struct xs_option *row)
{
	struct xs_options fresh;
	const void *a = field_of(options, row), *b;

	xs_options_default(&fresh);
	b = field_of(&fresh, row);
	switch (row->type) {
	case XS_OPTION_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case XS_OPTION_SECONDS:
		return *(const double *)a == *(const double *)b;
	default:
		return *(const char *const *)a == NULL;
	}
}

static void put_options(struct printer *to, const struct xs_options *options)
{
	for (const struct xs_option *row = xs_option_table; row->name; row++) {
		if (row->missing || is_default(options, row))
			continue;
		if (to->len > 0)
			put(to, "&", 1);
		put(to, row->name, strlen(row->name));
		put(to, "=", 1);
		put_value(to, options, row);
	}
}

const char *xs_options_text(const struct xs_options *options,
			    struct xs_arena *arena)
{
	struct printer to = { .text = NULL };

	put_options(&to, options);
	to.text = xs_arena_take(arena, to.len + 1);
	if (!to.text)
		return NULL;
	to.len = 0;
	put_options(&to, options);
	return to.text;
}
