/* Tests: tools/relay/tls/tls_file.c, tls_folder.c, tls_local.c and
 * tls_reading.c, through xs_tls_context_get.
 *
 * Files that a context is made of, and that cannot be read: each errno is told,
 * and no such context is kept.  Files that do not answer hold nobody else. */
#include "../relay/authority.h"
#include "relay/tls/tls_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* No descriptor can be had any more, as when a relay has too many.  How many
 * there were. */
static rlim_t limit_descriptors(rlim_t count)
{
	struct rlimit files;
	rlim_t before;

	getrlimit(RLIMIT_NOFILE, &files);
	before = files.rlim_cur;
	files.rlim_cur = count;
	setrlimit(RLIMIT_NOFILE, &files);
	return before;
}

static void expect_refused(const struct xs_tls_policy *policy,
			   const struct xs_tls_context *context,
			   const struct xs_error *err, int errnum,
			   const char *word)
{
	cr_assert_null(context, "%s", policy->options);
	cr_assert_eq(err->errnum, errnum, "%s: %s", policy->options, err->text);
	cr_assert(strstr(err->text, word), "%s: %s", policy->options,
		  err->text);
}

static void refused(const struct xs_tls_policy *policy, int errnum,
		    const char *word)
{
	struct xs_error err = { 0 };
	struct xs_tls_context *context = xs_tls_context_get(policy, &err);

	expect_refused(policy, context, &err, errnum, word);
}

static void made(const struct xs_tls_policy *policy)
{
	struct xs_error err = { 0 };
	struct xs_tls_context *context = xs_tls_context_get(policy, &err);

	cr_assert(context, "%s: %s", policy->options, err.text);
	xs_tls_context_put(context);
}

/* A folder with a CA, a certificate with its key, a CRL. */
struct files {
	struct folder folder;
	char hashed[128];
};

static struct files files_make(void)
{
	struct files f = { .folder = folder_make() };
	struct party ca = party_make("test CA", NULL, NULL);
	struct party leaf = party_make("leaf", "DNS:localhost", &ca);
	X509 *const trusted[] = { ca.cert, NULL }, *own[] = { leaf.cert, NULL };
	char name[20];

	snprintf(name, sizeof(name), "%08lx.0",
		 X509_NAME_hash_ex(X509_get_subject_name(ca.cert), NULL, NULL,
				   NULL));
	write_pem(&f.folder, "ca.pem", NULL, NULL, trusted);
	snprintf(f.hashed, sizeof(f.hashed), "%s",
		 write_pem(&f.folder, name, NULL, NULL, trusted));
	write_pem(&f.folder, "own.pem", leaf.key, NULL, own);
	write_crl(&f.folder, "list.pem", &ca, NULL);
	fclose(fopen(in_folder(&f.folder, "conf"), "w"));
	party_free(&ca);
	party_free(&leaf);
	return f;
}

static void files_end(struct files *f)
{
	xs_tls_context_forget();
	folder_end(&f->folder);
}

/* Once short, and then not: the second context is whole. */
static void short_once(const struct xs_tls_policy *policy)
{
	rlim_t before = limit_descriptors(0);
	struct xs_error err = { 0 };
	struct xs_tls_context *context = xs_tls_context_get(policy, &err);

	limit_descriptors(before);
	expect_refused(policy, context, &err, EMFILE, "(EMFILE");
	made(policy);
}

/* Every place that a file can be named in. */
Test(relay_tls_file, short_once_is_not_for_ever)
{
	struct files f = files_make();
	char options[4][300], all[300];
	struct xs_tls_policy policy = { .scheme = "tls", .options = "" };

	made(&policy); /* OpenSSL's own configuration is read once, here */
	xs_tls_context_forget();
	/* OpenSSL's own places, which may be missing, but not unread. */
	short_once(&policy);
	snprintf(options[0], 300, "cafile=%s/ca.pem", f.folder.path);
	snprintf(options[1], 300, "capath=%s", f.folder.path);
	snprintf(options[2], 300,
		 "verify_peer=0&verify_peer_name=0&local_cert=%s/own.pem",
		 f.folder.path);
	snprintf(options[3], 300,
		 "verify_peer=0&verify_peer_name=0&local_cert=%s/own.pem&"
		 "local_pk=%s/own.pem",
		 f.folder.path, f.folder.path);
	for (int i = 0; i < 4; i++) {
		policy.options = options[i];
		short_once(&policy);
	}
	policy = (struct xs_tls_policy){ .scheme = "tls", .options = "" };
	policy.cert_file = in_folder(&f.folder, "ca.pem");
	short_once(&policy);
	policy.cert_dir = f.folder.path;
	policy.cert_file = NULL;
	short_once(&policy);
	policy.openssl_conf = in_folder(&f.folder, "conf");
	short_once(&policy);
	snprintf(all, sizeof(all), "cafile=%s/ca.pem&crlfile=%s/list.pem",
		 f.folder.path, f.folder.path);
	policy = (struct xs_tls_policy){ .scheme = "tls", .options = all };
	short_once(&policy);
	files_end(&f);
}

/* What is no regular file is not opened, or not read without end. */
Test(relay_tls_file, what_is_no_file, .timeout = 20)
{
	struct files f = files_make();
	struct xs_tls_policy policy = { .scheme = "tls", .options = "" };

	policy.cert_file = "/dev/zero";
	refused(&policy, EACCES, "/dev/zero: it is a pipe or a device");
	policy.cert_file = f.folder.path;
	refused(&policy, EACCES, "Is a directory");
	/* A regular file for stat(2) whose read(2) says EIO. */
	policy.cert_file = "/proc/self/mem";
	refused(&policy, EACCES, "Input/output error");
	policy.cert_file = in_folder(&f.folder, "loop");
	cr_assert_eq(symlink(policy.cert_file, policy.cert_file), 0);
	refused(&policy, EACCES, "Too many levels of symbolic links");
	policy.cert_file = in_folder(&f.folder, "ca.pem");
	/* As people write who want no configuration. */
	policy.openssl_conf = "/dev/null";
	made(&policy);
	policy.openssl_conf = "/dev/zero";
	refused(&policy, EACCES, "it is a pipe or a device");
	files_end(&f);
}

/* In a folder, it is left out: others need not miss it. */
Test(relay_tls_file, pipe_in_a_folder, .timeout = 20)
{
	struct files f = files_make();
	struct xs_tls_policy policy = { .scheme = "tls", .options = "" };
	struct xs_error err = { 0 };
	struct xs_tls_context *context;

	cr_assert_eq(unlink(f.hashed), 0);
	cr_assert_eq(mkfifo(f.hashed, 0600), 0);
	policy.cert_dir = f.folder.path;
	context = xs_tls_context_get(&policy, &err);
	cr_assert(context, "%s", err.text);
	cr_assert(strstr(xs_tls_context_trust(context), f.hashed), "%s",
		  xs_tls_context_trust(context));
	xs_tls_context_put(context);
	files_end(&f);
}

/* --- files that do not answer --------------------------------------------- */

/* A load in a thread of its own. */
struct load {
	struct xs_tls_policy policy;
	struct xs_tls_reading reading;
	struct xs_tls_context *context;
	atomic_bool done;
	pthread_t thread;
};

static void *run_load(void *argument)
{
	struct load *load = argument;
	struct xs_error err = { 0 };

	xs_tls_reading_begin(&load->reading);
	load->context = xs_tls_context_get(&load->policy, &err);
	xs_tls_reading_end();
	atomic_store(&load->done, true);
	return NULL;
}

/* Until it waits for the file, ten seconds at most. */
static bool waits_for(struct load *load, const char *path)
{
	char file[XS_TLS_READING_MAX] = "";

	for (int i = 0; i < 1000 && strcmp(file, path) != 0; i++) {
		usleep(10000);
		xs_tls_reading_file(&load->reading, file);
	}
	usleep(50000); /* on its way there */
	return strcmp(file, path) == 0 && !atomic_load(&load->done);
}

/* OpenSSL itself opens what a configuration includes, and waits for the writer
 * of a pipe. */
Test(relay_tls_file, one_that_waits_holds_no_other, .timeout = 60)
{
	struct files f = files_make();
	char pipe[128], conf[128], other[128];
	struct load load = { .policy = { .scheme = "tls", .options = "" } };
	struct xs_tls_policy policy = { .scheme = "tls", .options = "" };
	FILE *file;

	snprintf(pipe, sizeof(pipe), "%s", in_folder(&f.folder, "pipe"));
	cr_assert_eq(mkfifo(pipe, 0600), 0);
	snprintf(conf, sizeof(conf), "%s", in_folder(&f.folder, "waits"));
	snprintf(other, sizeof(other), "%s", in_folder(&f.folder, "conf"));
	file = fopen(conf, "w");
	fprintf(file, ".include = %s\n", pipe);
	fclose(file);
	pthread_mutex_init(&load.reading.lock, NULL);
	load.policy.openssl_conf = conf;
	cr_assert_eq(pthread_create(&load.thread, NULL, run_load, &load), 0);
	cr_assert(waits_for(&load, conf));
	made(&policy);
	policy.openssl_conf = other;
	made(&policy);
	cr_assert_not(atomic_load(&load.done));
	while (!atomic_load(&load.done)) {
		int fd = open(pipe, O_WRONLY | O_NONBLOCK);

		usleep(1000);
		if (fd >= 0)
			close(fd);
	}
	pthread_join(load.thread, NULL);
	cr_assert(load.context);
	xs_tls_context_put(load.context);
	unlink(pipe);
	unlink(conf);
	files_end(&f);
}

/* Who must not wait is given only what needs no waiting. */
Test(relay_tls_file, found_without_waiting, .timeout = 20)
{
	struct files f = files_make();
	char options[160];
	struct xs_tls_policy policy = { .scheme = "tls", .options = options };
	struct xs_error err = { 0 };
	struct xs_tls_context *context;

	snprintf(options, sizeof(options), "cafile=%s",
		 in_folder(&f.folder, "ca.pem"));
	cr_assert(xs_tls_is_local(f.folder.path));
	cr_assert(xs_tls_is_local(in_folder(&f.folder, "not/here")));
	cr_assert_null(xs_tls_context_find(&policy));
	context = xs_tls_context_get(&policy, &err);
	cr_assert(context, "%s", err.text);
	cr_assert_eq(xs_tls_context_find(&policy), context);
	xs_tls_context_put(context);
	xs_tls_context_put(context);
	cr_assert_eq(truncate(in_folder(&f.folder, "ca.pem"), 1), 0);
	cr_assert_null(xs_tls_context_find(&policy), "it has changed");
	files_end(&f);
}
