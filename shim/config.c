/* The environment, copied once; the rules, parsed once.  See config.h. */
#include "config.h"

#include "launch.h"
#include "libc.h"
#include "names.h"
#include "pause.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

struct xs_config xs_config;

/* On a page that the loader has written to in any case: what the constructor
 * touches should cost no page fault.  (The Makefile puts the files with more of
 * that first.) */
#define TOUCHED_AT_START __attribute__((section(".data")))

static TOUCHED_AT_START struct xs_arena arena;
static const struct xs_rules *parsed;
static struct xs_error wrong; /* why nothing is parsed */

/* How far each of the two has come. */
enum { UNTOUCHED, UNDER_WAY, DONE };
static TOUCHED_AT_START int read_state, parse_state;

/* Who reads the environment. */
static TOUCHED_AT_START pid_t reader;
/* This thread is at one of the two: a signal handler on top of it must not wait
 * for it. */
static __thread bool mine __attribute__((tls_model("initial-exec")));

/* True when the caller is to read; false when it is done, or when nobody is
 * there to end it. */
static bool begin_read(void)
{
	int expected = UNTOUCHED;

	if (__atomic_load_n(&read_state, __ATOMIC_ACQUIRE) == DONE)
		return false;
	if (__atomic_compare_exchange_n(&read_state, &expected, UNDER_WAY,
					false, __ATOMIC_ACQUIRE,
					__ATOMIC_ACQUIRE)) {
		mine = true;
		reader = getpid();
		return true;
	}
	if (mine)
		return false;
	while (__atomic_load_n(&read_state, __ATOMIC_ACQUIRE) != DONE) {
		/* The thread that reads was not copied by fork(2). */
		if (reader != getpid())
			return false;
		sched_yield();
	}
	return false;
}

static void end_once(int *state)
{
	mine = false;
	__atomic_store_n(state, DONE, __ATOMIC_RELEASE);
}

static const struct {
	const char *name;
	size_t offset;
	bool is_path; /* for the relay, whose working directory is "/" */
} variables[] = {
	{ "XSOCK_RULES", offsetof(struct xs_config, rules), false },
	{ "XSOCK_OPTIONS", offsetof(struct xs_config, options), false },
	{ "XSOCK_LOG", offsetof(struct xs_config, log_value), false },
	{ "XSOCK_RELAY", offsetof(struct xs_config, relay), false },
	{ "XSOCK_RELAY_IDLE", offsetof(struct xs_config, relay_idle), false },
	{ "SSL_CERT_FILE", offsetof(struct xs_config, cert_file), true },
	{ "SSL_CERT_DIR", offsetof(struct xs_config, cert_dir), true },
	{ "SSLKEYLOGFILE", offsetof(struct xs_config, keylog_file), true },
	{ "OPENSSL_CONF", offsetof(struct xs_config, openssl_conf), true },
};

/* What libc's resolver takes from the environment (resolv.conf(5),
 * hostname(7)).  The last is a file. */
static const char *const for_resolver[] = { "RES_OPTIONS", "LOCALDOMAIN",
					    "HOSTALIASES" };

/* A relative file name, from the working directory.  (A list of folders in
 * SSL_CERT_DIR is left as it is.) */
static const char *make_absolute(const char *path)
{
	size_t len = strlen(path) + 1;
	size_t cwd_len = xs_config.cwd ? strlen(xs_config.cwd) : 0;
	char *full;

	if (path[0] == '/' || !cwd_len || strchr(path, ':'))
		return path;
	full = xs_arena_take(&arena, cwd_len + 1 + len);
	if (!full)
		return path;
	memcpy(full, xs_config.cwd, cwd_len);
	full[cwd_len] = '/';
	memcpy(full + cwd_len + 1, path, len);
	return full;
}

/* "NAME=value", or NULL when memory is short. */
static const char *join(const char *name, const char *value)
{
	size_t name_len = strlen(name), len = strlen(value) + 1;
	char *text = xs_arena_take(&arena, name_len + 1 + len);

	if (!text)
		return NULL;
	memcpy(text, name, name_len);
	text[name_len] = '=';
	memcpy(text + name_len + 1, value, len);
	return text;
}

static void copy_resolver(void)
{
	const char **to = xs_config.resolver;

	for (size_t i = 0; i < 3; i++) {
		const char *value = getenv(for_resolver[i]);

		if (!value || !*value)
			continue;
		*to = join(for_resolver[i],
			   i == 2 ? make_absolute(value) : value);
		if (*to)
			to++;
	}
}

static void copy_environment(void)
{
	char here[PATH_MAX];

	if (getcwd(here, sizeof(here)))
		xs_config.cwd = xs_arena_copy(&arena, here, strlen(here));
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *value = getenv(variables[i].name);
		const char **field = (const char **)((char *)&xs_config +
						     variables[i].offset);

		*field = value && *value
				 ? xs_arena_copy(&arena, value, strlen(value))
				 : NULL;
		if (*field && variables[i].is_path)
			*field = make_absolute(*field);
	}
	copy_resolver();
}

/* For options that name a variable. */
static const char *look_up(const char *name)
{
	return getenv(name);
}

void xs_config_read(void)
{
	const char *rules = getenv("XSOCK_RULES");
	int saved = errno;

	if (!begin_read())
		return;
	/* In a set-user-ID program the rules would be those of somebody
	 * else. */
	if (rules && *rules && !getauxval(AT_SECURE)) {
		copy_environment();
		xs_options_environment(look_up);
		xs_config.active = true;
		xs_config.memory_short = !xs_names_share();
		xs_report_prepare();
	}
	end_once(&read_state);
	errno = saved;
}

bool xs_config_active(void)
{
	if (__builtin_expect(
		    __atomic_load_n(&read_state, __ATOMIC_ACQUIRE) != DONE, 0))
		xs_config_read();
	return xs_config.active;
}

static int parse_idle(struct xs_error *err)
{
	const char *text = xs_config.relay_idle;
	char *end;
	long seconds;

	xs_config.idle = -1;
	if (!text)
		return 0;
	seconds = strtol(text, &end, 10);
	if (*end || seconds < 0 || seconds > 86400)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "XSOCK_RELAY_IDLE: \"%.40s\" is not a "
				    "number of seconds from 0 to 86400",
				    text);
	xs_config.idle = (int)seconds;
	return 0;
}

static void parse_all(struct xs_error *err)
{
	if (xs_log_parse(&xs_config.log, xs_config.log_value, xs_config.cwd,
			 err) < 0)
		xs_config.log.level = XS_LOG_ERROR;
	if (!xs_config.rules || xs_config.memory_short) {
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
			     "no memory for XSOCK_RULES");
		return;
	}
	xs_launch_locate(xs_config.relay, xs_config.cwd, xs_config.relay_path);
	if (parse_idle(err) < 0 || xs_error_is_set(err))
		return;
	parsed = xs_rules_read(xs_config.rules, xs_config.options,
			       xs_config.cwd, &arena, err);
}

/* One line for the whole process: what is wrong, and what it means. */
static void complain(const struct xs_error *err)
{
	char sentence[XS_ERROR_TEXT_MAX + 128];

	snprintf(sentence, sizeof(sentence),
		 "%s; every Internet connect of this process is refused",
		 err->text);
	xs_report_process(sentence);
}

/* Not zero where the rules are parsed in this memory; fork(2) makes it zero in
 * the copy (MADV_WIPEONFORK), vfork(2) does not. */
static int *parsed_here;

/* A child that was forked while another thread parsed has nobody who would go
 * on with it: it begins anew, and leaves what there was of it. */
static bool take_over(void)
{
	int wiped = 0;

	if (!__atomic_compare_exchange_n(parsed_here, &wiped, 1, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		return false;
	arena = (struct xs_arena){ 0 };
	xs_error_clear(&wrong);
	return true;
}

static void mark_memory(void)
{
	static int no_page = 1;
	int *page, *none = NULL;

	if (!__atomic_load_n(&parsed_here, __ATOMIC_ACQUIRE)) {
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED)
			page = &no_page;
		else
			madvise(page, sizeof(*page), MADV_WIPEONFORK);
		if (!__atomic_compare_exchange_n(&parsed_here, &none, page,
						 false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE) &&
		    page != &no_page)
			munmap(page, sizeof(*page));
	}
	__atomic_store_n(parsed_here, 1, __ATOMIC_RELEASE);
}

/* Is it this thread that has to parse? */
static bool begin_parse(void)
{
	int untouched = UNTOUCHED;

	if (__atomic_load_n(&parse_state, __ATOMIC_ACQUIRE) == UNTOUCHED)
		mark_memory();
	mine = __atomic_compare_exchange_n(&parse_state, &untouched, UNDER_WAY,
					   false, __ATOMIC_ACQUIRE,
					   __ATOMIC_ACQUIRE) ||
	       (untouched == UNDER_WAY && take_over());
	return mine;
}

/* Whoever parses may have been killed in a vfork child. */
enum { PARSE_TRIES = 100000 };

/* False when it is this very thread that parses already, below a signal
 * handler, or nobody ends it. */
static bool parse_once(void)
{
	int saved = errno;
	bool done = __atomic_load_n(&parse_state, __ATOMIC_ACQUIRE) == DONE;

	for (int tries = 0; !done && !mine && tries < PARSE_TRIES; tries++) {
		if (begin_parse()) {
			parse_all(&wrong);
			end_once(&parse_state);
		} else {
			xs_pause(tries);
		}
		done = __atomic_load_n(&parse_state, __ATOMIC_ACQUIRE) == DONE;
	}
	errno = saved;
	return done;
}

const struct xs_rules *xs_config_rules(void)
{
	static bool told;
	int saved = errno;

	if (!parse_once())
		return NULL;
	if (!parsed && !__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		complain(&wrong);
	errno = saved;
	return parsed;
}

/* What a passphrase is read from (a variable, a descriptor) may be gone when
 * the program first connects. */
static bool has_passphrase(const char *text)
{
	return text && strstr(text, "passphrase=");
}

/* Without rules the originals can wait for the first call that needs them;
 * with rules that call may come in a signal handler, where dlsym(3) should
 * not. */
__attribute__((constructor)) static void start(void)
{
	xs_config_read();
	if (!xs_config.active)
		return;
	xs_libc_resolve();
	xs_launch_prepare();
	if (has_passphrase(xs_config.rules) ||
	    has_passphrase(xs_config.options))
		parse_once();
}
