/* Which certificate is accepted: chain and name.
 *
 * Both are checked inside the handshake, so that a server with the wrong
 * certificate gets an alert and never a byte of the application.  The name
 * rules are those of RFC 9525: subjectAltName only, a wildcard only as the
 * whole left-most label, IP addresses only against iPAddress entries.
 * Underscores are taken as letters (tls_name.c).
 *
 * verify_peer and verify_peer_name are independent, as in PHP.  With only the
 * first switched off OpenSSL still walks the chain, and a callback overlooks
 * what is wrong with it, up to the name.
 */
#include "relay/tls/tls_psk.h"

#include "base/address.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static bool is_name_error(int code)
{
	return code == X509_V_ERR_HOSTNAME_MISMATCH ||
	       code == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

static bool is_name_with_underscore(X509_STORE_CTX *store, int code)
{
	const char *name = X509_VERIFY_PARAM_get0_host(
		X509_STORE_CTX_get0_param(store), 0);

	return code == X509_V_ERR_HOSTNAME_MISMATCH && name &&
	       xs_tls_name_is_under_wildcard(X509_STORE_CTX_get0_cert(store),
					     name);
}

static struct xs_tls *tls_of(X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());

	return SSL_get_app_data(ssl);
}

/* Called by OpenSSL for each certificate that is right and each thing that is
 * wrong.  The first wrong thing gets its sentence here, where the certificate
 * is at hand. */
static int judge(int ok, X509_STORE_CTX *store)
{
	struct xs_tls *tls = tls_of(store);
	const struct xs_options *options;
	int code = X509_STORE_CTX_get_error(store);

	if (ok)
		return 1;
	options = xs_tls_context_options(tls->context);
	if (options->allow_self_signed &&
	    code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
		xs_tls_under_way(tls)->self_signed = true;
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	if (xs_tls_revoked_overlooks(store, &code) ||
	    is_name_with_underscore(store, code)) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	if (!options->verify_peer &&
	    !(options->verify_peer_name && is_name_error(code))) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	xs_tls_error_certificate(&xs_tls_under_way(tls)->refused, code,
				 X509_STORE_CTX_get_current_cert(store),
				 xs_tls_under_way(tls)->name,
				 xs_tls_context_trust(tls->context));
	return 0;
}

/* Does anything depend on the certificate? */
static bool is_looked_at(const struct xs_options *options)
{
	return options->verify_peer || options->verify_peer_name;
}

static bool has_fingerprint(const struct xs_tls *tls, X509 *cert)
{
	const char *list =
		xs_tls_context_options(tls->context)->peer_fingerprint;
	char text[XS_TLS_FINGERPRINT_MAX];

	if (!list || (cert && xs_tls_fingerprint_match(list, cert)))
		return true;
	xs_tls_fingerprint_text(cert, text);
	xs_error_set(&xs_tls_under_way(tls)->refused, XS_ERR_CERTIFICATE, 0,
		     "the certificate has none of the rule's fingerprints; it "
		     "is %s (if you expect it, put one of them into "
		     "peer_fingerprint)",
		     text);
	return false;
}

static bool capture(const struct xs_tls *tls, X509_STORE_CTX *store)
{
	const char *file =
		xs_tls_context_options(tls->context)->capture_peer_cert_chain;

	return !file ||
	       xs_tls_output_chain(file, X509_STORE_CTX_get0_untrusted(store),
				   &xs_tls_under_way(tls)->refused) == 0;
}

/* What this handshake relies on ends with the first certificate that does. */
static void bound_by_chain(SSL *ssl, const STACK_OF(X509) * chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++)
		xs_tls_bound_lower(ssl,
				   X509_get0_notAfter(sk_X509_value(chain, i)));
}

/* The whole of what OpenSSL does about the server's certificates, with what
 * it does not do around it.  The chain is captured before it is judged, so
 * that a refused one can be looked at. */
static int verify(X509_STORE_CTX *store, void *unused)
{
	struct xs_tls *tls = tls_of(store);
	const struct xs_options *options = xs_tls_context_options(tls->context);
	int good = 1;

	(void)unused;
	ERR_clear_error();
	if (options->psk_file) {
		xs_psk_refuse_certificate(tls, &xs_tls_under_way(tls)->refused);
		X509_STORE_CTX_set_error(store,
					 X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	xs_tls_bound_begin(SSL_get0_session(tls->ssl));
	if (options->crlfile)
		xs_tls_revoked_go_up(store);
	if (!capture(tls, store))
		good = 0;
	else if (X509_verify_cert(store) <= 0)
		good = !is_looked_at(options);
	if (good && options->verify_peer)
		bound_by_chain(tls->ssl, X509_STORE_CTX_get0_chain(store));
	if (good)
		good = has_fingerprint(tls, X509_STORE_CTX_get0_cert(store));
	if (good) {
		xs_tls_shared_use(xs_tls_context_shared(tls->context), store);
		return 1;
	}
	if (X509_STORE_CTX_get_error(store) == X509_V_OK)
		X509_STORE_CTX_set_error(store,
					 X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

bool xs_tls_verify_install(SSL_CTX *ssl)
{
	SSL_CTX_set_cert_verify_callback(ssl, verify, NULL);
	return xs_tls_revoked_install(ssl);
}

static int set_name(struct xs_tls *tls, const char *name, bool is_address)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);

	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
			       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
			  : X509_VERIFY_PARAM_set1_host(param, name, 0);
}

/* A name as certificates and SNI have it: without the trailing dot of a DNS
 * root (RFC 6066, 3) and, for an address, without its zone. */
static int trim_name(const char *name, char *trimmed, size_t size)
{
	size_t len = strcspn(name, "%");

	if (len && name[len - 1] == '.')
		len--;
	if (!len || len >= size)
		return -1;
	memcpy(trimmed, name, len);
	trimmed[len] = '\0';
	return 0;
}

int xs_tls_verify_setup(struct xs_tls *tls, struct xs_error *err)
{
	struct xs_tls_early *early = tls->early;
	const struct xs_options *options = xs_tls_context_options(tls->context);
	bool has_name = options->verify_peer_name && !options->psk_file;
	struct xs_address address;
	char name[256];

	if (!SSL_set_app_data(tls->ssl, tls))
		return -1; /* the caller has the words */
	early->name_is_address = xs_address_parse(&address, early->name);
	if (trim_name(early->name, name, sizeof(name)) < 0) {
		if (has_name)
			return xs_error_set(
				err, XS_ERR_CERTIFICATE, 0,
				"there is no name to check the certificate "
				"against (add peer_name=NAME to the rule)");
		name[0] = '\0';
	}
	/* With SSL_VERIFY_NONE OpenSSL would overlook what verify says. */
	SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, judge);
	X509_VERIFY_PARAM_set_purpose(SSL_get0_param(tls->ssl),
				      X509_PURPOSE_SSL_SERVER);
	if (has_name && !set_name(tls, name, early->name_is_address)) {
		xs_tls_error_setup(err, "cannot set the name to verify");
		return -1;
	}
	if (options->sni_enabled && name[0] && !early->name_is_address &&
	    !SSL_set_tlsext_host_name(tls->ssl, name)) {
		xs_tls_error_setup(err, "cannot set the name for SNI");
		return -1;
	}
	return 0;
}

/* What was verified, in words. */
static void tell_verified(const struct xs_options *options, bool self_signed,
			  const char *name, struct xs_tls_text *text)
{
	if (!options->verify_peer && !options->verify_peer_name)
		xs_tls_add(text,
			   "not verified (verify_peer=0, verify_peer_name=0)");
	else if (!options->verify_peer)
		xs_tls_add(text,
			   "certificate names \"%s\", not verified "
			   "(verify_peer=0)",
			   name);
	else if (self_signed)
		xs_tls_add(text, "self-signed (allow_self_signed=1)");
	else if (!options->verify_peer_name)
		xs_tls_add(text, "chain verified");
	else
		xs_tls_add(text, "verified \"%s\"", name);
	if (options->verify_peer && !options->verify_peer_name)
		xs_tls_add(text, ", name not (verify_peer_name=0)");
	else if (options->verify_peer && self_signed)
		xs_tls_add(text, ", for \"%s\"", name);
}

int xs_tls_verify_finish(const struct xs_tls *tls, struct xs_error *err)
{
	const struct xs_options *options = xs_tls_context_options(tls->context);

	if (options->psk_file)
		return xs_psk_finish(tls, err);
	if (SSL_get0_peer_certificate(tls->ssl) ||
	    !(options->verify_peer || options->verify_peer_name ||
	      options->peer_fingerprint))
		return 0;
	return xs_error_set(err, XS_ERR_CERTIFICATE, 0,
			    "the server has no certificate: the cipher %s is "
			    "anonymous, anybody could be in between (take it "
			    "out of ciphers, with :!aNULL)",
			    SSL_get_cipher_name(tls->ssl));
}

void xs_tls_verify_summary(const struct xs_tls *tls,
			   struct xs_tls_summary *summary)
{
	const struct xs_options *options = xs_tls_context_options(tls->context);
	const struct xs_psk *psk = xs_tls_context_psk(tls->context);
	bool self_signed = tls->early->self_signed;
	struct xs_tls_text text = { summary->how, sizeof(summary->how) };
	const unsigned char *alpn;
	unsigned int alpn_len;

	summary->verified = "";
	if (psk) {
		summary->verified = psk->verified;
		xs_tls_add(&text, "verified by the pre-shared key of \"%s\"",
			   psk->shown);
	} else {
		if (options->verify_peer && options->verify_peer_name &&
		    !self_signed)
			summary->verified = tls->early->name;
		tell_verified(options, self_signed, tls->early->name, &text);
	}
	if (options->peer_fingerprint)
		xs_tls_add(&text, ", fingerprint matches");
	SSL_get0_alpn_selected(tls->ssl, &alpn, &alpn_len);
	if (alpn_len) {
		xs_tls_add(&text, ", ALPN ");
		xs_tls_add_foreign(&text, alpn, alpn_len, 32);
	}
	if (xs_tls_resumed(tls))
		xs_tls_add(&text, ", resumed");
}
