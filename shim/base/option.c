/* The table of options; see option.h.
 *
 * A row says what an option is called, what it takes, to which schemes it
 * belongs and where its value lives.  An option that cannot be used has its
 * row with "missing" set, and is refused by name rather than ignored: an
 * ignored option is a promise that is not kept.  To add one: a field in struct
 * xs_options, a row without "missing", a default if that is not zero.
 */
#include "base/option_private.h"

#include <string.h>

#define KIND(kind)   (1u << XS_SCHEME_##kind)
#define STREAM_KINDS (KIND(TLS) | KIND(WATCH) | KIND(UPGRADE))
#define TLS_KINDS    (STREAM_KINDS | KIND(DTLS))

/* A row for the schemes named. */
#define ROW_FOR(name, schemes, kinds, type, field, value, summary)             \
	{                                                                      \
		name, value, NULL, schemes, summary, kinds, XS_OPTION_##type,  \
			offsetof(struct xs_options, field), 0, 0               \
	}
/* For schemes with TLS, over either transport. */
#define ROW(name, type, field, value, summary)                                 \
	ROW_FOR(name, NULL, TLS_KINDS, type, field, value, summary)

/* For those over TCP: what datagrams do not have. */
#define ROW_STREAM(name, type, field, value, summary)                          \
	ROW_FOR(name, "TLS over TCP", STREAM_KINDS, type, field, value, summary)

/* A whole number from 0. */
#define ROW_NUMBER(name, field, value, limit, summary)                         \
	{                                                                      \
		name, value, NULL, NULL, summary, TLS_KINDS, XS_OPTION_NUMBER, \
			offsetof(struct xs_options, field), 0, limit           \
	}

const struct xs_option xs_option_table[] = {
	ROW("verify_peer", BOOL, verify_peer, "0|1",
	    "the certificate must chain to a trusted CA (1)"),
	ROW("verify_peer_name", BOOL, verify_peer_name, "0|1",
	    "the certificate must be for the name (1)"),
	ROW("peer_name", HOST, peer_name, "NAME",
	    "name to check and to send as SNI (the host's)"),
	ROW("allow_self_signed", BOOL, allow_self_signed, "0|1",
	    "a self-signed certificate is accepted (0)"),
	ROW("cafile", STORE, cafile, "FILE",
	    "PEM file of trusted CAs (OpenSSL's default)"),
	ROW("capath", DIR, capath, "DIR",
	    "hashed folder of trusted CAs (OpenSSL's default)"),
	ROW("local_cert", STORE, local_cert, "FILE",
	    "client certificate with its chain, in PEM"),
	ROW("local_pk", STORE, local_pk, "FILE",
	    "its private key (in local_cert)"),
	ROW("passphrase", SECRET, passphrase, "SECRET",
	    "of the key: a literal, file:, env: or fd:"),
	ROW("psk_identity", IDENTITY, psk_identity, "NAME",
	    "whose pre-shared key is meant; no certificates then"),
	ROW("psk_file", FILE, psk_file, "FILE",
	    "pre-shared keys, lines of IDENTITY:HEXKEY"),
	ROW_NUMBER("verify_depth", verify_depth, "N", 100,
		   "most intermediate CAs in a chain (100)"),
	ROW("ciphers", CIPHERS, ciphers, "LIST",
	    "up to TLS 1.2, as openssl-ciphers(1)"),
	ROW_STREAM("ciphersuites", WORDS, ciphersuites, "LIST", "of TLS 1.3"),
	ROW("groups", WORDS, groups, "LIST", "key exchange groups"),
	ROW_NUMBER("security_level", security_level, "0...5", 5,
		   "SSL_CTX_set_security_level(3) (OpenSSL's)"),
	ROW("min_version", VERSION, min_version, "VERSION",
	    "lowest accepted TLS version (OpenSSL's)"),
	ROW("max_version", VERSION, max_version, "VERSION",
	    "highest offered TLS version (OpenSSL's)"),
	ROW("SNI_enabled", BOOL, sni_enabled, "0|1",
	    "the name is sent as SNI (1)"),
	ROW("alpn_protocols", ALPN, alpn_protocols, "LIST",
	    "protocols to offer by ALPN, as h2,http/1.1"),
	ROW("peer_fingerprint", DIGEST, peer_fingerprint, "DIGEST",
	    "the certificate must have it, or one of several"),
	ROW("crlfile", FILE, crlfile, "FILE",
	    "revoked certificates of all CAs in the chain, PEM"),
	ROW_STREAM("disable_compression", BOOL, disable_compression, "0|1",
		   "no TLS compression (1)"),
	ROW_STREAM("renegotiation", BOOL, renegotiation, "0|1",
		   "the server may begin one, up to TLS 1.2 (0)"),
	ROW_STREAM("half_close", BOOL, half_close, "0|1",
		   "up to TLS 1.2, the program's end of one way is told at "
		   "once (1)"),
	ROW("session_reuse", BOOL, session_reuse, "0|1",
	    "sessions are resumed (1)"),
	ROW_FOR("timeout", "schemes with TLS, and tcp:// with relay=yes",
		TLS_KINDS | KIND(TCP), SECONDS, timeout, "SECONDS",
		"for connect, dialogue and handshake together (60)"),
	ROW("capture_peer_cert_chain", OUTPUT, capture_peer_cert_chain, "FILE",
	    "the server's chain is written there"),
	ROW_STREAM("own_socket", BOOL, own_socket, "0|1",
		   "where none can be like it, the program's own connects (0)"),
	ROW_FOR("relay", "tcp:// and udp://", KIND(TCP) | KIND(UDP), BOOL,
		relay, "0|1",
		"through the relay without TLS, for diagnosis (0)"),
	ROW_FOR("connect", "tls:// and PROTOCOL+starttls://",
		KIND(TLS) | KIND(UPGRADE), CHOICE, connect_early,
		"verified|early",
		"connect ends with the server verified, or with TCP "
		"(verified)"),
	ROW_FOR("starttls", "starttls://", KIND(WATCH), CHOICE,
		starttls_optional, "required|optional",
		"whether it may go on in plaintext (required)"),
	ROW_FOR("ftp_data", "schemes with TLS, for FTP", STREAM_KINDS, CHOICE,
		ftp_data_control, "announced|control",
		"the host that FTP's data connections go to (announced)"),
	{ "mtu", "BYTES", NULL, "dtls://",
	  "the largest datagram to the server (what the path takes)",
	  KIND(DTLS), XS_OPTION_NUMBER, offsetof(struct xs_options, mtu),
	  XS_OPTION_MTU_LEAST, XS_OPTION_MTU_MOST },
	ROW_FOR("idle", "dtls://", KIND(DTLS), SECONDS, idle, "SECONDS",
		"until an association whose server is silent ends (100)"),
	{ .name = NULL },
};

_Static_assert(XS_SCHEME_KINDS <= 8 * sizeof(xs_option_table[0].kinds),
	       "a row has one bit for each kind of scheme");
_Static_assert(sizeof(xs_option_table) / sizeof(xs_option_table[0]) <= 64,
	       "option_read.c has one bit for each row");

void xs_options_default(struct xs_options *options)
{
	*options = (struct xs_options){
		.verify_peer = true,
		.verify_peer_name = true,
		.verify_depth = -1,
		.security_level = -1,
		.sni_enabled = true,
		.disable_compression = true,
		.half_close = true,
		.session_reuse = true,
		.timeout = XS_OPTION_TIMEOUT_DEFAULT,
		.idle = XS_OPTION_IDLE_DEFAULT,
	};
}

size_t xs_option_size(enum xs_option_type type)
{
	switch (type) {
	case XS_OPTION_BOOL:
	case XS_OPTION_CHOICE:
		return sizeof(bool);
	case XS_OPTION_SECONDS:
		return sizeof(double);
	case XS_OPTION_NUMBER:
	case XS_OPTION_VERSION:
		return sizeof(int);
	case XS_OPTION_HOST:
	case XS_OPTION_FILE:
	case XS_OPTION_DIR:
	case XS_OPTION_STORE:
	case XS_OPTION_OUTPUT:
	case XS_OPTION_IDENTITY:
	case XS_OPTION_SECRET:
	case XS_OPTION_WORDS:
	case XS_OPTION_CIPHERS:
	case XS_OPTION_ALPN:
	case XS_OPTION_DIGEST:
		break;
	}
	return sizeof(const char *);
}

void xs_options_restrict(struct xs_options *options, enum xs_scheme_kind kind)
{
	struct xs_options defaults;

	xs_options_default(&defaults);
	for (const struct xs_option *row = xs_option_table; row->name; row++)
		if (!row->missing && !(row->kinds & (1u << kind)))
			memcpy((char *)options + row->offset,
			       xs_option_field(&defaults, row),
			       xs_option_size(row->type));
}
