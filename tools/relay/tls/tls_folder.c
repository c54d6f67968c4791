/* Trusted certificates and CRLs of a folder, as capath and SSL_CERT_DIR have
 * them: each in a file with a hashed name (openssl-rehash(1)).
 *
 * OpenSSL's X509_LOOKUP_hash_dir(3) opens such a file in the middle of a
 * handshake, when it misses an issuer.  One that waits would hold a worker
 * then, and one that could not be opened for lack of a descriptor would look
 * like one that is not there.  So the files are read when the context is made,
 * a few hundred bytes each, and only taken apart when OpenSSL asks for their
 * hash: that is what takes long.
 *
 * Any thread; the lookup, too.
 */
#include "relay/tls/tls_private.h"

#include "relay/base/allowed.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One file. */
struct entry {
	struct entry *next;
	unsigned long hash;
	bool lists; /* CRLs, else certificates */
	BIO *in;    /* NULL: it is in the store */
};

/* All of them; the lookup's. */
struct shelf {
	pthread_mutex_t lock;
	OSSL_LIB_CTX *library;
	struct entry *first;
};

struct reading {
	struct shelf *shelf;
	const char *by;		 /* who names the folder */
	char *skipped;		 /* the first that cannot be used, … */
	size_t size;		 /* … and the room for it */
	char junk[NAME_MAX + 1]; /* the first without a certificate; or "" */
	bool needed, good;	 /* a certificate; there is one */
	struct xs_error *err;
};

/* --- the lookup ---------------------------------------------------------- */

/* Everything in it, as X509_load_cert_file(3) and X509_load_crl_file(3). */
static void add(X509_STORE *store, const struct entry *entry,
		OSSL_LIB_CTX *library)
{
	/* "" is the passphrase of what is encrypted: nobody is asked. */
	STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio_ex(
		entry->in, NULL, NULL, (void *)"", library, NULL);

	for (int i = 0; i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *info = sk_X509_INFO_value(all, i);

		if (!entry->lists && info->x509)
			X509_STORE_add_cert(store, info->x509);
		if (entry->lists && info->crl)
			X509_STORE_add_crl(store, info->crl);
	}
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	ERR_clear_error();
}

static void take_out(X509_LOOKUP *lookup, unsigned long hash, bool lists)
{
	struct shelf *shelf = X509_LOOKUP_get_method_data(lookup);

	pthread_mutex_lock(&shelf->lock);
	for (struct entry *at = shelf->first; at; at = at->next) {
		if (at->hash != hash || at->lists != lists || !at->in)
			continue;
		add(X509_LOOKUP_get_store(lookup), at, shelf->library);
		BIO_free(at->in);
		at->in = NULL;
	}
	pthread_mutex_unlock(&shelf->lock);
}

/* Puts what the store has into found, which the caller counts by itself: so
 * ours is given back. */
static int find(X509_STORE *store, X509_LOOKUP_TYPE type, const X509_NAME *name,
		X509_OBJECT *found)
{
	X509_OBJECT *object;
	int result = 0;

	X509_STORE_lock(store);
	object = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store),
						 type, name);
	if (object && type == X509_LU_X509) {
		X509 *cert = X509_OBJECT_get0_X509(object);

		result = X509_OBJECT_set1_X509(found, cert);
		X509_free(result ? cert : NULL);
	} else if (object) {
		X509_CRL *list = X509_OBJECT_get0_X509_CRL(object);

		result = X509_OBJECT_set1_X509_CRL(found, list);
		X509_CRL_free(result ? list : NULL);
	}
	X509_STORE_unlock(store);
	return result;
}

/* OpenSSL misses something of this name. */
static int by_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type,
		      const X509_NAME *name, X509_OBJECT *found)
{
	struct shelf *shelf = X509_LOOKUP_get_method_data(lookup);

	if (type != X509_LU_X509 && type != X509_LU_CRL)
		return 0;
	take_out(lookup, X509_NAME_hash_ex(name, shelf->library, NULL, NULL),
		 type == X509_LU_CRL);
	return find(X509_LOOKUP_get_store(lookup), type, name, found);
}

static void free_shelf(struct shelf *shelf)
{
	struct entry *entry;

	while (shelf && (entry = shelf->first)) {
		shelf->first = entry->next;
		BIO_free(entry->in);
		free(entry);
	}
	if (shelf)
		pthread_mutex_destroy(&shelf->lock);
	free(shelf);
}

static void end_lookup(X509_LOOKUP *lookup)
{
	free_shelf(X509_LOOKUP_get_method_data(lookup));
}

static X509_LOOKUP_METHOD *method;

static void make_method(void)
{
	method = X509_LOOKUP_meth_new("xsock folder");
	if (method &&
	    (!X509_LOOKUP_meth_set_free(method, end_lookup) ||
	     !X509_LOOKUP_meth_set_get_by_subject(method, by_subject))) {
		X509_LOOKUP_meth_free(method);
		method = NULL;
	}
}

/* A shelf of the store, with nothing in it. */
static struct shelf *attach(X509_STORE *store, OSSL_LIB_CTX *library)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct shelf *shelf = calloc(1, sizeof(*shelf));
	X509_LOOKUP *lookup = NULL;

	pthread_once(&once, make_method);
	if (shelf && method)
		lookup = X509_STORE_add_lookup(store, method);
	if (!lookup) {
		free(shelf);
		return NULL;
	}
	pthread_mutex_init(&shelf->lock, NULL);
	shelf->library = library;
	X509_LOOKUP_set_method_data(lookup, shelf);
	return shelf;
}

/* --- the files ----------------------------------------------------------- */

/* What others need not miss is told only where something is missed. */
static void skip(struct reading *reading, const char *path, int errnum)
{
	if (!*reading->skipped)
		snprintf(reading->skipped, reading->size, "%.120s: %s", path,
			 errnum == ESPIPE ? "a pipe or a device"
					  : xs_error_name(errnum));
}

/* Says nothing of the files beside it. */
static bool may_skip(int errnum)
{
	return errnum == EACCES || errnum == ESPIPE || errnum == EISDIR ||
	       errnum == ELOOP || errnum == EFBIG;
}

/* Looks for a certificate until there is one. */
static void judge(struct reading *reading, const char *name, BIO *in)
{
	X509 *cert = NULL;
	BIO *again = NULL;
	char *data;

	if (!reading->needed || reading->good || name[9] == 'r')
		return;
	/* What is read from a BIO is gone. */
	if (in) {
		long len = BIO_get_mem_data(in, &data);

		again = BIO_new_mem_buf(data, (int)len);
	}
	if (again)
		cert = PEM_read_bio_X509_AUX(again, NULL, NULL, (void *)"");
	BIO_free(again);
	ERR_clear_error();
	reading->good = cert;
	X509_free(cert);
	if (!cert && !*reading->junk)
		snprintf(reading->junk, sizeof(reading->junk), "%s", name);
}

/* False with *err set: one that may be good could not be read now. */
static bool read_file(struct reading *reading, const char *path,
		      const char *name)
{
	BIO *in = xs_tls_file_open(path);
	int errnum = in ? 0 : errno;
	struct entry *entry;

	judge(reading, name, in);
	if (errnum == ENOENT)
		return true; /* removed meanwhile, or a link to nothing */
	if (may_skip(errnum)) {
		skip(reading, path, errnum);
		return true;
	}
	entry = in ? calloc(1, sizeof(*entry)) : NULL;
	if (!entry) {
		BIO_free(in);
		xs_tls_file_fail(reading->err, "a file cannot be read",
				 reading->by, path, in ? ENOMEM : errnum);
		return false;
	}
	entry->hash = strtoul(name, NULL, 16);
	entry->lists = name[9] == 'r';
	entry->in = in;
	entry->next = reading->shelf->first;
	reading->shelf->first = entry;
	return true;
}

static DIR *open_folder(const char *path)
{
	if (xs_allowed(XS_CALL_FOLDERS))
		return opendir(path);
	errno = EPERM; /* a seccomp filter would kill us */
	return NULL;
}

static bool read_folder(struct reading *reading, const char *path)
{
	const struct dirent *entry;
	char file[4096 + 256];
	bool good = true;
	DIR *folder;

	xs_tls_reading_note(path, NULL);
	folder = open_folder(path);
	if (!folder && errno == ENOENT)
		return true;
	if (!folder) {
		xs_tls_file_fail(reading->err, "no trusted certificates",
				 reading->by, path, errno);
		return false;
	}
	while (good && (errno = 0, entry = readdir(folder))) {
		if (!xs_tls_stamp_is_hashed(entry->d_name))
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		good = read_file(reading, file, entry->d_name);
	}
	if (good && errno) {
		xs_tls_file_fail(reading->err, "no trusted certificates",
				 reading->by, path, errno);
		good = false;
	}
	closedir(folder);
	return good;
}

/* Nothing would be found in such a folder, and the server would be blamed. */
static int fail_empty(const struct reading *reading, const char *list)
{
	if (*reading->junk)
		return xs_error_set(reading->err, XS_ERR_RULES, 0,
				    "no certificate in PEM in %.60s in "
				    "%s=%.200s",
				    reading->junk, reading->by, list);
	return xs_error_set(reading->err, XS_ERR_RULES, 0,
			    "no certificate with a hashed name (\"openssl "
			    "rehash %.100s\" makes such names) in %s=%.200s",
			    list, reading->by, list);
}

int xs_tls_folder_read(SSL_CTX *ssl, OSSL_LIB_CTX *library, const char *list,
		       const char *by, bool needed, char *skipped, size_t size,
		       struct xs_error *err)
{
	struct reading reading = {
		.shelf = attach(SSL_CTX_get_cert_store(ssl), library),
		.by = by ? by : "OpenSSL's folder",
		.skipped = skipped,
		.size = size,
		.needed = needed,
		.err = err,
	};
	char path[4096];
	bool good = reading.shelf;

	if (!good)
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
	for (const char *at = list; good && *at;) {
		size_t len = strcspn(at, ":");

		if (len > 0 && len < sizeof(path)) {
			memcpy(path, at, len);
			path[len] = '\0';
			good = read_folder(&reading, path);
		}
		at += len + (at[len] == ':');
	}
	if (good && needed && !reading.good)
		return fail_empty(&reading, list);
	return good ? 0 : -1;
}
