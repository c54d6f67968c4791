/* The words for what can go wrong in TLS: cause and remedy, by code.
 *
 * Data only; tls_error.c makes the sentences.  To add a row: the code, what
 * happened as the rest of a sentence whose beginning is above the table, and
 * what a person can do about it.  A test walks all rows.
 */
#include "tls_private.h"

#define ROOT_REMEDY "if you trust that CA, name it with cafile=FILE"

/* "certificate of CN=… CAUSE (REMEDY)" */
const struct xs_tls_error_row xs_tls_error_certificates[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, "expired on", "renew it on the server",
	  XS_DETAIL_END },
	{ X509_V_ERR_CERT_NOT_YET_VALID, "is not valid before",
	  "set the clock that is wrong, or wait", XS_DETAIL_BEGIN },
	{ X509_V_ERR_HOSTNAME_MISMATCH, "is not for",
	  "connect by one of its names, or set peer_name=NAME",
	  XS_DETAIL_NAMES },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH, "is not for",
	  "connect by one of its names, or set peer_name=NAME",
	  XS_DETAIL_NAMES },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "is self-signed",
	  "if you trust it, name a copy of it with cafile=FILE",
	  XS_DETAIL_TRUST },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "is a CA that is not trusted",
	  ROOT_REMEDY, XS_DETAIL_TRUST },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
	  "is issued by a CA that is not trusted",
	  ROOT_REMEDY ", or let the server send the missing intermediate",
	  XS_DETAIL_ISSUER },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
	  "is issued by a CA that is not trusted", ROOT_REMEDY,
	  XS_DETAIL_ISSUER },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
	  "is issued by a CA that is not trusted",
	  ROOT_REMEDY ", or let the server send the missing intermediate",
	  XS_DETAIL_ISSUER },
	{ X509_V_ERR_CERT_UNTRUSTED, "is not trusted for servers", ROOT_REMEDY,
	  XS_DETAIL_TRUST },
	{ X509_V_ERR_CERT_REJECTED, "is marked as rejected",
	  "ask whoever keeps the list of CAs", XS_DETAIL_TRUST },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, "has a signature that is wrong",
	  "the server's chain is broken, or somebody is in between",
	  XS_NO_DETAIL },
	{ X509_V_ERR_INVALID_PURPOSE, "is not made for servers",
	  "the server needs one with extendedKeyUsage serverAuth",
	  XS_NO_DETAIL },
	{ X509_V_ERR_INVALID_CA, "is used as a CA but is none",
	  "the server's chain is broken, or somebody is in between",
	  XS_NO_DETAIL },
	{ X509_V_ERR_PATH_LENGTH_EXCEEDED, "may not issue so long a chain",
	  "the server's CA must issue within its path length", XS_NO_DETAIL },
	{ X509_V_ERR_PERMITTED_VIOLATION,
	  "has a name that its CA may not vouch for",
	  "the CA is constrained to other names: use another CA",
	  XS_NO_DETAIL },
	{ X509_V_ERR_EXCLUDED_VIOLATION,
	  "has a name that its CA may not vouch for",
	  "the CA is constrained to other names: use another CA",
	  XS_NO_DETAIL },
	{ X509_V_ERR_CERT_CHAIN_TOO_LONG, "ends a chain that is too long",
	  "the server sends too many certificates", XS_NO_DETAIL },
	{ X509_V_ERR_CERT_REVOKED, "is revoked",
	  "do not trust it; the server needs a new one", XS_NO_DETAIL },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, "has too small a key",
	  "the server needs one of at least 2048 bits RSA", XS_NO_DETAIL },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, "belongs to a CA with too small a key",
	  "the server needs a certificate of another CA", XS_NO_DETAIL },
	{ X509_V_ERR_CA_MD_TOO_WEAK, "is signed with too weak a digest",
	  "the server needs one signed with SHA-256 or better", XS_NO_DETAIL },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION,
	  "has a critical extension that OpenSSL does not know",
	  "the server needs another certificate", XS_NO_DETAIL },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, "has no readable end",
	  "the server needs another certificate", XS_NO_DETAIL },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, "has no readable begin",
	  "the server needs another certificate", XS_NO_DETAIL },
	{ 0, NULL, NULL, XS_NO_DETAIL },
};

#define CLIENT_CERT                                                            \
	"the server does not accept the client certificate: see local_cert, "  \
	"and the server's log"
#define NEEDS_CLIENT_CERT                                                      \
	"it wants a client certificate: local_cert=FILE, with the key in it "  \
	"or in local_pk=FILE"
#define OUR_BUG	    "if it happens again, report it with what the server is"

/* "the server refused: alert CAUSE (REMEDY)"; RFC 8446, 6.2. */
const struct xs_tls_error_row xs_tls_error_alerts[] = {
	{ 10, "unexpected_message", OUR_BUG, XS_NO_DETAIL },
	{ 20, "bad_record_mac", "something between changes the bytes",
	  XS_NO_DETAIL },
	{ 21, "decryption_failed", "something between changes the bytes",
	  XS_NO_DETAIL },
	{ 22, "record_overflow", OUR_BUG, XS_NO_DETAIL },
	{ 30, "decompression_failure", OUR_BUG, XS_NO_DETAIL },
	{ 40, "handshake_failure",
	  "no cipher, group or signature in common, or it wants a client "
	  "certificate (local_cert); its log says which",
	  XS_DETAIL_CLIENT },
	{ 41, "no_certificate", NEEDS_CLIENT_CERT,
	  XS_DETAIL_CLIENT },
	{ 42, "bad_certificate", CLIENT_CERT, XS_DETAIL_CLIENT },
	{ 43, "unsupported_certificate", CLIENT_CERT, XS_DETAIL_CLIENT },
	{ 44, "certificate_revoked", CLIENT_CERT, XS_DETAIL_CLIENT },
	{ 45, "certificate_expired", CLIENT_CERT, XS_DETAIL_CLIENT },
	{ 46, "certificate_unknown", CLIENT_CERT, XS_DETAIL_CLIENT },
	{ 47, "illegal_parameter", OUR_BUG, XS_NO_DETAIL },
	{ 48, "unknown_ca", CLIENT_CERT, XS_DETAIL_CLIENT },
	{ 49, "access_denied", "the server's administrator decides that",
	  XS_DETAIL_CLIENT },
	{ 50, "decode_error", OUR_BUG, XS_NO_DETAIL },
	{ 51, "decrypt_error", OUR_BUG, XS_NO_DETAIL },
	{ 60, "export_restriction", "the server is too old", XS_NO_DETAIL },
	{ 70, "protocol_version",
	  "the server does not speak the TLS version that the rule allows: "
	  "use tls://, or the version that it has",
	  XS_NO_DETAIL },
	{ 71, "insufficient_security",
	  "the server wants stronger ciphers than this OpenSSL offers",
	  XS_NO_DETAIL },
	{ 80, "internal_error", "the server's log says more", XS_NO_DETAIL },
	{ 86, "inappropriate_fallback",
	  "the server speaks a better version than the rule allows: use "
	  "tls://",
	  XS_NO_DETAIL },
	{ 90, "user_canceled", "the server gave up", XS_NO_DETAIL },
	{ 100, "no_renegotiation", OUR_BUG, XS_NO_DETAIL },
	{ 109, "missing_extension",
	  "the server may need SNI: see SNI_enabled and peer_name",
	  XS_NO_DETAIL },
	{ 110, "unsupported_extension", OUR_BUG, XS_NO_DETAIL },
	{ 111, "certificate_unobtainable", CLIENT_CERT, XS_DETAIL_CLIENT },
	{ 112, "unrecognized_name",
	  "the server has no such name: connect by one that it has, or set "
	  "peer_name=NAME",
	  XS_NO_DETAIL },
	{ 113, "bad_certificate_status_response", OUR_BUG, XS_NO_DETAIL },
	{ 114, "bad_certificate_hash_value", OUR_BUG, XS_NO_DETAIL },
	{ 115, "unknown_psk_identity", OUR_BUG, XS_NO_DETAIL },
	{ 116, "certificate_required", NEEDS_CLIENT_CERT,
	  XS_DETAIL_CLIENT },
	{ 120, "no_application_protocol",
	  "the server speaks none of the protocols offered by ALPN",
	  XS_NO_DETAIL },
	{ 0, NULL, NULL, XS_NO_DETAIL },
};

#define NOT_TLS "the server does not speak TLS on this port"
#define OTHER_PORT                                                             \
	"use its TLS port; where it has STARTTLS instead, a starttls "         \
	"rule"
#define TOO_OLD                                                                \
	"tls:// takes the best version of both; an old one needs a "           \
	"lower security level than this OpenSSL has"

/* "CAUSE (REMEDY)" for reasons of OpenSSL itself, SSL_R_*. */
const struct xs_tls_error_row xs_tls_error_reasons[] = {
	{ SSL_R_WRONG_VERSION_NUMBER, NOT_TLS, OTHER_PORT, XS_DETAIL_HEARD },
	{ SSL_R_HTTP_REQUEST, NOT_TLS, OTHER_PORT, XS_DETAIL_HEARD },
	{ SSL_R_HTTPS_PROXY_REQUEST, NOT_TLS, OTHER_PORT, XS_DETAIL_HEARD },
	{ SSL_R_PACKET_LENGTH_TOO_LONG, NOT_TLS, OTHER_PORT, XS_DETAIL_HEARD },
	{ SSL_R_BAD_PACKET_LENGTH, NOT_TLS, OTHER_PORT, XS_DETAIL_HEARD },
	{ SSL_R_RECORD_TOO_SMALL, NOT_TLS, OTHER_PORT, XS_DETAIL_HEARD },
	{ SSL_R_UNSUPPORTED_PROTOCOL,
	  "the server chose a TLS version that the rule does not allow",
	  TOO_OLD, XS_NO_DETAIL },
	{ SSL_R_WRONG_SSL_VERSION,
	  "the server chose a TLS version that the rule does not allow",
	  TOO_OLD, XS_NO_DETAIL },
	{ SSL_R_NO_PROTOCOLS_AVAILABLE,
	  "this OpenSSL does not allow the TLS version of the rule", TOO_OLD,
	  XS_NO_DETAIL },
	{ SSL_R_NO_CIPHERS_AVAILABLE,
	  "this OpenSSL has no cipher for the TLS version of the rule", TOO_OLD,
	  XS_NO_DETAIL },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING,
	  "the server ended the connection in the middle of TLS",
	  "its log may say why", XS_NO_DETAIL },
	{ SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,
	  "the server does not have RFC 5746 (secure renegotiation)",
	  "the server needs an update", XS_NO_DETAIL },
	{ SSL_R_DH_KEY_TOO_SMALL,
	  "the server's Diffie-Hellman group is too small",
	  "the server needs one of at least 2048 bits, or ECDHE",
	  XS_NO_DETAIL },
	{ SSL_R_EE_KEY_TOO_SMALL, "the server's key is too small",
	  "the server needs one of at least 2048 bits RSA", XS_NO_DETAIL },
	{ SSL_R_CA_KEY_TOO_SMALL, "the key of the server's CA is too small",
	  "the server needs a certificate of another CA", XS_NO_DETAIL },
	{ SSL_R_CA_MD_TOO_WEAK,
	  "the server's certificate is signed with too weak a digest",
	  "the server needs one signed with SHA-256 or better", XS_NO_DETAIL },
	{ SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
	  "a record from the server does not decrypt",
	  "something between changes the bytes", XS_NO_DETAIL },
	{ SSL_R_BAD_SIGNATURE, "the server's signature is wrong",
	  "somebody may be in between", XS_NO_DETAIL },
	{ 0, NULL, NULL, XS_NO_DETAIL },
};
