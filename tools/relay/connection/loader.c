/* Loads of TLS contexts; see loader.h.
 *
 * One lock for all of it, which nobody holds while a file is touched.  Who
 * waits is in the list of a job until the job answers; so one that is
 * forgotten before that leaves nothing behind, however long the job takes.
 */
#include "relay/connection/loader.h"

#include "relay/base/forget.h"
#include "relay/connection/connect_error.h"
#include "relay/loop/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 8 };

struct job;

/* One owner that waits. */
struct xs_load {
	struct xs_message message;
	struct xs_load *next;
	struct xs_worker *worker;
	void *owner; /* NULL: nobody waits any more */
	void (*answer)(void *owner, struct xs_tls_context *context,
		       struct xs_error *err);
	struct job *job; /* NULL: it has answered */
	struct xs_tls_context *context;
	struct xs_error err;
};

/* Those who want one context. */
struct job {
	struct xs_work work;
	struct job *next;
	char *key;
	struct xs_tls_policy policy; /* points to copies … */
	char *strings;		     /* … which lie here */
	size_t len;
	bool running;
	struct xs_load *now;   /* get what is being loaded */
	struct xs_load *later; /* came when that had begun already */
	struct xs_tls_reading reading;
};

static struct xs_pool pool = XS_POOL(pool, THREADS_MAX);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *jobs;

/* --- jobs ----------------------------------------------------------------- */

static void free_job(struct job *job)
{
	/* There may be a passphrase in it. */
	if (job->strings)
		xs_forget_options(job->strings, job->len);
	free(job->strings);
	free(job->key);
	pthread_mutex_destroy(&job->reading.lock);
	free(job);
}

/* A copy, as long as the strings it copies from are there. */
static bool copy_policy(struct job *job, const struct xs_tls_policy *policy)
{
	const char *const from[] = {
		policy->scheme,	  policy->options,     policy->cert_file,
		policy->cert_dir, policy->keylog_file, policy->openssl_conf,
	};
	const char **const to[] = {
		&job->policy.scheme,	  &job->policy.options,
		&job->policy.cert_file,	  &job->policy.cert_dir,
		&job->policy.keylog_file, &job->policy.openssl_conf,
	};
	enum { STRINGS = sizeof(from) / sizeof(*from) };
	char *at;

	for (int i = 0; i < STRINGS; i++)
		job->len += strlen(from[i]) + 1;
	job->strings = at = malloc(job->len);
	for (int i = 0; at && i < STRINGS; i++) {
		*to[i] = at;
		at = stpcpy(at, from[i]) + 1;
	}
	return at;
}

static void run(struct xs_work *work);

/* Takes key over. */
static struct job *make_job(const struct xs_tls_policy *policy, char *key)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		free(key);
		return NULL;
	}
	pthread_mutex_init(&job->reading.lock, NULL);
	job->work.run = run;
	job->key = key;
	if (copy_policy(job, policy))
		return job;
	free_job(job);
	return NULL;
}

/* The rest is with the lock held, but for run. */

static struct job *find_job(const char *key)
{
	struct job *job = jobs;

	while (job && strcmp(job->key, key) != 0)
		job = job->next;
	return job;
}

static void unlink_job(const struct job *job)
{
	struct job **at = &jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
}

static bool begin_job(struct job *job)
{
	if (!xs_pool_give(&pool, &job->work))
		return false;
	job->next = jobs;
	jobs = job;
	return true;
}

/* Takes the list of those who get this answer, and sees to the others.  Frees
 * the job if there are none. */
static struct xs_load *finish(struct job *job)
{
	struct xs_load *served = job->now;

	job->running = false;
	job->now = job->later;
	job->later = NULL;
	for (struct xs_load *at = served; at; at = at->next)
		at->job = NULL;
	unlink_job(job);
	if (!job->now)
		free_job(job);
	else
		begin_job(job); /* this thread is there for it */
	return served;
}

static void run(struct xs_work *work)
{
	struct job *job = xs_container(work, struct job, work);
	struct xs_tls_context *context;
	struct xs_error err = { 0 };
	struct xs_load *load, *next;

	pthread_mutex_lock(&lock);
	job->running = true;
	pthread_mutex_unlock(&lock);
	xs_tls_reading_begin(&job->reading);
	context = xs_tls_context_get(&job->policy, &err);
	xs_tls_reading_end();
	xs_tls_thread_done();
	pthread_mutex_lock(&lock);
	for (load = finish(job); load; load = next) {
		next = load->next;
		if (context)
			xs_tls_context_keep(context);
		load->context = context;
		load->err = err;
		xs_worker_post(load->worker, &load->message);
	}
	pthread_mutex_unlock(&lock);
	xs_tls_context_put(context);
}

/* --- those who wait ------------------------------------------------------- */

static void deliver(struct xs_worker *worker, struct xs_message *message)
{
	struct xs_load *load = xs_container(message, struct xs_load, message);

	(void)worker;
	if (load->owner)
		load->answer(load->owner, load->context, &load->err);
	else
		xs_tls_context_put(load->context);
	free(load);
}

/* Has it wait for the job of this key, or for a new one.  Takes key over. */
static bool join(struct xs_load *load, const struct xs_tls_policy *policy,
		 char *key)
{
	struct job *job = find_job(key);
	struct xs_load **list;

	if (job) {
		free(key);
	} else {
		job = make_job(policy, key);
		if (job && !begin_job(job)) {
			free_job(job);
			job = NULL;
		}
	}
	if (!job)
		return false;
	list = job->running ? &job->later : &job->now;
	load->job = job;
	load->next = *list;
	*list = load;
	return true;
}

struct xs_load *xs_loader_ask(struct xs_worker *worker,
			      const struct xs_tls_policy *policy, void *owner,
			      void (*answer)(void *owner,
					     struct xs_tls_context *context,
					     struct xs_error *err))
{
	struct xs_load *load = calloc(1, sizeof(*load));
	char *key = xs_tls_context_key(policy);
	bool joined = false;

	if (!load || !key) {
		free(load);
		free(key);
		return NULL;
	}
	load->message.deliver = deliver;
	load->worker = worker;
	load->owner = owner;
	load->answer = answer;
	pthread_mutex_lock(&lock);
	joined = join(load, policy, key);
	pthread_mutex_unlock(&lock);
	if (joined)
		return load;
	free(load);
	return NULL;
}

static bool take_out(struct xs_load **list, const struct xs_load *load)
{
	while (*list && *list != load)
		list = &(*list)->next;
	if (!*list)
		return false;
	*list = load->next;
	return true;
}

/* Nobody waits for it any more: it need not begin. */
static void give_up(struct job *job)
{
	if (job->now || job->later || job->running ||
	    !xs_pool_take_back(&pool, &job->work))
		return;
	unlink_job(job);
	free_job(job);
}

void xs_loader_forget(struct xs_load *load)
{
	struct job *job;

	pthread_mutex_lock(&lock);
	job = load->job;
	load->owner = NULL;
	if (job && (take_out(&job->now, load) || take_out(&job->later, load)))
		give_up(job);
	pthread_mutex_unlock(&lock);
	/* Else it is in a message, which frees it. */
	if (job)
		free(load);
}

/* One of the files that hold all threads, or "". */
static void find_culprit(char file[XS_TLS_READING_MAX])
{
	*file = '\0';
	for (struct job *job = jobs; job && !*file; job = job->next)
		if (job->running)
			xs_tls_reading_file(&job->reading, file);
}

void xs_loader_late(const struct xs_load *load, double seconds,
		    struct xs_error *err)
{
	char file[XS_TLS_READING_MAX];
	struct job *job;
	bool begun = true;

	pthread_mutex_lock(&lock);
	job = load->job;
	*file = '\0';
	if (job && job->running)
		xs_tls_reading_file(&job->reading, file);
	else if (job) {
		begun = false;
		find_culprit(file);
	}
	pthread_mutex_unlock(&lock);
	xs_connect_error_unread(err, file, begun ? 0 : THREADS_MAX, seconds);
}

bool xs_loader_stop(void)
{
	return xs_pool_stop(&pool);
}
