/* OpenSSL as the application's OPENSSL_CONF configures it.
 *
 * Providers and algorithms of a configuration live in an OSSL_LIB_CTX of its
 * own, one for each file (and again when it changes).  What it says about TLS
 * (MinProtocol, CipherString) does not: libssl keeps the last section that was
 * loaded in a static variable (conf_ssl.c), from which SSL_CTX_new takes it.
 * So a lock is held from loading a file until the SSL_CTX is there, and before
 * another file is loaded the variable is emptied, for it may have nothing to
 * say.  Contexts are made rarely, and nearly always with the same file.
 *
 * Engines are process-wide, too, and stay: one that is the default for random
 * numbers would make those of all programs here.  A file with engines is
 * refused before anything of it is loaded.
 */
#include "tls_private.h"

#include <errno.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct xs_tls_library {
	int refs;
	struct xs_tls_library *next;
	char *file;
	struct xs_tls_stamp stamp;
	OSSL_LIB_CTX *context;
	struct xs_tls_faster faster;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_tls_library *kept; /* those with references */
static struct xs_tls_library nobody;
/* Where OpenSSL's own file holds; it stays. */
static struct xs_tls_library own;
/* Whose section libssl has.  NULL: that of OpenSSL's own file. */
static struct xs_tls_library *told;

static const char nothing[] = "openssl_conf = init\n"
			      "[init]\nssl_conf = ssl\n"
			      "[ssl]\nsystem_default = none\n"
			      "[none]\n";

static void forget_section(void)
{
	BIO *in = BIO_new_mem_buf(nothing, -1);
	CONF *conf = NCONF_new(NULL);

	if (in && conf && NCONF_load_bio(conf, in, NULL) > 0)
		CONF_modules_load(conf, NULL, 0);
	NCONF_free(conf);
	BIO_free(in);
	ERR_clear_error();
}

/* Like module_find of OpenSSL's conf_mod.c: what is behind the last "." does
 * not count, and the beginning of a name is enough. */
static bool means_engines(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name);

	return len > 0 && strncmp("engines", name, len) == 0;
}

static bool has_engines(const CONF *conf)
{
	const char *section = NCONF_get_string(conf, NULL, "openssl_conf");
	STACK_OF(CONF_VALUE) *modules =
		section ? NCONF_get_section(conf, section) : NULL;

	for (int i = 0; i < sk_CONF_VALUE_num(modules); i++)
		if (means_engines(sk_CONF_VALUE_value(modules, i)->name))
			return true;
	return false;
}

/* What is looked at is what is loaded, and not the file once more. */
static bool load_conf(CONF *conf, const char *file, struct xs_error *err)
{
	if (NCONF_load(conf, file, NULL) <= 0)
		return false;
	if (err && has_engines(conf)) {
		xs_error_set(err, XS_ERR_RULES, 0,
			     "OPENSSL_CONF=%.200s has engines, which would be "
			     "for all programs of this relay; use providers",
			     file);
		return false;
	}
	return CONF_modules_load(conf, NULL, 0) > 0;
}

/* A file that is not there is an empty one, as for any OpenSSL client.  err is
 * NULL for OpenSSL's own file, whose engines are for all programs indeed. */
static bool load(OSSL_LIB_CTX *context, const char *file, struct xs_error *err)
{
	CONF *conf;
	bool loaded;

	forget_section();
	if (access(file, F_OK) < 0 && errno == ENOENT)
		return true;
	conf = NCONF_new_ex(context, NULL);
	loaded = conf && load_conf(conf, file, err);
	NCONF_free(conf);
	return loaded;
}

/* Makes libssl's section that of OpenSSL's own file again. */
static void tell_default(void)
{
	OSSL_LIB_CTX *scratch = OSSL_LIB_CTX_new();
	char *file = CONF_get1_default_config_file();

	if (scratch && file)
		load(scratch, file, NULL);
	ERR_clear_error();
	OPENSSL_free(file);
	OSSL_LIB_CTX_free(scratch);
	told = NULL;
}

static bool tell(struct xs_tls_library *library, struct xs_error *err)
{
	if (told == library)
		return true;
	told = &nobody;
	if (!load(library->context, library->file, err))
		return false;
	told = library;
	return true;
}

static void free_library(struct xs_tls_library *library)
{
	if (library->faster.provider)
		OSSL_PROVIDER_unload(library->faster.provider);
	OSSL_LIB_CTX_free(library->context);
	free(library->file);
	free(library);
}

void xs_tls_library_put(struct xs_tls_library *library)
{
	struct xs_tls_library **at = &kept;
	bool last;

	if (!library)
		return;
	pthread_mutex_lock(&lock);
	last = --library->refs == 0;
	if (last) {
		while (*at != library)
			at = &(*at)->next;
		*at = library->next;
		if (told == library)
			told = &nobody;
	}
	pthread_mutex_unlock(&lock);
	if (last)
		free_library(library);
}

static struct xs_tls_library *make(const char *file, struct xs_error *err)
{
	struct xs_tls_library *library = calloc(1, sizeof(*library));

	if (!library)
		return NULL;
	library->stamp = xs_tls_stamp(file);
	library->file = strdup(file);
	library->context = OSSL_LIB_CTX_new();
	if (library->file && library->context && tell(library, err)) {
		library->next = kept;
		kept = library;
		return library;
	}
	free_library(library);
	return NULL;
}

/* The one for this file as it is now, with a reference for the caller, and
 * libssl is told about it.  NULL when the file cannot be used, with *err set
 * if the reason is not in OpenSSL's queue. */
static struct xs_tls_library *find(const char *file, struct xs_error *err)
{
	struct xs_tls_stamp now = xs_tls_stamp(file);
	struct xs_tls_library *library = kept;

	while (library && (strcmp(library->file, file) != 0 ||
			   !xs_tls_stamp_same(&library->stamp, &now)))
		library = library->next;
	if (!library)
		library = make(file, err);
	else if (!tell(library, err))
		return NULL;
	if (library)
		library->refs++;
	return library;
}

static SSL_CTX *make_ssl(struct xs_tls_library *library)
{
	const char *faster =
		xs_tls_provider_offer(library->context, &library->faster);

	return SSL_CTX_new_ex(library->context, faster, TLS_client_method());
}

SSL_CTX *xs_tls_library_context(const char *file,
				struct xs_tls_library **library,
				struct xs_error *err)
{
	SSL_CTX *ssl = NULL;
	char what[300];

	*library = NULL;
	/* Otherwise SSL_CTX_new would, and load OpenSSL's own file then. */
	OPENSSL_init_ssl(0, NULL);
	ERR_clear_error();
	pthread_mutex_lock(&lock);
	if (*file)
		*library = find(file, err);
	else if (told)
		tell_default();
	if (*library || !*file)
		ssl = make_ssl(*library ? *library : &own);
	pthread_mutex_unlock(&lock);
	if (ssl)
		return ssl;
	if (*file)
		snprintf(what, sizeof(what), "cannot use OPENSSL_CONF=%.200s",
			 file);
	if (!xs_error_is_set(err))
		xs_tls_error_setup(err,
				   *file ? what : "cannot make a TLS context");
	xs_tls_library_put(*library);
	*library = NULL;
	return NULL;
}

OSSL_LIB_CTX *xs_tls_library_openssl(const struct xs_tls_library *library)
{
	return library ? library->context : NULL;
}
