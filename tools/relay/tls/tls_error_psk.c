/* Why a server and we have no pre-shared key in common, told to a person.
 *
 * Servers say little: RFC 4279, 2, lets one with another key, or one that does
 * not know the identity, say the same for both.  With DTLS a server drops what
 * it cannot decrypt, and says nothing (RFC 6347, 4.1.2.7), or just ends it, as
 * GnuTLS's do.
 *
 * Pure.  Any thread.
 */
#include "relay/tls/tls_psk.h"

#include <openssl/tls1.h>

/* Does the alert mean that what the key made does not fit?  OpenSSL's servers
 * say illegal_parameter of it with TLS 1.3. */
static bool is_about_key(int alert)
{
	return alert == SSL_AD_BAD_RECORD_MAC ||
	       alert == SSL_AD_DECRYPT_ERROR ||
	       alert == SSL_AD_ILLEGAL_PARAMETER;
}

/* That there is nothing in common. */
static bool is_about_offer(int alert)
{
	return alert == SSL_AD_HANDSHAKE_FAILURE ||
	       alert == SSL_AD_INSUFFICIENT_SECURITY;
}

bool xs_psk_error_alert(const struct xs_tls *tls,
			const struct xs_tls_error_row *alert,
			struct xs_error *err)
{
	const struct xs_psk *psk = xs_tls_context_psk(tls->context);

	if (!psk)
		return false;
	if (alert->code == SSL_AD_UNKNOWN_PSK_IDENTITY)
		xs_error_set(err, XS_ERR_CERTIFICATE, 0,
			     "the server does not know the identity \"%.100s\" "
			     "(is psk_identity right, and is the key on the "
			     "server?)",
			     psk->shown);
	else if (is_about_key(alert->code))
		xs_error_set(err, XS_ERR_CERTIFICATE, 0,
			     "the server does not accept the pre-shared key of "
			     "\"%.100s\": alert %s (it has another key than "
			     "psk_file, or does not know the identity)",
			     psk->shown, alert->cause);
	else if (is_about_offer(alert->code))
		xs_error_set(err, XS_ERR_CERTIFICATE, 0,
			     "the server takes no pre-shared key of "
			     "\"%.100s\": alert %s (has it pre-shared keys, "
			     "and that identity? its ciphers may be others "
			     "than the rule's: see ciphers and "
			     "security_level)",
			     psk->shown, alert->cause);
	return xs_error_is_set(err);
}

/* Our Finished has left, and the server's has not come. */
static bool has_used_key(const struct xs_tls *tls)
{
	return SSL_get_state(tls->ssl) == TLS_ST_CW_FINISHED;
}

bool xs_psk_error_end(const struct xs_tls *tls, struct xs_error *err)
{
	const struct xs_psk *psk = xs_tls_context_psk(tls->context);

	if (psk && has_used_key(tls))
		xs_error_set(err, XS_ERR_CERTIFICATE, 0,
			     "the server has answered, but not what was made "
			     "with the pre-shared key of \"%.100s\" (mostly it "
			     "has another key than psk_file, or does not know "
			     "the identity: its log may say)",
			     psk->shown);
	return xs_error_is_set(err);
}
