/* Whatever goes wrong in TLS, told to a person: what, and what to do.
 *
 * The one translator from X509_V_ERR_*, alerts and OpenSSL's error queue to
 * struct xs_error.  Three tables hold the words; a code that has no row is
 * told in OpenSSL's own.  What depends on the certificate at hand (dates,
 * names, issuer) is added by the row's detail.
 *
 * Pure but for the clock.  Any thread.
 */
#include "tls_private.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	NO_DETAIL,
	DETAIL_END,    /* the date it expired, and the clock */
	DETAIL_BEGIN,  /* the date it begins, and the clock */
	DETAIL_NAMES,  /* the name looked for and those it has */
	DETAIL_ISSUER, /* who signed it, and whom we trust */
	DETAIL_TRUST,  /* whom we trust */
	DETAIL_HEARD,  /* what the server said instead of TLS */
};

#define ROOT_REMEDY "if you trust that CA, name it with cafile=FILE"

/* "certificate of CN=… CAUSE (REMEDY)" */
const struct xs_tls_error_row xs_tls_error_certificates[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, "expired on",
	  "renew it on the server", DETAIL_END },
	{ X509_V_ERR_CERT_NOT_YET_VALID, "is not valid before",
	  "set the clock that is wrong, or wait", DETAIL_BEGIN },
	{ X509_V_ERR_HOSTNAME_MISMATCH, "is not for",
	  "connect by one of its names, or set peer_name=NAME", DETAIL_NAMES },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH, "is not for",
	  "connect by one of its names, or set peer_name=NAME", DETAIL_NAMES },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "is self-signed",
	  "if you trust it, name a copy of it with cafile=FILE",
	  DETAIL_TRUST },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "is a CA that is not trusted",
	  ROOT_REMEDY, DETAIL_TRUST },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
	  "is issued by a CA that is not trusted",
	  ROOT_REMEDY ", or let the server send the missing intermediate",
	  DETAIL_ISSUER },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
	  "is issued by a CA that is not trusted", ROOT_REMEDY,
	  DETAIL_ISSUER },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
	  "is issued by a CA that is not trusted",
	  ROOT_REMEDY ", or let the server send the missing intermediate",
	  DETAIL_ISSUER },
	{ X509_V_ERR_CERT_UNTRUSTED, "is not trusted for servers", ROOT_REMEDY,
	  DETAIL_TRUST },
	{ X509_V_ERR_CERT_REJECTED, "is marked as rejected",
	  "ask whoever keeps the list of CAs", DETAIL_TRUST },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, "has a signature that is wrong",
	  "the server's chain is broken, or somebody is in between",
	  NO_DETAIL },
	{ X509_V_ERR_INVALID_PURPOSE, "is not made for servers",
	  "the server needs one with extendedKeyUsage serverAuth", NO_DETAIL },
	{ X509_V_ERR_INVALID_CA, "is used as a CA but is none",
	  "the server's chain is broken, or somebody is in between",
	  NO_DETAIL },
	{ X509_V_ERR_PATH_LENGTH_EXCEEDED, "may not issue so long a chain",
	  "the server's CA must issue within its path length", NO_DETAIL },
	{ X509_V_ERR_PERMITTED_VIOLATION,
	  "has a name that its CA may not vouch for",
	  "the CA is constrained to other names: use another CA", NO_DETAIL },
	{ X509_V_ERR_EXCLUDED_VIOLATION,
	  "has a name that its CA may not vouch for",
	  "the CA is constrained to other names: use another CA", NO_DETAIL },
	{ X509_V_ERR_CERT_CHAIN_TOO_LONG, "ends a chain that is too long",
	  "the server sends too many certificates", NO_DETAIL },
	{ X509_V_ERR_CERT_REVOKED, "is revoked",
	  "do not trust it; the server needs a new one", NO_DETAIL },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, "has too small a key",
	  "the server needs one of at least 2048 bits RSA", NO_DETAIL },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, "belongs to a CA with too small a key",
	  "the server needs a certificate of another CA", NO_DETAIL },
	{ X509_V_ERR_CA_MD_TOO_WEAK, "is signed with too weak a digest",
	  "the server needs one signed with SHA-256 or better", NO_DETAIL },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION,
	  "has a critical extension that OpenSSL does not know",
	  "the server needs another certificate", NO_DETAIL },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, "has no readable end",
	  "the server needs another certificate", NO_DETAIL },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, "has no readable begin",
	  "the server needs another certificate", NO_DETAIL },
	{ 0, NULL, NULL, NO_DETAIL },
};

#define CLIENT_CERT "the server does not accept our client certificate"
#define OUR_BUG     "if it happens again, report it with what the server is"

/* "the server refused: alert CAUSE (REMEDY)"; RFC 8446, 6.2. */
const struct xs_tls_error_row xs_tls_error_alerts[] = {
	{ 10, "unexpected_message", OUR_BUG, NO_DETAIL },
	{ 20, "bad_record_mac", "something between changes the bytes",
	  NO_DETAIL },
	{ 21, "decryption_failed", "something between changes the bytes",
	  NO_DETAIL },
	{ 22, "record_overflow", OUR_BUG, NO_DETAIL },
	{ 30, "decompression_failure", OUR_BUG, NO_DETAIL },
	{ 40, "handshake_failure",
	  "no cipher, group or signature in common, or it wants a client "
	  "certificate; its log says which", NO_DETAIL },
	{ 41, "no_certificate", "it wants a client certificate", NO_DETAIL },
	{ 42, "bad_certificate", CLIENT_CERT, NO_DETAIL },
	{ 43, "unsupported_certificate", CLIENT_CERT, NO_DETAIL },
	{ 44, "certificate_revoked", CLIENT_CERT, NO_DETAIL },
	{ 45, "certificate_expired", CLIENT_CERT, NO_DETAIL },
	{ 46, "certificate_unknown", CLIENT_CERT, NO_DETAIL },
	{ 47, "illegal_parameter", OUR_BUG, NO_DETAIL },
	{ 48, "unknown_ca", CLIENT_CERT, NO_DETAIL },
	{ 49, "access_denied", "the server's administrator decides that",
	  NO_DETAIL },
	{ 50, "decode_error", OUR_BUG, NO_DETAIL },
	{ 51, "decrypt_error", OUR_BUG, NO_DETAIL },
	{ 60, "export_restriction", "the server is too old", NO_DETAIL },
	{ 70, "protocol_version",
	  "the server does not speak the TLS version that the rule allows: "
	  "use tls://, or the version that it has", NO_DETAIL },
	{ 71, "insufficient_security",
	  "the server wants stronger ciphers than this OpenSSL offers",
	  NO_DETAIL },
	{ 80, "internal_error", "the server's log says more", NO_DETAIL },
	{ 86, "inappropriate_fallback",
	  "the server speaks a better version than the rule allows: use "
	  "tls://", NO_DETAIL },
	{ 90, "user_canceled", "the server gave up", NO_DETAIL },
	{ 100, "no_renegotiation", OUR_BUG, NO_DETAIL },
	{ 109, "missing_extension",
	  "the server may need SNI: see SNI_enabled and peer_name",
	  NO_DETAIL },
	{ 110, "unsupported_extension", OUR_BUG, NO_DETAIL },
	{ 111, "certificate_unobtainable", CLIENT_CERT, NO_DETAIL },
	{ 112, "unrecognized_name",
	  "the server has no such name: connect by one that it has, or set "
	  "peer_name=NAME", NO_DETAIL },
	{ 113, "bad_certificate_status_response", OUR_BUG, NO_DETAIL },
	{ 114, "bad_certificate_hash_value", OUR_BUG, NO_DETAIL },
	{ 115, "unknown_psk_identity", OUR_BUG, NO_DETAIL },
	{ 116, "certificate_required", "it wants a client certificate",
	  NO_DETAIL },
	{ 120, "no_application_protocol",
	  "the server speaks none of the protocols offered by ALPN",
	  NO_DETAIL },
	{ 0, NULL, NULL, NO_DETAIL },
};

#define NOT_TLS "the server does not speak TLS on this port"
#define OTHER_PORT                                                    \
	"use its TLS port; where it has STARTTLS instead, a starttls " \
	"rule"
#define TOO_OLD                                                     \
	"tls:// takes the best version of both; an old one needs a " \
	"lower security level than this OpenSSL has"

/* "CAUSE (REMEDY)" for reasons of OpenSSL itself, SSL_R_*. */
const struct xs_tls_error_row xs_tls_error_reasons[] = {
	{ SSL_R_WRONG_VERSION_NUMBER, NOT_TLS, OTHER_PORT, DETAIL_HEARD },
	{ SSL_R_HTTP_REQUEST, NOT_TLS, OTHER_PORT, DETAIL_HEARD },
	{ SSL_R_HTTPS_PROXY_REQUEST, NOT_TLS, OTHER_PORT, DETAIL_HEARD },
	{ SSL_R_PACKET_LENGTH_TOO_LONG, NOT_TLS, OTHER_PORT, DETAIL_HEARD },
	{ SSL_R_BAD_PACKET_LENGTH, NOT_TLS, OTHER_PORT, DETAIL_HEARD },
	{ SSL_R_RECORD_TOO_SMALL, NOT_TLS, OTHER_PORT, DETAIL_HEARD },
	{ SSL_R_UNSUPPORTED_PROTOCOL,
	  "the server chose a TLS version that the rule does not allow",
	  TOO_OLD, NO_DETAIL },
	{ SSL_R_WRONG_SSL_VERSION,
	  "the server chose a TLS version that the rule does not allow",
	  TOO_OLD, NO_DETAIL },
	{ SSL_R_NO_PROTOCOLS_AVAILABLE,
	  "this OpenSSL does not allow the TLS version of the rule", TOO_OLD,
	  NO_DETAIL },
	{ SSL_R_NO_CIPHERS_AVAILABLE,
	  "this OpenSSL has no cipher for the TLS version of the rule",
	  TOO_OLD, NO_DETAIL },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING,
	  "the server ended the connection in the middle of TLS",
	  "its log may say why", NO_DETAIL },
	{ SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,
	  "the server does not have RFC 5746 (secure renegotiation)",
	  "the server needs an update", NO_DETAIL },
	{ SSL_R_DH_KEY_TOO_SMALL,
	  "the server's Diffie-Hellman group is too small",
	  "the server needs one of at least 2048 bits, or ECDHE", NO_DETAIL },
	{ SSL_R_EE_KEY_TOO_SMALL, "the server's key is too small",
	  "the server needs one of at least 2048 bits RSA", NO_DETAIL },
	{ SSL_R_CA_KEY_TOO_SMALL, "the key of the server's CA is too small",
	  "the server needs a certificate of another CA", NO_DETAIL },
	{ SSL_R_CA_MD_TOO_WEAK,
	  "the server's certificate is signed with too weak a digest",
	  "the server needs one signed with SHA-256 or better", NO_DETAIL },
	{ SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
	  "a record from the server does not decrypt",
	  "something between changes the bytes", NO_DETAIL },
	{ SSL_R_BAD_SIGNATURE, "the server's signature is wrong",
	  "somebody may be in between", NO_DETAIL },
	{ 0, NULL, NULL, NO_DETAIL },
};

static const struct xs_tls_error_row *
find_row(const struct xs_tls_error_row *table, int code)
{
	for (; table->cause; table++)
		if (table->code == code)
			return table;
	return NULL;
}

/* Text that grows, and is cut at the end of its room. */
struct text {
	char *at;
	size_t room;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->at, text->room, format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= text->room)
		len = (int)text->room - 1;
	text->at += len;
	text->room -= (size_t)len;
}

/* At most so many bytes of what a peer wrote; what is not printable ASCII
 * becomes "?". */
static void add_foreign(struct text *text, const void *data, size_t len,
			size_t most)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < len && i < most; i++)
		add(text, "%c",
		    byte[i] >= ' ' && byte[i] < 0x7f ? byte[i] : '?');
	if (len > most)
		add(text, "...");
}

/* "CN=www.example.com", or the first thing that the name has. */
static void add_subject(struct text *text, const X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, at < 0 ? 0 : at);
	const ASN1_STRING *value;

	if (!entry) {
		add(text, "no subject");
		return;
	}
	value = X509_NAME_ENTRY_get_data(entry);
	add(text, "%s=", OBJ_nid2sn(OBJ_obj2nid(
				 X509_NAME_ENTRY_get_object(entry))));
	add_foreign(text, ASN1_STRING_get0_data(value),
		    (size_t)ASN1_STRING_length(value), 64);
}

static void add_date(struct text *text, const struct tm *date)
{
	add(text, "%04d-%02d-%02d", date->tm_year + 1900, date->tm_mon + 1,
	    date->tm_mday);
}

static void add_time(struct text *text, const ASN1_TIME *when)
{
	struct tm date;

	if (ASN1_TIME_to_tm(when, &date))
		add_date(text, &date);
	else
		add(text, "an unreadable date");
}

static void add_clock(struct text *text)
{
	time_t now = time(NULL);
	struct tm date;

	if (!gmtime_r(&now, &date))
		return;
	add(text, "; this machine's clock says ");
	add_date(text, &date);
}

static void add_general_name(struct text *text, const GENERAL_NAME *name)
{
	char ip[INET6_ADDRSTRLEN];
	const ASN1_STRING *value;
	int type;

	value = GENERAL_NAME_get0_value(name, &type);
	if (type == GEN_DNS) {
		add_foreign(text, ASN1_STRING_get0_data(value),
			    (size_t)ASN1_STRING_length(value), 64);
		return;
	}
	if (inet_ntop(ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6,
		      ASN1_STRING_get0_data(value), ip, sizeof(ip)))
		add(text, "%s", ip);
}

static bool is_server_name(const GENERAL_NAME *name)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

	return type == GEN_DNS ||
	       (type == GEN_IPADD && (ASN1_STRING_length(value) == 4 ||
				      ASN1_STRING_length(value) == 16));
}

/* The names that a certificate is for, the first few. */
static void add_names(struct text *text, const X509 *cert)
{
	enum { SHOWN = 4 };
	GENERAL_NAMES *names =
		X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int count = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (!is_server_name(name) || count++ >= SHOWN)
			continue;
		add(text, "%s", count == 1 ? ", only for " : ", ");
		add_general_name(text, name);
	}
	if (!count)
		add(text, ", or any name: it has no subjectAltName");
	else if (count > SHOWN)
		add(text, " and %d more", count - SHOWN);
	GENERAL_NAMES_free(names);
}

static void add_certificate_cause(struct text *text, int detail,
				  const X509 *cert, const char *name)
{
	switch (detail) {
	case DETAIL_END:
		add(text, " ");
		add_time(text, X509_get0_notAfter(cert));
		break;
	case DETAIL_BEGIN:
		add(text, " ");
		add_time(text, X509_get0_notBefore(cert));
		break;
	case DETAIL_NAMES:
		add(text, " \"");
		add_foreign(text, name, strlen(name), 100);
		add(text, "\"");
		add_names(text, cert);
		break;
	case DETAIL_ISSUER:
		add(text, ", ");
		add_subject(text, X509_get_issuer_name(cert));
		break;
	default:
		break;
	}
}

static void add_certificate_remedy(struct text *text, int detail,
				   const char *trust)
{
	switch (detail) {
	case DETAIL_END:
	case DETAIL_BEGIN:
		add_clock(text);
		break;
	case DETAIL_ISSUER:
	case DETAIL_TRUST:
		add(text, "; trusted is what is in ");
		add_foreign(text, trust, strlen(trust), 150);
		break;
	default:
		break;
	}
}

void xs_tls_error_certificate(struct xs_error *err, int code, const X509 *cert,
			      const char *name, const char *trust)
{
	const struct xs_tls_error_row *row =
		find_row(xs_tls_error_certificates, code);
	char sentence[XS_ERROR_TEXT_MAX];
	struct text text = { sentence, sizeof(sentence) };

	add(&text, "certificate ");
	if (cert) {
		add(&text, "of ");
		add_subject(&text, X509_get_subject_name(cert));
		add(&text, " ");
	}
	if (row) {
		add(&text, "%s", row->cause);
		if (cert)
			add_certificate_cause(&text, row->detail, cert, name);
		add(&text, " (%s", row->remedy);
		add_certificate_remedy(&text, row->detail, trust);
		add(&text, ")");
	} else {
		add(&text, "is refused: %s (the server needs another one)",
		    X509_verify_cert_error_string(code));
	}
	xs_error_set(err, XS_ERR_CERTIFICATE, 0, "%s", sentence);
}

/* What the server said instead of TLS, when a person can read it. */
static void add_heard(struct text *text, const struct xs_tls_early *early)
{
	size_t len = 0;

	while (len < early->first_len && early->first[len] >= ' ' &&
	       early->first[len] < 0x7f)
		len++;
	if (len < 3)
		return;
	add(text, ": it said \"");
	add_foreign(text, early->first, len, sizeof(early->first));
	add(text, "\"");
}

/* Alerts come as reasons of their own, from SSL_AD_REASON_OFFSET up. */
static const struct xs_tls_error_row *find_alert(int reason)
{
	if (reason < SSL_AD_REASON_OFFSET)
		return NULL;
	return find_row(xs_tls_error_alerts, reason - SSL_AD_REASON_OFFSET);
}

static void add_reason(struct text *text, unsigned long code)
{
	const char *reason = ERR_reason_error_string(code);

	if (reason)
		add(text, "%s", reason);
	else
		add(text, "OpenSSL error %#lx", code);
}

void xs_tls_error_handshake(struct xs_error *err, const struct xs_tls *tls,
			    int ssl_error)
{
	const struct xs_tls_early *early = tls->early;
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_REASON(code);
	bool from_ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
	const struct xs_tls_error_row *alert, *row;
	char sentence[XS_ERROR_TEXT_MAX];
	struct text text = { sentence, sizeof(sentence) };

	if (xs_error_is_set(&early->refused)) {
		xs_error_set(err, early->refused.kind, early->refused.errnum,
			     "%s", early->refused.text);
		return;
	}
	alert = from_ssl ? find_alert(reason) : NULL;
	row = from_ssl ? find_row(xs_tls_error_reasons, reason) : NULL;
	if (alert) {
		add(&text, "the server refused the TLS handshake: alert %s "
			   "(%s)", alert->cause, alert->remedy);
	} else if (row) {
		add(&text, "%s", row->cause);
		if (row->detail == DETAIL_HEARD)
			add_heard(&text, early);
		add(&text, " (%s)", row->remedy);
	} else {
		add(&text, "TLS handshake failed: ");
		if (code)
			add_reason(&text, code);
		else
			add(&text, "SSL_get_error says %d", ssl_error);
		add(&text, " (the server's log may say more)");
	}
	xs_error_set(err, XS_ERR_PROTOCOL, 0, "%s", sentence);
}

void xs_tls_handshake_cut(const struct xs_tls *tls, struct xs_error *err)
{
	if (tls->early && !tls->early->received)
		xs_error_set(err, XS_ERR_PROTOCOL, 0,
			     "the server closed the connection when TLS began "
			     "(does it speak TLS on this port? its log may "
			     "say why)");
	else
		xs_error_set(err, XS_ERR_PROTOCOL, 0,
			     "the server closed the connection in the middle "
			     "of the TLS handshake (its log may say why)");
}

void xs_tls_error_open(struct xs_error *err, int ssl_error)
{
	unsigned long code = ERR_peek_error();
	const struct xs_tls_error_row *alert = NULL;
	char sentence[XS_ERROR_TEXT_MAX];
	struct text text = { sentence, sizeof(sentence) };

	if (ERR_GET_LIB(code) == ERR_LIB_SSL)
		alert = find_alert(ERR_GET_REASON(code));
	if (alert) {
		add(&text, "the server ended TLS with alert %s (%s)",
		    alert->cause, alert->remedy);
	} else {
		add(&text, "TLS failed: ");
		if (code)
			add_reason(&text, code);
		else
			add(&text, "SSL_get_error says %d", ssl_error);
		add(&text, " (the server's log may say more)");
	}
	xs_error_set(err, XS_ERR_PROTOCOL, 0, "%s", sentence);
}

void xs_tls_error_setup(struct xs_error *err, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	char sentence[XS_ERROR_TEXT_MAX];
	struct text text = { sentence, sizeof(sentence) };

	add(&text, "%s", what);
	if (code) {
		add(&text, ": ");
		add_reason(&text, code);
	}
	xs_error_set(err, XS_ERR_RULES, 0, "%s", sentence);
}
