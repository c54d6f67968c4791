/* What a rule with a pre-shared key offers, and what it takes.
 *
 * Nothing is offered that a server could answer with a certificate, up to TLS
 * 1.2: all ciphers are those of the key.  TLS 1.3 has no such ciphers.  There a
 * certificate may come, and is refused (tls_verify.c).
 *
 * The order is: a key exchange of its own for each connection first, so that
 * whoever gets the key later cannot read what was recorded (forward secrecy);
 * with elliptic curves (RFC 5489, RFC 7905), then finite fields (RFC 5487, RFC
 * 6655).  Then the key alone, for small servers: RFC 7252, 9.1.3.1, asks CoAP's
 * for PSK-AES128-CCM8 only.  OpenSSL has no ECDHE-PSK with AES-GCM (RFC 8442).
 * With TLS 1.3 there always is a key exchange (psk_dhe_ke).
 *
 * A key of TLS 1.3 belongs to one digest, SHA-256 if nobody says otherwise (RFC
 * 8446, 4.2.11), so suites with another one are not offered.
 *
 * The key stays as long as the context, and is overwritten then: each full
 * handshake needs it.
 *
 * Any thread: the callbacks only read.
 */
#include "relay/tls/tls_psk.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static const char default_ciphers[] =
	"ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES256-GCM-SHA384:"
	"DHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES128-GCM-SHA256:"
	"DHE-PSK-AES256-CCM:DHE-PSK-AES128-CCM:"
	"PSK-AES256-GCM-SHA384:PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256:"
	"PSK-AES256-CCM:PSK-AES128-CCM:PSK-AES256-CCM8:PSK-AES128-CCM8";

static const char default_suites[] =
	"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";

/* TLS_AES_128_GCM_SHA256: of the suites with SHA-256 any would do. */
static const unsigned char a_suite[] = { 0x13, 0x01 };

_Static_assert(XS_OPTION_IDENTITY_MAX <= PSK_MAX_IDENTITY_LEN,
	       "OpenSSL takes any psk_identity");

/* --- OpenSSL asks for it ------------------------------------------------- */

static const struct xs_psk *psk_of(const SSL *ssl)
{
	const struct xs_tls *tls = SSL_get_app_data(ssl);

	return xs_tls_context_psk(tls->context);
}

static const char *identity_of(const SSL *ssl)
{
	const struct xs_tls *tls = SSL_get_app_data(ssl);

	return xs_tls_context_options(tls->context)->psk_identity;
}

/* Up to TLS 1.2.  The session is new, and stands for the key. */
static unsigned int give_key(SSL *ssl, const char *hint, char *identity,
			     unsigned int identity_max, unsigned char *key,
			     unsigned int key_max)
{
	const struct xs_psk *psk = psk_of(ssl);
	const char *own = identity_of(ssl);

	(void)hint;
	if (strlen(own) > identity_max || psk->len > key_max)
		return 0;
	memcpy(identity, own, strlen(own) + 1);
	memcpy(key, psk->key, psk->len);
	xs_tls_bound_begin(SSL_get0_session(ssl));
	return (unsigned int)psk->len;
}

/* With TLS 1.3, where it has the form of a session. */
static int give_session(SSL *ssl, const EVP_MD *digest,
			const unsigned char **identity, size_t *identity_len,
			SSL_SESSION **session)
{
	const struct xs_psk *psk = psk_of(ssl);
	SSL_SESSION *own = SSL_SESSION_new();

	(void)digest; /* none but SHA-256 is offered */
	if (!own || !SSL_SESSION_set1_master_key(own, psk->key, psk->len) ||
	    !SSL_SESSION_set_cipher(own, SSL_CIPHER_find(ssl, a_suite)) ||
	    !SSL_SESSION_set_protocol_version(own, TLS1_3_VERSION)) {
		SSL_SESSION_free(own);
		return 0;
	}
	xs_tls_bound_begin(own);
	*identity = (const unsigned char *)identity_of(ssl);
	*identity_len = strlen(identity_of(ssl));
	*session = own;
	return 1;
}

/* --- what is offered ----------------------------------------------------- */

static int refuse_cipher(struct xs_error *err, const SSL_CIPHER *cipher,
			 const char *option, const char *reason)
{
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "option %s cannot be used: %s %s", option,
			    SSL_CIPHER_get_name(cipher), reason);
}

static bool is_suite(const SSL_CIPHER *cipher)
{
	return SSL_CIPHER_get_auth_nid(cipher) == NID_auth_any;
}

static int judge_cipher(const SSL_CIPHER *cipher, struct xs_error *err)
{
	const EVP_MD *digest;

	if (is_suite(cipher)) {
		digest = SSL_CIPHER_get_handshake_digest(cipher);
		if (digest && EVP_MD_get_type(digest) == NID_sha256)
			return 0;
		return refuse_cipher(err, cipher, "ciphersuites",
				     "has not the digest of pre-shared keys, "
				     "SHA-256");
	}
	if (SSL_CIPHER_get_auth_nid(cipher) == NID_auth_psk)
		return 0;
	return refuse_cipher(err, cipher, "ciphers",
			     "is not for pre-shared keys (a list of such is "
			     "PSK)");
}

static int refuse_all(struct xs_error *err)
{
	ERR_clear_error();
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "option psk_file cannot be used: no cipher for "
			    "pre-shared keys is left (see ciphers, "
			    "security_level and the versions)");
}

/* Those that the versions and the security level allow. */
static int judge_ciphers(SSL_CTX *context, struct xs_error *err)
{
	SSL *ssl = SSL_new(context);
	STACK_OF(SSL_CIPHER) *all =
		ssl ? SSL_get1_supported_ciphers(ssl) : NULL;
	int result = 0;

	if (sk_SSL_CIPHER_num(all) < 1)
		result = refuse_all(err);
	for (int i = 0; i < sk_SSL_CIPHER_num(all) && result == 0; i++)
		result = judge_cipher(sk_SSL_CIPHER_value(all, i), err);
	sk_SSL_CIPHER_free(all);
	SSL_free(ssl);
	ERR_clear_error();
	return result;
}

/* "PSK" in a rule's list means all that have to do with keys: also those that
 * need a certificate, too, and those that do not encrypt. */
static bool set_ciphers(SSL_CTX *ssl, const struct xs_options *options)
{
	char list[XS_OPTION_TEXT_MAX + 32];

	snprintf(list, sizeof(list), "%s:!kRSAPSK:!eNULL",
		 options->ciphers ? options->ciphers : default_ciphers);
	return SSL_CTX_set_cipher_list(ssl, list) &&
	       (options->ciphersuites ||
		SSL_CTX_set_ciphersuites(ssl, default_suites));
}

static int offer(SSL_CTX *ssl, const struct xs_options *options,
		 struct xs_error *err)
{
	if (!set_ciphers(ssl, options))
		return refuse_all(err);
	SSL_CTX_set_psk_client_callback(ssl, give_key);
	SSL_CTX_set_psk_use_session_callback(ssl, give_session);
	return judge_ciphers(ssl, err);
}

/* RFC 9257, 6, asks for 128 bits, and a high level for more.  Whoever meets us
 * can try out a short one: what the handshake shows is enough for that. */
static int judge_length(SSL_CTX *ssl, const struct xs_psk *psk,
			const struct xs_options *options, struct xs_error *err)
{
	static const size_t least[] = { 0, 128, 128, 128, 192, 256 };
	int level = SSL_CTX_get_security_level(ssl);
	size_t bits = 8 * psk->len;

	if (level < 0 || level > 5 || bits >= least[level])
		return 0;
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "psk_file=%.200s cannot be used: the key of "
			    "\"%.100s\" has %zu bits, and must have %zu "
			    "(\"psktool -u NAME -p FILE\" makes a good one; "
			    "security_level=0 in the rule takes any)",
			    options->psk_file, psk->shown, bits, least[level]);
}

/* --- its life ------------------------------------------------------------ */

static void show(struct xs_psk *psk, const char *identity)
{
	struct xs_tls_text shown = { psk->shown, sizeof(psk->shown) };

	xs_tls_add_foreign(&shown, identity, strlen(identity),
			   XS_OPTION_IDENTITY_MAX);
	snprintf(psk->verified, sizeof(psk->verified), "psk:%s", psk->shown);
}

int xs_psk_use(SSL_CTX *ssl, const struct xs_options *options,
	       struct xs_psk **psk, struct xs_error *err)
{
	if (!options->psk_file)
		return 0;
	/* The library has looked, but anybody can write to the relay. */
	if (!options->psk_identity)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "option psk_file needs whose key in it is "
				    "meant: psk_identity=NAME");
	*psk = OPENSSL_zalloc(sizeof(**psk));
	if (!*psk)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "out of memory");
	show(*psk, options->psk_identity);
	if (xs_psk_file_read(options, *psk, err) < 0 ||
	    judge_length(ssl, *psk, options, err) < 0)
		return -1;
	return offer(ssl, options, err);
}

void xs_psk_free(struct xs_psk *psk)
{
	OPENSSL_clear_free(psk, sizeof(*psk));
}

/* --- what is taken ------------------------------------------------------- */

static bool is_tls_13(const SSL *ssl)
{
	return SSL_version(ssl) == TLS1_3_VERSION;
}

/* With TLS 1.3 the key, and a ticket of a connection with the key, are both
 * sessions. */
static bool is_proven(const SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

	if (SSL_get0_peer_certificate(ssl) || !cipher)
		return false;
	return is_tls_13(ssl) ? SSL_session_reused(ssl)
			      : SSL_CIPHER_get_auth_nid(cipher) == NID_auth_psk;
}

int xs_psk_finish(const struct xs_tls *tls, struct xs_error *err)
{
	if (is_proven(tls->ssl))
		return 0;
	return xs_psk_refuse_certificate(tls, err);
}

int xs_psk_refuse_certificate(const struct xs_tls *tls, struct xs_error *err)
{
	return xs_error_set(
		err, XS_ERR_CERTIFICATE, 0,
		"the server came with a certificate, and not with the "
		"pre-shared key of \"%.100s\" (does it know that identity%s?)",
		xs_tls_context_psk(tls->context)->shown,
		is_tls_13(tls->ssl)
			? ", and keys with TLS 1.3? max_version=1.2 in the "
			  "rule leaves that out"
			: "");
}

bool xs_tls_resumed(const struct xs_tls *tls)
{
	if (!SSL_session_reused(tls->ssl))
		return false;
	return !xs_tls_context_psk(tls->context) || !is_tls_13(tls->ssl) ||
	       SSL_SESSION_has_ticket(SSL_get0_session(tls->ssl));
}
