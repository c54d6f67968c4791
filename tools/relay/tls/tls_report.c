/* What a handshake has shown; see tls_report.h.
 *
 * OpenSSL 3 keeps the server's certificates in the session before it judges
 * them, so they are there also when they were refused; what is reported is
 * always the handshake that a rule would have made, never one with less
 * verification.
 *
 * One thread at a time, as for the struct xs_tls.
 */
#include "relay/tls/tls_report.h"

#include "relay/tls/tls_certificate.h"
#include "relay/tls/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

/* --- the chain -------------------------------------------------------- */

/* Chains are short: OpenSSL takes 100 KiB of certificates at most
 * (SSL_CTX_set_max_cert_list(3)). */
static bool has(const STACK_OF(X509) * chain, const X509 *cert)
{
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_cmp(sk_X509_value(chain, i), cert) == 0)
			return true;
	return false;
}

static bool is_trusted(const SSL *ssl, const X509 *cert)
{
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	STACK_OF(X509) *named = NULL;
	bool found = false;

	if (store &&
	    X509_STORE_CTX_init(store,
				SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)),
				NULL, NULL)) {
		named = X509_STORE_CTX_get1_certs(store,
						  X509_get_subject_name(cert));
		found = named && has(named, cert);
	}
	sk_X509_pop_free(named, X509_free);
	X509_STORE_CTX_free(store);
	return found;
}

static int add(const SSL *ssl, X509 *cert, const STACK_OF(X509) * sent,
	       struct xs_arena *arena, struct xs_tls_certificate *to)
{
	to->sent = has(sent, cert);
	to->trusted = is_trusted(ssl, cert);
	return xs_tls_certificate_read(cert, arena, to);
}

static int read_chain(const struct xs_tls *tls, struct xs_arena *arena,
		      struct xs_tls_report *report)
{
	const STACK_OF(X509) *sent = SSL_get_peer_cert_chain(tls->ssl);
	const STACK_OF(X509) *used = SSL_get0_verified_chain(tls->ssl);
	struct xs_tls_certificate *certificate;
	int most;

	/* sk_X509_num is -1 for NULL. */
	most = (used ? sk_X509_num(used) : 0) + (sent ? sk_X509_num(sent) : 0);
	certificate = xs_arena_take(arena, (size_t)most * sizeof(*certificate));
	if (!certificate)
		return -1;
	report->certificate = certificate;
	for (int i = 0; i < sk_X509_num(used); i++, certificate++) {
		certificate->used = true;
		if (add(tls->ssl, sk_X509_value(used, i), sent, arena,
			certificate) < 0)
			return -1;
		report->certificates++;
	}
	for (int i = 0; i < sk_X509_num(sent); i++) {
		X509 *cert = sk_X509_value(sent, i);

		if (has(used, cert))
			continue;
		/* Nobody built a chain: the server's own is the first. */
		certificate->used = !used && i == 0;
		if (add(tls->ssl, cert, sent, arena, certificate++) < 0)
			return -1;
		report->certificates++;
	}
	return 0;
}

/* --- what was agreed on ----------------------------------------------- */

static const char *read_group(const struct xs_tls *tls, struct xs_arena *arena)
{
	char group[64];

	xs_tls_group(tls, group, sizeof(group));
	return *group ? xs_tls_certificate_clean(arena, group, strlen(group))
		      : NULL;
}

int xs_tls_report_read(const struct xs_tls *tls, struct xs_arena *arena,
		       struct xs_tls_report *report, struct xs_error *err)
{
	const SSL_CIPHER *current = SSL_get_current_cipher(tls->ssl);
	/* Until TLS 1.2 uses it, the cipher of the ServerHello is pending. */
	const SSL_CIPHER *cipher =
		current ? current : SSL_get_pending_cipher(tls->ssl);
	const unsigned char *alpn;
	unsigned alpn_len;
	int result;

	*report = (struct xs_tls_report){ .version = NULL };
	/* Before a ServerHello there is no version either. */
	if (cipher) {
		report->version = SSL_get_version(tls->ssl);
		report->cipher = SSL_CIPHER_get_name(cipher);
		report->group = read_group(tls, arena);
	}
	SSL_get0_alpn_selected(tls->ssl, &alpn, &alpn_len);
	if (alpn_len)
		report->alpn = xs_tls_certificate_clean(arena, alpn, alpn_len);
	result = read_chain(tls, arena, report);
	ERR_clear_error();
	if (result < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "cannot read the server's certificates");
	return 0;
}

bool xs_tls_report_has_session(const struct xs_tls *tls)
{
	const SSL_SESSION *session = SSL_get_session(tls->ssl);

	return session && SSL_SESSION_is_resumable(session);
}

bool xs_tls_report_resumed(const struct xs_tls *tls)
{
	return xs_tls_resumed(tls);
}
