/* OpenSSL as the application's OPENSSL_CONF configures it.
 *
 * Providers and algorithms of a configuration live in an OSSL_LIB_CTX of its
 * own, one for each file (and again when it changes).  What it says about TLS
 * (MinProtocol, CipherString) does not: libssl keeps the last section that was
 * loaded in a static variable (conf_ssl.c), from which SSL_CTX_new takes it.
 * So a lock is held from loading a file until the SSL_CTX is there, and before
 * another file is loaded the variable is emptied, for it may have nothing to
 * say.  Contexts are made rarely, and nearly always with the same file.  What
 * is shared without making one is behind a lock of its own, which is never held
 * while files are read.
 *
 * Engines are process-wide, too, and stay: one that is the default for random
 * numbers would make those of all programs here.  A file with engines is
 * refused before anything of it is loaded.
 *
 * A provider with a store of keys (pkcs11, tpm2) is for these keys only, and
 * has a second OSSL_LIB_CTX for itself.  In one with OpenSSL's own provider it
 * would also get the signatures of servers to verify: OpenSSL remembers which
 * provider it has taken for a query, and a key that has signed changes that for
 * all others who ask the same (property.c of 3.0 to 3.5).  A token wants to be
 * logged in for that, and the server would be blamed.
 */
#include "relay/tls/tls_private.h"

#include <errno.h>
#include <openssl/conf.h>
#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct xs_tls_library {
	int refs;
	struct xs_tls_library *next;
	char *file;
	struct xs_tls_stamp stamp;
	bool is_own; /* it is the file that OpenSSL has by itself */
	OSSL_LIB_CTX *with_stores; /* all that the file says */
	OSSL_LIB_CTX *context;	   /* the same without providers of keys; it is
				      with_stores where there are none */
	struct xs_tls_faster faster;
};

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
/* Of references, kept and told; taken with loading held, or without. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xs_tls_library *kept; /* those with references */
static struct xs_tls_library nobody;
/* Where OpenSSL's own file holds; it stays. */
static struct xs_tls_library own;
/* Whose section libssl has.  NULL: that of OpenSSL's own file. */
static struct xs_tls_library *told;

static atomic_bool one_is_gone;

static void set_told(struct xs_tls_library *library)
{
	pthread_mutex_lock(&lock);
	told = library;
	pthread_mutex_unlock(&lock);
}

static bool is_told(const struct xs_tls_library *library)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = told == library;
	pthread_mutex_unlock(&lock);
	return is;
}

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

/* --- providers of keys ---------------------------------------------------- */

/* OpenSSL's own have a store, too, which is that of files. */
static bool has_store(const OSSL_PROVIDER *provider)
{
	static const char *const own_ones[] = { "default", "base", "fips",
						"legacy", "null" };
	const OSSL_ALGORITHM *stores;
	int no_cache;

	for (size_t i = 0; i < sizeof(own_ones) / sizeof(*own_ones); i++)
		if (strcmp(OSSL_PROVIDER_get0_name(provider), own_ones[i]) == 0)
			return false;
	stores = OSSL_PROVIDER_query_operation(provider, OSSL_OP_STORE,
					       &no_cache);
	OSSL_PROVIDER_unquery_operation(provider, OSSL_OP_STORE, stores);
	return stores && stores->algorithm_names;
}

/* name: of the only one to be looked at; NULL: any. */
struct search {
	const char *name;
	bool found;
};

static int look_for_store(OSSL_PROVIDER *provider, void *data)
{
	struct search *search = data;

	if (!search->name ||
	    strcmp(OSSL_PROVIDER_get0_name(provider), search->name) == 0)
		search->found = search->found || has_store(provider);
	return 1;
}

static bool finds_store(OSSL_LIB_CTX *context, const char *name)
{
	struct search search = { name, false };

	OSSL_PROVIDER_do_all(context, look_for_store, &search);
	ERR_clear_error();
	return search.found;
}

/* The name that a provider gets by a line of the configuration, as in
 * OpenSSL's provider_conf.c. */
static const char *provider_name(const CONF *conf, const CONF_VALUE *line)
{
	const char *identity = NCONF_get_string(conf, line->value, "identity");
	const char *dot = strchr(line->name, '.');

	return identity ? identity : dot ? dot + 1 : line->name;
}

/* Takes the line out of lines: into its own section, which nobody reads then,
 * because what is in no section is not freed.  False: no memory. */
static bool put_aside(CONF *conf, STACK_OF(CONF_VALUE) * lines, int i)
{
	CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);
	STACK_OF(CONF_VALUE) *aside = NCONF_get_section(conf, line->value);

	if (!aside || aside == lines || !sk_CONF_VALUE_push(aside, line))
		return false;
	sk_CONF_VALUE_delete(lines, i);
	return true;
}

/* Puts the lines of providers that have a store in with_stores aside, so that
 * these are not loaded.  False: no memory. */
static bool leave_out(CONF *conf, OSSL_LIB_CTX *with_stores)
{
	const char *section = NCONF_get_string(conf, NULL, "openssl_conf");
	STACK_OF(CONF_VALUE) *lines = NULL;

	if (section)
		section = NCONF_get_string(conf, section, "providers");
	if (section)
		lines = NCONF_get_section(conf, section);
	for (int i = sk_CONF_VALUE_num(lines) - 1; i >= 0; i--) {
		const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);

		if (finds_store(with_stores, provider_name(conf, line)) &&
		    !put_aside(conf, lines, i))
			return false;
	}
	return true;
}

/* --- loading -------------------------------------------------------------- */

/* A module is code, which would run in the relay beside the secrets of all its
 * programs.  OpenSSL looks for one without a folder in its own. */
static bool is_in_folder(const char *module)
{
	const char *folder = OPENSSL_info(OPENSSL_INFO_MODULES_DIR);
	size_t len = folder ? strlen(folder) : 0;

	if (!strchr(module, '/'))
		return true;
	return len && strncmp(module, folder, len) == 0 && module[len] == '/' &&
	       !strstr(module, "/../");
}

/* NULL: it has none.  ("module" is also read as "anything.module".) */
static const char *find_outsider(const CONF *conf, const char *section)
{
	STACK_OF(CONF_VALUE) *values =
		section ? NCONF_get_section(conf, section) : NULL;

	for (int i = 0; i < sk_CONF_VALUE_num(values); i++) {
		const CONF_VALUE *value = sk_CONF_VALUE_value(values, i);
		const char *dot = strrchr(value->name, '.');

		if (strcmp(dot ? dot + 1 : value->name, "module") == 0 &&
		    !is_in_folder(value->value))
			return value->value;
	}
	return NULL;
}

/* In whatever section: which of them are about providers is not looked at. */
static const char *find_outsider_anywhere(const CONF *conf)
{
	STACK_OF(OPENSSL_CSTRING) *sections = NCONF_get_section_names(conf);
	const char *outsider = NULL;

	for (int i = 0; i < sk_OPENSSL_CSTRING_num(sections) && !outsider; i++)
		outsider = find_outsider(conf,
					 sk_OPENSSL_CSTRING_value(sections, i));
	sk_OPENSSL_CSTRING_free(sections);
	return outsider;
}

static bool may_load(CONF *conf, const char *file, struct xs_error *err)
{
	const char *outsider = NULL;

	if (has_engines(conf)) {
		xs_error_set(err, XS_ERR_RULES, 0,
			     "OPENSSL_CONF=%.200s has engines, which would be "
			     "for all programs of this relay; use providers",
			     file);
		return false;
	}
	outsider = find_outsider_anywhere(conf);
	if (!outsider)
		return true;
	xs_error_set(err, XS_ERR_RULES, 0,
		     "OPENSSL_CONF=%.200s has module=%.200s, which is not in "
		     "OpenSSL's own folder (openssl version -m); install it "
		     "there",
		     file, outsider);
	return false;
}

/* What is looked at is what is loaded, and not the file once more.  A section
 * without a module of OpenSSL's would be a shared object to load, too
 * (module_load_dso in conf_mod.c). */
static bool load_conf(CONF *conf, BIO *in, const char *file,
		      OSSL_LIB_CTX *with_stores, struct xs_error *err)
{
	if (NCONF_load_bio(conf, in, NULL) <= 0)
		return false;
	if ((err && !may_load(conf, file, err)) ||
	    (with_stores && !leave_out(conf, with_stores)))
		return false;
	ERR_clear_error();
	return CONF_modules_load(conf, NULL, err ? CONF_MFLAGS_NO_DSO : 0) > 0;
}

/* A file that is not there is an empty one, as for any OpenSSL client.  The
 * providers that have a store in with_stores, if that is not NULL, are left
 * out.  err is NULL for OpenSSL's own file, whose engines are for all programs
 * indeed. */
static bool load(OSSL_LIB_CTX *context, const char *file,
		 OSSL_LIB_CTX *with_stores, struct xs_error *err)
{
	BIO *in = xs_tls_file_open(file);
	CONF *conf;
	bool loaded;

	forget_section();
	if (!in && errno == ENOENT)
		return true;
	if (!in) {
		xs_tls_file_fail(err, "no configuration", "OPENSSL_CONF", file,
				 errno);
		return false;
	}
	conf = NCONF_new_ex(context, NULL);
	loaded = conf && load_conf(conf, in, file, with_stores, err);
	NCONF_free(conf);
	BIO_free(in);
	return loaded;
}

/* Makes libssl's section that of OpenSSL's own file again.  What OpenSSL itself
 * overlooks there, we do, too, but not that the file cannot be read. */
static bool tell_default(struct xs_error *err)
{
	OSSL_LIB_CTX *scratch = OSSL_LIB_CTX_new();
	char *file = CONF_get1_default_config_file();
	BIO *in = file ? xs_tls_file_open(file) : NULL;
	bool good = scratch && (in || (file && errno == ENOENT));

	if (in)
		load(scratch, file, NULL, NULL);
	else if (file && !good)
		xs_tls_file_fail(err, "no configuration", "OpenSSL's file",
				 file, errno);
	ERR_clear_error();
	BIO_free(in);
	OPENSSL_free(file);
	OSSL_LIB_CTX_free(scratch);
	set_told(good ? NULL : &nobody);
	return good;
}

static bool tell(struct xs_tls_library *library, struct xs_error *err)
{
	if (is_told(library))
		return true;
	set_told(&nobody);
	if (!load(library->context, library->file,
		  library->context == library->with_stores
			  ? NULL
			  : library->with_stores,
		  library->is_own ? NULL : err))
		return false;
	set_told(library);
	return true;
}

/* A file that does not answer, or one that it includes, would hold all who wait
 * for the lock.  So it is read before that, and forgotten. */
static void wait_for_file(const char *file)
{
	BIO *in = xs_tls_file_open(file);
	CONF *conf = in ? NCONF_new(NULL) : NULL;

	xs_tls_reading_note(file, NULL); /* or one that it includes */
	if (conf)
		NCONF_load_bio(conf, in, NULL);
	xs_tls_reading_done();
	NCONF_free(conf);
	BIO_free(in);
	ERR_clear_error();
}

static void free_library(struct xs_tls_library *library)
{
	atomic_store(&one_is_gone, true);
	if (library->faster.provider)
		OSSL_PROVIDER_unload(library->faster.provider);
	if (library->context != library->with_stores)
		OSSL_LIB_CTX_free(library->context);
	OSSL_LIB_CTX_free(library->with_stores);
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

/* Loads the file, once or, where it has providers of keys, twice. */
static bool open_library(struct xs_tls_library *library, struct xs_error *err)
{
	library->with_stores = library->context = OSSL_LIB_CTX_new();
	if (!library->file || !library->context || !tell(library, err))
		return false;
	if (!finds_store(library->with_stores, NULL))
		return true;
	library->context = OSSL_LIB_CTX_new();
	set_told(&nobody);
	return library->context && tell(library, err);
}

static struct xs_tls_library *make(const char *file, bool is_own,
				   struct xs_error *err)
{
	struct xs_tls_library *library = calloc(1, sizeof(*library));

	if (!library)
		return NULL;
	library->stamp = xs_tls_stamp(file);
	library->file = strdup(file);
	library->is_own = is_own;
	if (!open_library(library, err)) {
		set_told(&nobody);
		free_library(library);
		return NULL;
	}
	library->refs = 1;
	pthread_mutex_lock(&lock);
	library->next = kept;
	kept = library;
	pthread_mutex_unlock(&lock);
	return library;
}

/* The one for this file as it was at stamp, with a reference for the caller;
 * NULL: there is none. */
static struct xs_tls_library *find_kept(const char *file, bool is_own,
					const struct xs_tls_stamp *stamp)
{
	struct xs_tls_library *library;

	pthread_mutex_lock(&lock);
	library = kept;
	while (library &&
	       (strcmp(library->file, file) != 0 || library->is_own != is_own ||
		!xs_tls_stamp_same(&library->stamp, stamp)))
		library = library->next;
	if (library)
		library->refs++;
	pthread_mutex_unlock(&lock);
	return library;
}

/* The same as the file is now, made if need be, and libssl is told about it.
 * NULL when the file cannot be used, with *err set if the reason is not in
 * OpenSSL's queue. */
static struct xs_tls_library *find(const char *file, bool is_own,
				   struct xs_error *err)
{
	struct xs_tls_stamp now = xs_tls_stamp(file);
	struct xs_tls_library *library = find_kept(file, is_own, &now);

	if (!library)
		return make(file, is_own, err);
	if (tell(library, err))
		return library;
	xs_tls_library_put(library);
	return NULL;
}

static SSL_CTX *make_ssl(struct xs_tls_library *library,
			 const SSL_METHOD *method)
{
	const char *faster =
		xs_tls_provider_offer(library->context, &library->faster);

	return SSL_CTX_new_ex(library->context, faster, method);
}

/* The same for OpenSSL's own file if it has providers of keys; *good is false
 * if it cannot be had.  Without such providers NULL and *good: the file is
 * loaded already. */
static struct xs_tls_library *find_own(bool *good, struct xs_error *err)
{
	struct xs_tls_library *library = NULL;
	char *file;

	*good = true;
	if (!finds_store(NULL, NULL))
		return NULL;
	file = CONF_get1_default_config_file();
	if (file)
		library = find(file, true, err);
	*good = library;
	OPENSSL_free(file);
	return library;
}

SSL_CTX *xs_tls_library_context(const char *file, const SSL_METHOD *method,
				struct xs_tls_library **library,
				struct xs_error *err)
{
	SSL_CTX *ssl = NULL;
	char what[300];
	bool ready = true;

	*library = NULL;
	/* Otherwise SSL_CTX_new would, and load OpenSSL's own file then. */
	OPENSSL_init_ssl(0, NULL);
	ERR_clear_error();
	if (*file)
		wait_for_file(file);
	pthread_mutex_lock(&loading);
	*library = *file ? find(file, false, err) : find_own(&ready, err);
	if (*file)
		ready = *library != NULL;
	else if (ready && !*library && !is_told(NULL))
		ready = tell_default(err);
	if (ready)
		ssl = make_ssl(*library ? *library : &own, method);
	pthread_mutex_unlock(&loading);
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

/* A library context that is freed takes only the calling thread's part with it
 * (OPENSSL_thread_stop_ex(3)). */
void xs_tls_thread_done(void)
{
	OPENSSL_thread_stop();
}

bool xs_tls_threads_may_end(void)
{
	return !atomic_load(&one_is_gone);
}

OSSL_LIB_CTX *xs_tls_library_openssl(const struct xs_tls_library *library)
{
	return library ? library->context : NULL;
}

OSSL_LIB_CTX *xs_tls_library_stores(const struct xs_tls_library *library)
{
	return library ? library->with_stores : NULL;
}
