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
#include "scheme.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Contexts kept; the one not used for longest goes first. */
enum { KEPT_MAX = 64 };

/* Files and folders that certificates come from. */
enum { TRUST_FILE, TRUST_DIR, TRUST_SOURCES };

struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct xs_tls_context {
	atomic_int refs;
	struct xs_tls_context *next; /* in the list of kept ones */
	char *key;
	struct xs_arena arena; /* of options */
	struct xs_options options;
	const struct xs_scheme *scheme;
	const char *trust[TRUST_SOURCES]; /* NULL: none */
	struct stamp stamp[TRUST_SOURCES];
	char trust_text[300];
	SSL_CTX *ssl;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_tls_context *kept; /* the last used first */

/* Zeroes for what does not exist: its appearance is a change, too. */
static struct stamp take_stamp(const char *path)
{
	struct stamp stamp = { 0 };
	struct stat now;

	if (path && stat(path, &now) == 0) {
		stamp.device = now.st_dev;
		stamp.inode = now.st_ino;
		stamp.size = now.st_size;
		stamp.changed = now.st_mtim;
	}
	return stamp;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool is_fresh(const struct xs_tls_context *context)
{
	for (int i = 0; i < TRUST_SOURCES; i++) {
		struct stamp now = take_stamp(context->trust[i]);

		if (!same_stamp(&now, &context->stamp[i]))
			return false;
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
	while (kept) {
		struct xs_tls_context *context = kept;

		kept = context->next;
		xs_tls_context_put(context);
	}
}

/* Where trusted certificates come from: the rule's cafile and capath, else
 * what the application's environment says, else OpenSSL's own places. */
static int choose_trust(struct xs_tls_context *context,
			const struct xs_tls_policy *policy)
{
	const struct xs_options *options = &context->options;
	const char *file = policy->cert_file, *dir = policy->cert_dir;
	const char *label[TRUST_SOURCES] = { "cafile=", "capath=" };

	if (options->cafile || options->capath) {
		context->trust[TRUST_FILE] = options->cafile;
		context->trust[TRUST_DIR] = options->capath;
	} else {
		label[TRUST_FILE] = *file ? "SSL_CERT_FILE=" : "";
		label[TRUST_DIR] = *dir ? "SSL_CERT_DIR=" : "";
		context->trust[TRUST_FILE] =
			xs_arena_copy(&context->arena, file, strlen(file));
		context->trust[TRUST_DIR] =
			xs_arena_copy(&context->arena, dir, strlen(dir));
		if (!context->trust[TRUST_FILE] || !context->trust[TRUST_DIR])
			return -1;
		if (!*file)
			context->trust[TRUST_FILE] =
				X509_get_default_cert_file();
		if (!*dir)
			context->trust[TRUST_DIR] = X509_get_default_cert_dir();
	}
	for (int i = 0; i < TRUST_SOURCES; i++) {
		const char *path = context->trust[i];
		size_t used = strlen(context->trust_text);

		if (path)
			snprintf(context->trust_text + used,
				 sizeof(context->trust_text) - used, "%s%s%s",
				 used ? " and " : "", label[i], path);
		context->stamp[i] = take_stamp(path);
	}
	return 0;
}

/* A file that the rule names must be readable; one that the environment or
 * OpenSSL names may be missing, as for any other OpenSSL client. */
static int load_trust(struct xs_tls_context *context, struct xs_error *err)
{
	const char *file = context->trust[TRUST_FILE];
	const char *dir = context->trust[TRUST_DIR];
	bool ours = context->options.cafile || context->options.capath;
	char what[300];

	if (file && !SSL_CTX_load_verify_file(context->ssl, file) && ours) {
		snprintf(what, sizeof(what), "cannot read cafile=%s", file);
		xs_tls_error_setup(err, what);
		return -1;
	}
	if (dir && !SSL_CTX_load_verify_dir(context->ssl, dir) && ours) {
		snprintf(what, sizeof(what), "cannot read capath=%s", dir);
		xs_tls_error_setup(err, what);
		return -1;
	}
	return 0;
}

static int set_version(struct xs_tls_context *context, struct xs_error *err)
{
	int version = context->scheme->tls_version;
	char what[100];

	if (!version)
		return 0;
	if (SSL_CTX_set_min_proto_version(context->ssl, version) &&
	    SSL_CTX_set_max_proto_version(context->ssl, version))
		return 0;
	snprintf(what, sizeof(what), "this libssl does not have %s",
		 context->scheme->name);
	xs_tls_error_setup(err, what);
	return -1;
}

/* Renegotiation would make reading write and back, and serves nobody;
 * buffers are given back because most connections are idle most of the time. */
static int make_ssl(struct xs_tls_context *context, struct xs_error *err)
{
	ERR_clear_error();
	context->ssl = SSL_CTX_new(TLS_client_method());
	if (!context->ssl) {
		xs_tls_error_setup(err, "cannot make a TLS context");
		return -1;
	}
	SSL_CTX_set_options(context->ssl,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context->ssl,
			 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
	if (set_version(context, err) < 0)
		return -1;
	if (!context->options.verify_peer)
		return 0;
	return load_trust(context, err);
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
	    context->scheme->kind != XS_SCHEME_TLS) {
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
	if (choose_trust(context, policy) < 0) {
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
		goto fail;
	}
	if (make_ssl(context, err) < 0)
		goto fail;
	return context;
fail:
	xs_tls_context_put(context);
	return NULL;
}

/* The strings of a policy in one; \1 stands in none of them but by malice,
 * and then the application only meets its own other contexts. */
static char *make_key(const struct xs_tls_policy *policy)
{
	char *key;

	if (asprintf(&key, "%s\1%s\1%s\1%s", policy->scheme, policy->options,
		     policy->cert_file, policy->cert_dir) < 0)
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

SSL *xs_tls_context_new_ssl(struct xs_tls_context *context)
{
	return SSL_new(context->ssl);
}
