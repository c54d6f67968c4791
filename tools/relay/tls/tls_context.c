/* What many connections share: versions, trusted certificates, options.
 *
 * Reading a bundle of CA certificates takes longer than a handshake, so a
 * context is made once for each policy and kept.  A policy is its text: the
 * options are canonical (option.h).  The files behind it are looked at with
 * stat(2) for every connection; one that has changed makes a new context, and
 * connections under way keep the one that they began with.
 *
 * A worker looks at files only where that cannot wait (tls_local.c).  All else
 * is the work of other threads, which say what they wait for (tls_reading.c).
 * That goes for files that are written during a handshake, too: a key log on a
 * dead file system is met before.
 *
 * Contexts are shared by all threads, behind one lock that is taken once per
 * connect and never held while files are read.
 */
#include "relay/tls/tls_psk.h"

#include "base/arena.h"
#include "base/clock.h"
#include "relay/base/forget.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Contexts kept; the one not used for longest goes first. */
enum { KEPT_MAX = 64 };

/* The files that a context is made of, all of which are looked at for changes;
 * and those that are written. */
enum {
	TRUST_FILE,
	TRUST_DIR,
	LOCAL_CERT,
	LOCAL_PK,
	PSK_FILE,
	REVOKED,
	OPENSSL_CONF,
	READ_FILES,
	KEY_LOG = READ_FILES,
	CHAIN,
	FILES
};

struct xs_tls_context {
	atomic_int refs;
	struct xs_tls_context *next; /* in the list of kept ones */
	char *key;
	struct xs_arena arena; /* of options */
	struct xs_options options;
	const struct xs_scheme *scheme;
	const char *file[FILES]; /* NULL: none */
	struct xs_tls_stamp stamp[READ_FILES];
	atomic_llong looked_ms; /* when TRUST_DIR was looked through */
	atomic_bool spoiled;	/* memory was short: tls_memory.c */
	bool may_wait;		/* to look at one of the files may take long */
	struct xs_tls_trust trust;
	char trust_text[512];
	struct xs_tls_sessions *sessions;
	struct xs_tls_shared *shared;
	struct xs_tls_library *library; /* NULL: OpenSSL's own */
	struct xs_psk *psk;		/* NULL: there are certificates */
	SSL_CTX *ssl;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_tls_context *kept; /* the last used first */

/* More entries than this in a folder (the system's, as a rule) are looked
 * through once a second, not for every connection. */
enum { MANY_ENTRIES = 64, LOOK_MS = 1000 };

static struct xs_tls_stamp stamp_of(const struct xs_tls_context *context, int i)
{
	return i == TRUST_DIR ? xs_tls_stamp_folders(context->file[i])
			      : xs_tls_stamp(context->file[i]);
}

/* Do the file systems of what is written answer? */
static void look_at_outputs(const struct xs_tls_context *context)
{
	for (int i = READ_FILES; i < FILES; i++)
		xs_tls_stamp(context->file[i]);
}

static bool is_fresh(struct xs_tls_context *context)
{
	int64_t now_ms = xs_clock_coarse_ms();

	if (atomic_load(&context->spoiled))
		return false;
	for (int i = 0; i < READ_FILES; i++) {
		struct xs_tls_stamp now;

		if (i == TRUST_DIR &&
		    context->stamp[i].entries > MANY_ENTRIES &&
		    now_ms - atomic_load(&context->looked_ms) < LOOK_MS)
			continue;
		now = stamp_of(context, i);
		if (!xs_tls_stamp_same(&now, &context->stamp[i]))
			return false;
		if (i == TRUST_DIR)
			atomic_store(&context->looked_ms, now_ms);
	}
	return true;
}

void xs_tls_context_spoil(struct xs_tls_context *context)
{
	atomic_store(&context->spoiled, true);
}

void xs_tls_context_keep(struct xs_tls_context *context)
{
	atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
}

void xs_tls_context_put(struct xs_tls_context *context)
{
	if (!context || atomic_fetch_sub(&context->refs, 1) != 1)
		return;
	SSL_CTX_free(context->ssl);
	xs_psk_free(context->psk);
	xs_tls_sessions_free(context->sessions);
	xs_tls_shared_free(context->shared);
	xs_tls_library_put(context->library);
	xs_arena_free(&context->arena);
	free(context->key);
	free(context);
}

/* Takes the context with this key out of the list; NULL: there is none. */
static struct xs_tls_context *unlink_key(const char *key)
{
	for (struct xs_tls_context **at = &kept; *at; at = &(*at)->next) {
		struct xs_tls_context *context = *at;

		if (strcmp(context->key, key) == 0) {
			*at = context->next;
			return context;
		}
	}
	return NULL;
}

/* The kept context with this key, moved to the front, with a reference for
 * the caller. */
static struct xs_tls_context *find_kept(const char *key)
{
	struct xs_tls_context *context;

	pthread_mutex_lock(&lock);
	context = unlink_key(key);
	if (context) {
		context->next = kept;
		kept = context;
		xs_tls_context_keep(context);
	}
	pthread_mutex_unlock(&lock);
	return context;
}

/* Keeps context in place of an older one with its key; the list takes a
 * reference of its own. */
static void keep_in_list(struct xs_tls_context *context)
{
	struct xs_tls_context *older, **at, *last = NULL;
	int count = 0;

	xs_tls_context_keep(context);
	pthread_mutex_lock(&lock);
	older = unlink_key(context->key);
	context->next = kept;
	kept = context;
	for (at = &kept; *at; at = &(*at)->next)
		if (++count > KEPT_MAX) {
			last = *at;
			*at = NULL;
			break;
		}
	pthread_mutex_unlock(&lock);
	xs_tls_context_put(older);
	xs_tls_context_put(last);
}

void xs_tls_context_forget(void)
{
	xs_tls_spare_forget();
	while (kept) {
		struct xs_tls_context *context = kept;

		kept = context->next;
		xs_tls_context_put(context);
	}
}

/* A copy that lives as long as the context; NULL for "" and NULL. */
static const char *keep_text(struct xs_tls_context *context, const char *text)
{
	return text && *text
		       ? xs_arena_copy(&context->arena, text, strlen(text))
		       : NULL;
}

static void name_trust(struct xs_tls_context *context, const char *by,
		       const char *where)
{
	size_t used = strlen(context->trust_text);

	if (where)
		snprintf(context->trust_text + used,
			 sizeof(context->trust_text) - used, "%s%s%s%s",
			 used ? " and " : "", by ? by : "", by ? "=" : "",
			 where);
}

/* Of what is trusted, something could not be used. */
static void name_skipped(struct xs_tls_context *context)
{
	size_t used = strlen(context->trust_text);

	if (*context->trust.skipped)
		snprintf(context->trust_text + used,
			 sizeof(context->trust_text) - used, " (left out: %s)",
			 context->trust.skipped);
}

/* Where trusted certificates come from: the rule's cafile and capath, else
 * what the application's environment says, else OpenSSL's own places. */
static void choose_trust(struct xs_tls_context *context,
			 const struct xs_tls_policy *policy)
{
	const struct xs_options *options = &context->options;
	struct xs_tls_trust *trust = &context->trust;

	if (options->cafile || options->capath) {
		trust->file = options->cafile;
		trust->file_by = trust->file ? "cafile" : NULL;
		trust->folder = options->capath;
		trust->folder_by = trust->folder ? "capath" : NULL;
	} else {
		trust->file = keep_text(context, policy->cert_file);
		trust->file_by = trust->file ? "SSL_CERT_FILE" : NULL;
		trust->folder = keep_text(context, policy->cert_dir);
		trust->folder_by = trust->folder ? "SSL_CERT_DIR" : NULL;
		if (!trust->file)
			trust->file = X509_get_default_cert_file();
		if (!trust->folder)
			trust->folder = X509_get_default_cert_dir();
	}
	name_trust(context, trust->file_by, trust->file);
	name_trust(context, trust->folder_by, trust->folder);
	context->file[TRUST_FILE] = trust->file;
	context->file[TRUST_DIR] = trust->folder;
}

static bool may_wait(const struct xs_tls_context *context)
{
	for (int i = 0; i < FILES; i++) {
		if (!context->file[i])
			continue;
		if (i == TRUST_DIR ? context->stamp[i].elsewhere
				   : !xs_tls_is_local(context->file[i]))
			return true;
	}
	return false;
}

static void choose_files(struct xs_tls_context *context,
			 const struct xs_tls_policy *policy)
{
	const struct xs_options *options = &context->options;

	if (!options->psk_file)
		choose_trust(context, policy);
	context->file[LOCAL_CERT] = options->local_cert;
	context->file[LOCAL_PK] = options->local_pk;
	context->file[PSK_FILE] = options->psk_file;
	context->file[REVOKED] = options->crlfile;
	context->file[OPENSSL_CONF] = keep_text(context, policy->openssl_conf);
	context->file[KEY_LOG] = keep_text(context, policy->keylog_file);
	context->file[CHAIN] = options->capture_peer_cert_chain;
	look_at_outputs(context);
	/* Before they are read: what changes meanwhile is seen next time. */
	for (int i = 0; i < READ_FILES; i++)
		context->stamp[i] = stamp_of(context, i);
	atomic_store(&context->looked_ms, xs_clock_coarse_ms());
	context->may_wait = may_wait(context);
}

/* The rules' files were looked at in the library; those of the environment
 * were not, and nobody must wait for somebody to write. */
static int refuse_pipes(const struct xs_tls_context *context,
			struct xs_error *err)
{
	for (int i = 0; i < READ_FILES; i++)
		if (context->stamp[i].waits)
			return xs_error_set(err, XS_ERR_RULES, 0,
					    "%.300s is a pipe, not a file",
					    context->file[i]);
	return 0;
}

static struct xs_tls *tls_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

static void log_key(const SSL *ssl, const char *line)
{
	xs_tls_output_key(tls_of(ssl)->context->file[KEY_LOG], line);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	const struct xs_tls *tls = tls_of(ssl);

	return tls->server && xs_tls_sessions_keep(tls->context->sessions,
						   tls->server, session);
}

/* Called when the server asks for a certificate, and there is none or its key
 * makes no signature that the server takes. */
static int want_certificate(SSL *ssl, X509 **cert, EVP_PKEY **key)
{
	(void)cert;
	(void)key;
	tls_of(ssl)->wants_certificate = true;
	return 0;
}

/* A resumed connection sees no certificate: there is none to capture, or to
 * say of that it is self-signed. */
static int set_sessions(struct xs_tls_context *context)
{
	SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
	if (!context->options.session_reuse ||
	    context->options.allow_self_signed ||
	    context->options.capture_peer_cert_chain)
		return 0;
	context->sessions = xs_tls_sessions_make();
	if (!context->sessions)
		return -1;
	SSL_CTX_set_session_cache_mode(context->ssl,
				       SSL_SESS_CACHE_CLIENT |
					       SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context->ssl, keep_session);
	return 0;
}

/* Is a buffer that still waits for the rest of a record left alone?  Older ones
 * free it when just the five bytes of the head are there (CVE-2024-4741). */
static bool may_free_buffers(void)
{
	static const unsigned mended[] = { 14, 6, 2, 1 }; /* 3.0.14, 3.1.6 … */
	unsigned minor = OPENSSL_version_minor();

	return OPENSSL_version_major() > 3 ||
	       minor >= sizeof(mended) / sizeof(*mended) ||
	       OPENSSL_version_patch() >= mended[minor];
}

/* The server hears a warning that it gets no renegotiation, and mostly gives
 * up: then this is why. */
static void note_refusal(const SSL *ssl, int where, int alert)
{
	if (where & SSL_CB_WRITE_ALERT &&
	    (alert & 0xff) == SSL_AD_NO_RENEGOTIATION)
		tls_of(ssl)->wants_renegotiation = true;
}

/* A client certificate that a server asks for later: with TLS 1.3 by a message
 * of its own, which is offered where there is a certificate; up to TLS 1.2 by a
 * renegotiation, which can also change who the server is, so it must be asked
 * for. */
static void set_later_handshakes(const struct xs_tls_context *context)
{
	SSL_CTX *ssl = context->ssl;

	if (context->options.local_cert)
		SSL_CTX_set_post_handshake_auth(ssl, 1);
	if (context->options.renegotiation)
		return;
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_info_callback(ssl, note_refusal);
}

static int set_manners(struct xs_tls_context *context)
{
	SSL_CTX *ssl = context->ssl;

	set_later_handshakes(context);
	if (context->scheme->kind == XS_SCHEME_DTLS)
		xs_dtls_install(ssl);
	else
		xs_tls_cost_install(ssl);
	SSL_CTX_set_mode(ssl, SSL_MODE_AUTO_RETRY);
	if (!may_free_buffers()) /* OpenSSL does, after each record */
		SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_client_cert_cb(ssl, want_certificate);
	if (context->file[KEY_LOG])
		SSL_CTX_set_keylog_callback(ssl, log_key);
	context->shared = xs_tls_shared_make();
	if (!context->shared || !xs_tls_verify_install(ssl))
		return -1;
	if (context->options.verify_peer && !context->options.psk_file)
		xs_tls_ocsp_setup(ssl);
	return set_sessions(context);
}

static int make_ssl(struct xs_tls_context *context, struct xs_error *err)
{
	const struct xs_options *options = &context->options;
	const char *conf = context->file[OPENSSL_CONF];

	if (refuse_pipes(context, err) < 0)
		return -1;
	context->ssl = xs_tls_library_context(conf ? conf : "",
					      xs_tls_method(context->scheme),
					      &context->library, err);
	if (!context->ssl)
		return -1;
	if (set_manners(context) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "out of memory");
	if (xs_tls_setup(context->ssl, context->scheme, options, err) < 0 ||
	    xs_tls_identity_use(context->ssl,
				xs_tls_library_stores(context->library), conf,
				options, err) < 0 ||
	    xs_psk_use(context->ssl, options, &context->psk, err) < 0)
		return -1;
	if (!options->verify_peer || options->psk_file)
		return 0;
	if (xs_tls_store_trust(context->ssl, context->library, &context->trust,
			       err) < 0)
		return -1;
	name_skipped(context);
	return xs_tls_store_revoked(context->ssl, options->crlfile, err);
}

/* Once it has opened the key, nobody needs it. */
static void forget_passphrase(struct xs_tls_context *context)
{
	char *passphrase = (char *)context->options.passphrase;

	context->options.passphrase = NULL;
	if (passphrase)
		xs_forget(passphrase, strlen(passphrase));
}

static struct xs_tls_context *make_context(const struct xs_tls_policy *policy,
					   struct xs_error *err)
{
	struct xs_tls_context *context = calloc(1, sizeof(*context));
	unsigned failures = xs_tls_memory_failures();
	size_t at;

	if (!context) {
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
		return NULL;
	}
	atomic_init(&context->refs, 1);
	context->scheme = xs_scheme_find(policy->scheme);
	if (!context->scheme || context->scheme->missing ||
	    !xs_tls_method(context->scheme)) {
		xs_error_set(err, XS_ERR_RULES, 0,
			     "the relay cannot speak \"%.32s\"",
			     policy->scheme);
		goto fail;
	}
	xs_options_default(&context->options);
	if (xs_options_parse(&context->options, policy->options,
			     strlen(policy->options), NULL, false,
			     &context->arena, &at, err) < 0)
		goto fail;
	choose_files(context, policy);
	if (make_ssl(context, err) < 0)
		goto fail;
	if (xs_tls_memory_failures() != failures) {
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
		goto fail;
	}
	forget_passphrase(context);
	return context;
fail:
	forget_passphrase(context);
	xs_tls_context_put(context);
	return NULL;
}

/* \1 stands in no string of a policy but by malice, and then the application
 * only meets its own other contexts. */
static bool digest_policy(const struct xs_tls_policy *policy,
			  unsigned char digest[EVP_MAX_MD_SIZE],
			  unsigned int *len)
{
	const char *const parts[] = {
		policy->scheme,	  policy->options,     policy->cert_file,
		policy->cert_dir, policy->keylog_file, policy->openssl_conf
	};
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestInit(context, EVP_sha256()) == 1;

	for (size_t i = 0; good && i < sizeof(parts) / sizeof(*parts); i++) {
		const char *part = parts[i] ? parts[i] : "";

		good = EVP_DigestUpdate(context, part, strlen(part)) == 1 &&
		       EVP_DigestUpdate(context, "\1", 1) == 1;
	}
	good = good && EVP_DigestFinal_ex(context, digest, len) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

/* Contexts are kept for long: their passphrases are not.  So the key is the
 * digest of a policy, in hexadecimal, and what is digested is nowhere put
 * together: memory that grows leaves copies behind. */
char *xs_tls_context_key(const struct xs_tls_policy *policy)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char *key = NULL;

	if (digest_policy(policy, digest, &len))
		key = calloc(2, len + 1);
	for (unsigned int i = 0; key && i < len; i++)
		snprintf(key + 2 * (size_t)i, 3, "%02x", digest[i]);
	return key;
}

struct xs_tls_context *xs_tls_context_find(const struct xs_tls_policy *policy)
{
	char *key = xs_tls_context_key(policy);
	struct xs_tls_context *context = key ? find_kept(key) : NULL;

	free(key);
	if (context && !context->may_wait && is_fresh(context))
		return context;
	xs_tls_context_put(context);
	return NULL;
}

struct xs_tls_context *xs_tls_context_get(const struct xs_tls_policy *policy,
					  struct xs_error *err)
{
	struct xs_tls_context *context;
	char *key = xs_tls_context_key(policy);

	if (!key) {
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
		return NULL;
	}
	context = find_kept(key);
	if (context && context->may_wait)
		look_at_outputs(context);
	if (context && is_fresh(context)) {
		free(key);
		return context;
	}
	xs_tls_context_put(context);
	context = make_context(policy, err);
	if (!context) {
		free(key);
		return NULL;
	}
	context->key = key;
	keep_in_list(context);
	return context;
}

const struct xs_options *
xs_tls_context_options(const struct xs_tls_context *context)
{
	return &context->options;
}

const char *xs_tls_context_trust(const struct xs_tls_context *context)
{
	return context->trust_text;
}

const struct xs_psk *xs_tls_context_psk(const struct xs_tls_context *context)
{
	return context->psk;
}

struct xs_tls_sessions *
xs_tls_context_sessions(const struct xs_tls_context *context)
{
	return context->sessions;
}

struct xs_tls_shared *
xs_tls_context_shared(const struct xs_tls_context *context)
{
	return context->shared;
}

SSL *xs_tls_context_new_ssl(struct xs_tls_context *context)
{
	return SSL_new(context->ssl);
}
