/* CRLs, while a chain is verified: which are needed, and until when they count.
 *
 * A chain ends with a trusted certificate, its anchor.  Mostly that is a root.
 * Where the rule names a certificate in cafile or capath that is none, the
 * issuer of the anchor may be unknown.  Then no CRL has to say that the anchor
 * is not revoked, and a CRL about it cannot be verified; but one that says
 * "revoked" counts.
 *
 * Not here: reading crlfile (tls_store.c), stapled answers (tls_ocsp.c).  Any
 * thread.
 */
#include "relay/tls/tls_private.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

/* Is what is judged now the anchor, and no root? */
static bool is_at_anchor(X509_STORE_CTX *store)
{
	int depth = X509_STORE_CTX_get_error_depth(store);
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);

	return depth == sk_X509_num(chain) - 1 &&
	       depth >= X509_STORE_CTX_get_num_untrusted(store) &&
	       X509_self_signed(sk_X509_value(chain, depth), 0) != 1;
}

/* The server's own certificate is looked up even when it is the anchor. */
static bool needs_list(X509_STORE_CTX *store)
{
	return X509_STORE_CTX_get_error_depth(store) == 0 ||
	       !is_at_anchor(store);
}

/* A list names its issuer's key, mostly; so does a certificate. */
static bool is_by_same_key(const X509_CRL *list, X509 *cert)
{
	AUTHORITY_KEYID *by = X509_CRL_get_ext_d2i(
		list, NID_authority_key_identifier, NULL, NULL);
	const ASN1_OCTET_STRING *key = X509_get0_authority_key_id(cert);
	bool same = !by || !by->keyid || !key ||
		    ASN1_OCTET_STRING_cmp(by->keyid, key) == 0;

	AUTHORITY_KEYID_free(by);
	return same;
}

/* What one list of the certificate's issuer says of it, as X509_V_*. */
static int look_into(X509_CRL *list, X509 *cert)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
	X509_REVOKED *entry;

	if (!is_by_same_key(list, cert))
		return X509_V_ERR_UNABLE_TO_GET_CRL;
	if (X509_CRL_get0_by_cert(list, &entry, cert) == 1)
		return X509_V_ERR_CERT_REVOKED;
	/* Such a list may be about other certificates. */
	if (X509_CRL_get_ext_by_critical(list, 1, -1) >= 0)
		return X509_V_ERR_UNABLE_TO_GET_CRL;
	if (X509_cmp_current_time(X509_CRL_get0_lastUpdate(list)) > 0)
		return X509_V_ERR_CRL_NOT_YET_VALID;
	if (next && X509_cmp_current_time(next) < 0)
		return X509_V_ERR_CRL_HAS_EXPIRED;
	return X509_V_OK;
}

/* What is relied on ends with this list.  There is no SSL where OpenSSL
 * verifies for something else than a handshake. */
static void bound_by(X509_STORE_CTX *store, X509_CRL *list)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());

	if (ssl && needs_list(store))
		xs_tls_bound_lower(ssl, X509_CRL_get0_nextUpdate(list));
}

/* OpenSSL takes a list that names its issuer's key only if it has that issuer's
 * certificate.  That of an anchor's issuer it need not have. */
static int look_up_anchor(X509_STORE_CTX *store)
{
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	STACK_OF(X509_CRL) *lists =
		X509_STORE_CTX_get1_crls(store, X509_get_issuer_name(cert));
	int result = X509_V_ERR_UNABLE_TO_GET_CRL;

	for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
		X509_CRL *list = sk_X509_CRL_value(lists, i);
		int said = look_into(list, cert);

		if (said == X509_V_OK)
			bound_by(store, list);
		if (said == X509_V_OK || result == X509_V_ERR_UNABLE_TO_GET_CRL)
			result = said;
		if (said == X509_V_ERR_CERT_REVOKED) {
			result = said;
			break;
		}
	}
	sk_X509_CRL_pop_free(lists, X509_CRL_free);
	return result;
}

bool xs_tls_revoked_overlooks(X509_STORE_CTX *store, int *code)
{
	if (*code == X509_V_ERR_UNABLE_TO_GET_CRL && is_at_anchor(store)) {
		*code = look_up_anchor(store);
		X509_STORE_CTX_set_error(store, *code);
		if (*code == X509_V_OK)
			return true;
	}
	switch (*code) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return !needs_list(store);
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	/* What OpenSSL says where it takes the anchor for the issuer: */
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
		return is_at_anchor(store);
	default:
		return false;
	}
}

/* --- up to a root where there is one -------------------------------------- */

static int overlook(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static bool ends_with_root(X509_STORE_CTX *store)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
	int last = sk_X509_num(chain) - 1;

	return last >= 0 && last >= X509_STORE_CTX_get_num_untrusted(store) &&
	       X509_self_signed(sk_X509_value(chain, last), 0) == 1;
}

/* Only issuers are looked for: what is wrong with them is told afterwards. */
static bool can_reach_root(X509_STORE_CTX *store)
{
	X509_STORE_CTX *look = X509_STORE_CTX_new();
	bool can = false;

	if (look && X509_STORE_CTX_init(look, X509_STORE_CTX_get0_store(store),
					X509_STORE_CTX_get0_cert(store),
					X509_STORE_CTX_get0_untrusted(store))) {
		X509_VERIFY_PARAM_clear_flags(X509_STORE_CTX_get0_param(look),
					      X509_V_FLAG_PARTIAL_CHAIN);
		X509_STORE_CTX_set_verify_cb(look, overlook);
		X509_verify_cert(look);
		can = ends_with_root(look);
	}
	X509_STORE_CTX_free(look);
	ERR_clear_error();
	return can;
}

/* So that everything between the server's certificate and the root is looked
 * up, also where the rule names what is between, too. */
void xs_tls_revoked_go_up(X509_STORE_CTX *store)
{
	if (can_reach_root(store))
		X509_VERIFY_PARAM_clear_flags(X509_STORE_CTX_get0_param(store),
					      X509_V_FLAG_PARTIAL_CHAIN);
}

/* --- until when ----------------------------------------------------------- */

/* What OpenSSL itself asks of a CRL before it looks into it. */
static X509_STORE_CTX_check_crl_fn check_crl;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_check_crl(void)
{
	X509_STORE_CTX *plain = X509_STORE_CTX_new();

	if (plain && X509_STORE_CTX_init(plain, NULL, NULL, NULL))
		check_crl = X509_STORE_CTX_get_check_crl(plain);
	X509_STORE_CTX_free(plain);
}

/* Called by OpenSSL for each CRL that it is about to use: what this handshake
 * relies on ends with that, too. */
static int use_crl(X509_STORE_CTX *store, X509_CRL *crl)
{
	if (!check_crl(store, crl))
		return 0;
	bound_by(store, crl);
	return 1;
}

bool xs_tls_revoked_install(SSL_CTX *ssl)
{
	pthread_once(&once, find_check_crl);
	if (!check_crl)
		return false;
	X509_STORE_set_check_crl(SSL_CTX_get_cert_store(ssl), use_crl);
	return true;
}
