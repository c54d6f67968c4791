/* What many connections share: versions, trusted certificates, options.
 *
 * Reading a bundle of CA certificates takes longer than a handshake, so a
 * context is made once for each policy and kept.  A policy is its text: the
 * options are canonical (option.h).  The files behind it are looked at with
 * stat(2) for every connection; one that has changed makes a new context, and
 * connections under way keep the one that they began with.
 *
 * Contexts are shared by all workers, behind one lock that is taken once per
 * connect and never held while files are read.
 */
#include "tls_private.h"

#include "arena.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Contexts kept; the one not used for longest goes first. */
enum { KEPT_MAX = 64 };

/* The files that a context is made of; all are looked at for changes. */
enum {
	TRUST_FILE,
	TRUST_DIR,
	LOCAL_CERT,
	LOCAL_PK,
	REVOKED,
	OPENSSL_CONF,
	FILES
};
enum { TRUST_SOURCES = TRUST_DIR + 1 };

struct xs_tls_context {
	atomic_int refs;
	struct xs_tls_context *next; /* in the list of kept ones */
	char *key;
	struct xs_arena arena; /* of options */
	struct xs_options options;
	const struct xs_scheme *scheme;
	const char *file[FILES]; /* NULL: none */
	struct xs_tls_stamp stamp[FILES];
	int64_t looked_ms; /* when TRUST_DIR was looked through */
	char trust_text[300];
	const char *keylog; /* "": none */
	struct xs_tls_sessions *sessions;
	struct xs_tls_library *library; /* NULL: OpenSSL's own */
	SSL_CTX *ssl;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_tls_context *kept; /* the last used first */

/* More entries than this in a folder (the system's, as a rule) are looked
 * through once a second, not for every connection. */
enum { MANY_ENTRIES = 64, LOOK_MS = 1000 };

static int64_t now_in_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct xs_tls_stamp stamp_of(const struct xs_tls_context *context, int i)
{
	return i == TRUST_DIR ? xs_tls_stamp_folders(context->file[i])
			      : xs_tls_stamp(context->file[i]);
}

static bool is_fresh(struct xs_tls_context *context)
{
	int64_t now_ms = now_in_ms();

	for (int i = 0; i < FILES; i++) {
		struct xs_tls_stamp now;

		if (i == TRUST_DIR &&
		    context->stamp[i].entries > MANY_ENTRIES &&
		    now_ms - context->looked_ms < LOOK_MS)
			continue;
		now = stamp_of(context, i);
		if (!xs_tls_stamp_same(&now, &context->stamp[i]))
			return false;
		if (i == TRUST_DIR)
			context->looked_ms = now_ms;
	}
	return true;
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
	xs_tls_sessions_free(context->sessions);
	xs_tls_library_put(context->library);
	xs_arena_free(&context->arena);
	/* There may be a passphrase in it. */
	if (context->key)
		OPENSSL_cleanse(context->key, strlen(context->key));
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

/* Where trusted certificates come from: the rule's cafile and capath, else
 * what the application's environment says, else OpenSSL's own places. */
static void choose_trust(struct xs_tls_context *context,
			 const struct xs_tls_policy *policy)
{
	const struct xs_options *options = &context->options;
	const char *label[TRUST_SOURCES] = { "cafile=", "capath=" };
	const char **file = context->file;

	if (options->cafile || options->capath) {
		file[TRUST_FILE] = options->cafile;
		file[TRUST_DIR] = options->capath;
	} else {
		file[TRUST_FILE] = keep_text(context, policy->cert_file);
		file[TRUST_DIR] = keep_text(context, policy->cert_dir);
		label[TRUST_FILE] = file[TRUST_FILE] ? "SSL_CERT_FILE=" : "";
		label[TRUST_DIR] = file[TRUST_DIR] ? "SSL_CERT_DIR=" : "";
		if (!file[TRUST_FILE])
			file[TRUST_FILE] = X509_get_default_cert_file();
		if (!file[TRUST_DIR])
			file[TRUST_DIR] = X509_get_default_cert_dir();
	}
	for (int i = 0; i < TRUST_SOURCES; i++) {
		size_t used = strlen(context->trust_text);

		if (file[i])
			snprintf(context->trust_text + used,
				 sizeof(context->trust_text) - used, "%s%s%s",
				 used ? " and " : "", label[i], file[i]);
	}
}

static void choose_files(struct xs_tls_context *context,
			 const struct xs_tls_policy *policy)
{
	const struct xs_options *options = &context->options;

	choose_trust(context, policy);
	context->file[LOCAL_CERT] = options->local_cert;
	context->file[LOCAL_PK] = options->local_pk;
	context->file[REVOKED] = options->crlfile;
	context->file[OPENSSL_CONF] = keep_text(context, policy->openssl_conf);
	context->keylog = keep_text(context, policy->keylog_file);
	/* Before they are read: what changes meanwhile is seen next time. */
	for (int i = 0; i < FILES; i++)
		context->stamp[i] = stamp_of(context, i);
	context->looked_ms = now_in_ms();
}

/* The rules' files were looked at in the library; those of the environment
 * were not, and a worker must not wait for somebody to write. */
static int refuse_pipes(const struct xs_tls_context *context,
			struct xs_error *err)
{
	for (int i = 0; i < FILES; i++)
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
	xs_tls_output_key(tls_of(ssl)->context->keylog, line);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	const struct xs_tls *tls = tls_of(ssl);

	return tls->server && xs_tls_sessions_keep(tls->context->sessions,
						   tls->server, session);
}

/* Called when the server asks for a certificate and there is none. */
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

/* Renegotiation would make reading write and back, and serves nobody. */
static int set_manners(struct xs_tls_context *context)
{
	SSL_CTX *ssl = context->ssl;

	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ssl, SSL_MODE_AUTO_RETRY);
	if (!may_free_buffers()) /* OpenSSL does, after each record */
		SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_client_cert_cb(ssl, want_certificate);
	if (context->keylog)
		SSL_CTX_set_keylog_callback(ssl, log_key);
	xs_tls_verify_install(ssl);
	if (context->options.verify_peer)
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
					      &context->library, err);
	if (!context->ssl)
		return -1;
	if (set_manners(context) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "out of memory");
	if (xs_tls_setup(context->ssl, context->scheme, options, err) < 0 ||
	    xs_tls_store_client(context->ssl,
				xs_tls_library_openssl(context->library),
				options, err) < 0)
		return -1;
	if (!options->verify_peer)
		return 0;
	if (xs_tls_store_trust(context->ssl, context->file[TRUST_FILE],
			       context->file[TRUST_DIR],
			       options->cafile || options->capath, err) < 0)
		return -1;
	return xs_tls_store_revoked(context->ssl, options->crlfile, err);
}

static struct xs_tls_context *make_context(const struct xs_tls_policy *policy,
					   struct xs_error *err)
{
	struct xs_tls_context *context = calloc(1, sizeof(*context));
	size_t at;

	if (!context) {
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
		return NULL;
	}
	atomic_init(&context->refs, 1);
	context->scheme = xs_scheme_find(policy->scheme);
	if (!context->scheme || context->scheme->missing ||
	    !xs_scheme_has_tls(context->scheme)) {
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
	return context;
fail:
	xs_tls_context_put(context);
	return NULL;
}

/* The strings of a policy in one; \1 stands in none of them but by malice,
 * and then the application only meets its own other contexts. */
static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static char *make_key(const struct xs_tls_policy *policy)
{
	char *key;

	if (asprintf(&key, "%s\1%s\1%s\1%s\1%s\1%s", policy->scheme,
		     policy->options, or_empty(policy->cert_file),
		     or_empty(policy->cert_dir), or_empty(policy->keylog_file),
		     or_empty(policy->openssl_conf)) < 0)
		return NULL;
	return key;
}

struct xs_tls_context *xs_tls_context_get(const struct xs_tls_policy *policy,
					  struct xs_error *err)
{
	struct xs_tls_context *context;
	char *key = make_key(policy);

	if (!key) {
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
		return NULL;
	}
	context = find_kept(key);
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

struct xs_tls_sessions *
xs_tls_context_sessions(const struct xs_tls_context *context)
{
	return context->sessions;
}

SSL *xs_tls_context_new_ssl(struct xs_tls_context *context)
{
	return SSL_new(context->ssl);
}
