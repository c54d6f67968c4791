/* Stapled OCSP: what the server sends about its own certificate (RFC 6066, 8).
 *
 * The relay asks for it and never goes to a responder itself.  An answer that
 * says "revoked" ends the handshake.  Any other answer that is not a good one
 * counts as none, and none is an error for a certificate that promises one
 * (must-staple, RFC 7633).  A resumed session was judged when it began, and
 * ends when the answer does that it was judged by.
 */
#include "relay/tls/tls_private.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* Seconds that clocks may differ. */
enum { SLACK = 300 };

/* status_request of TLS Feature (RFC 7633, 6; the number of the TLS
 * extension). */
enum { STATUS_REQUEST = 5 };

static bool must_staple(const X509 *cert)
{
	TLS_FEATURE *features =
		X509_get_ext_d2i(cert, NID_tlsfeature, NULL, NULL);
	bool must = false;

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		must |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
			STATUS_REQUEST;
	TLS_FEATURE_free(features);
	return must;
}

/* Is it about this certificate?  The responder picks the digest. */
static bool is_about(OCSP_SINGLERESP *single, const X509 *cert,
		     const X509 *issuer)
{
	const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
	ASN1_OBJECT *algorithm;
	OCSP_CERTID *ours;
	bool same;

	if (!OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, (OCSP_CERTID *)id))
		return false;
	ours = OCSP_cert_to_id(EVP_get_digestbyobj(algorithm), cert, issuer);
	same = ours && OCSP_id_cmp(ours, (OCSP_CERTID *)id) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

/* What a verified answer says: V_OCSP_CERTSTATUS_*, and in *end until when it
 * counts (NULL: it does not say); UNKNOWN also when it says nothing that counts
 * now. */
static int status_in(OCSP_BASICRESP *basic, const X509 *cert,
		     const X509 *issuer, const ASN1_TIME **end)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
		ASN1_GENERALIZEDTIME *from, *until;
		int status;

		if (!is_about(single, cert, issuer))
			continue;
		status = OCSP_single_get0_status(single, NULL, NULL, &from,
						 &until);
		*end = until;
		if (OCSP_check_validity(from, until, SLACK, -1))
			return status;
	}
	return V_OCSP_CERTSTATUS_UNKNOWN;
}

/* Has issuer made cert?  Not a certificate that has made itself. */
static bool has_made(X509 *issuer, X509 *cert)
{
	return X509_self_signed(cert, 0) != 1 &&
	       X509_check_issued(issuer, cert) == X509_V_OK &&
	       X509_verify(cert, X509_get0_pubkey(issuer)) == 1;
}

static X509 *find_issuer(const STACK_OF(X509) * among, X509 *cert)
{
	for (int i = 0; i < sk_X509_num(among); i++)
		if (has_made(sk_X509_value(among, i), cert))
			return sk_X509_value(among, i);
	return NULL;
}

/* A chain of one certificate has none where the rule names the server's own
 * and not its issuer.  Whoever has made it may speak for it, and is in what the
 * server sent. */
static X509 *issuer_in(SSL *ssl, OCSP_BASICRESP *basic, STACK_OF(X509) * chain)
{
	X509 *cert = sk_X509_value(chain, 0), *issuer;

	if (sk_X509_num(chain) > 1)
		return sk_X509_value(chain, 1);
	issuer = find_issuer(SSL_get_peer_cert_chain(ssl), cert);
	return issuer ? issuer : find_issuer(OCSP_resp_get0_certs(basic), cert);
}

/* Is the answer the issuer's own, or that of a responder that it has made? */
static bool is_of_issuer(OCSP_BASICRESP *basic, STACK_OF(X509) * chain,
			 X509 *issuer)
{
	X509_STORE *store = X509_STORE_new();
	bool is = store && X509_STORE_add_cert(store, issuer) &&
		  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) &&
		  OCSP_basic_verify(basic, chain, store, 0) > 0;

	X509_STORE_free(store);
	return is;
}

/* What an answer says of the first certificate of a verified chain. */
static int judge_answer(SSL *ssl, OCSP_BASICRESP *basic, STACK_OF(X509) * chain)
{
	X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
	X509 *issuer = issuer_in(ssl, basic, chain);
	const ASN1_TIME *end = NULL;
	int status;

	if (!issuer || (OCSP_basic_verify(basic, chain, store, 0) <= 0 &&
			!is_of_issuer(basic, chain, issuer)))
		return V_OCSP_CERTSTATUS_UNKNOWN;
	status = status_in(basic, sk_X509_value(chain, 0), issuer, &end);
	if (status == V_OCSP_CERTSTATUS_GOOD)
		xs_tls_bound_lower(ssl, end);
	return status;
}

static int read_status(SSL *ssl, const unsigned char *data, long len,
		       STACK_OF(X509) * chain)
{
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &data, len);
	OCSP_BASICRESP *basic = NULL;
	int status = V_OCSP_CERTSTATUS_UNKNOWN;

	if (response &&
	    OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	if (basic)
		status = judge_answer(ssl, basic, chain);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	return status;
}

/* Called once the server has said all; 1: go on, 0: refuse. */
static int judge(SSL *ssl, void *unused)
{
	const struct xs_tls *tls = SSL_get_app_data(ssl);
	struct xs_tls_early *early = xs_tls_under_way(tls);
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	const unsigned char *data;
	long len;
	int status = V_OCSP_CERTSTATUS_UNKNOWN;

	(void)unused;
	/* A certificate without an issuer has nobody who could say. */
	if (SSL_session_reused(ssl) || sk_X509_num(chain) < 1)
		return 1;
	len = SSL_get_tlsext_status_ocsp_resp(ssl, &data);
	if (data && len > 0)
		status = read_status(ssl, data, len, chain);
	if (status == V_OCSP_CERTSTATUS_REVOKED) {
		xs_tls_error_certificate(
			&early->refused, X509_V_ERR_CERT_REVOKED,
			sk_X509_value(chain, 0), early->name, "");
		return 0;
	}
	if (status == V_OCSP_CERTSTATUS_GOOD ||
	    !must_staple(sk_X509_value(chain, 0)))
		return 1;
	xs_error_set(&early->refused, XS_ERR_CERTIFICATE, 0,
		     "the certificate promises a stapled OCSP answer "
		     "(must-staple), and the server sent %s (OCSP stapling "
		     "must be switched on in the server, and work)",
		     data && len > 0 ? "none that is good now" : "none");
	return 0;
}

void xs_tls_ocsp_setup(SSL_CTX *ssl)
{
	SSL_CTX_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
	SSL_CTX_set_tlsext_status_cb(ssl, judge);
}
