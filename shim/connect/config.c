/* The rules and settings, parsed once; see config.h. */
#include "connect/config.h"

#include "base/supervised.h"
#include "base/text.h"
#include "base/trace.h"
#include "connect/environment.h"
#include "connect/once.h"
#include "connect/report.h"
#include "relay_client/find_relay.h"
#include "relay_client/start_relay.h"
#include "rules/names_hand_on.h"
#include "rules/names_memory.h"

#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* On a page that the loader has written to in any case: what the constructor
 * touches should cost no page fault.  (The Makefile puts the files with more of
 * that first.) */
#define TOUCHED_AT_START __attribute__((section(".data")))

/* The copy of the environment, and all that the rules consist of. */
static TOUCHED_AT_START struct xs_arena arena;
/* Its first pieces, as many as most environments need. */
static TOUCHED_AT_START alignas(max_align_t) char room[1536];
static TOUCHED_AT_START struct xs_once reading, parsing;
static TOUCHED_AT_START bool active;	   /* there are rules */
static TOUCHED_AT_START bool memory_short; /* for the names table */

static const struct xs_rules *parsed;
static struct xs_error wrong; /* why nothing is parsed */
struct xs_log xs_config_log;
TOUCHED_AT_START bool xs_config_datagrams = false;

/* --- when the library is loaded ------------------------------------------ */

/* Only a pattern with its transport is about datagrams; what stands in a file
 * is not known yet.  dtls:// without such a pattern is an error, and a program
 * that never connects must be told, too. */
static bool may_have_datagrams(const char *rules)
{
	return rules && (xs_text_has(rules, "udp://") ||
			 xs_text_has(rules, "dtls") || strchr(rules, '@'));
}

static void read_environment(void)
{
	xs_arena_begin(&arena, room, sizeof(room));
	if (!xs_environment_copy(&arena))
		return;
	active = true;
	xs_config_datagrams = may_have_datagrams(xs_environment.rules);
	memory_short = !xs_names_take(xs_environment.names);
	xs_environment_put(xs_names_variable(), &arena);
	xs_trace_attach(xs_environment.trace);
	xs_report_prepare();
}

bool xs_config_active(void)
{
	if (__builtin_expect(!xs_once_is_done(&reading), 0))
		xs_once_read(&reading, read_environment);
	return active;
}

/* --- when the rules are needed ------------------------------------------- */

static int parse_idle(struct xs_error *err)
{
	const char *text = xs_environment.relay_idle;
	char *end;
	long seconds;

	xs_relay_settings.idle = -1;
	if (!text)
		return 0;
	seconds = strtol(text, &end, 10);
	if (*end || seconds < 0 || seconds > 86400)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "XSOCK_RELAY_IDLE: \"%.40s\" is not a "
				    "number of seconds from 0 to 86400",
				    text);
	xs_relay_settings.idle = (int)seconds;
	return 0;
}

static const char *const exec_modes[] = {
	[XS_EXEC_WARN] = "warn",
	[XS_EXEC_REFUSE] = "refuse",
	[XS_EXEC_KEEP] = "keep",
};
enum { EXEC_MODES = sizeof(exec_modes) / sizeof(*exec_modes) };

/* EXEC_MODES: it is none of them. */
static size_t find_exec_mode(const char *text)
{
	size_t mode = 0;

	while (text && mode < EXEC_MODES && strcmp(text, exec_modes[mode]) != 0)
		mode++;
	return mode;
}

/* Where it is wrong, all of the rules are. */
enum xs_exec_mode xs_config_exec(void)
{
	size_t mode = find_exec_mode(xs_environment.exec);

	return mode < EXEC_MODES ? (enum xs_exec_mode)mode : XS_EXEC_REFUSE;
}

static int check_exec(struct xs_error *err)
{
	if (find_exec_mode(xs_environment.exec) < EXEC_MODES)
		return 0;
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "XSOCK_EXEC: \"%.40s\" is none of warn, refuse and "
			    "keep",
			    xs_environment.exec);
}

static int set_relay(struct xs_error *err)
{
	xs_relay_settings.variables = xs_environment.for_relay;
	xs_start_relay_locate(xs_environment.relay, xs_environment.cwd,
			      xs_relay_settings.path);
	return parse_idle(err);
}

/* The errno by which a filter answers.  It cannot be lost, and every thread
 * gets the same answer. */
static int ask_supervised(void)
{
	static int known;
	int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
	int saved = errno;
	off_t rules;

	if (answer || !xs_environment.rules)
		return answer;
	rules = xs_supervised_rules(xs_environment.rules,
				    xs_environment.options);
	/* No file is meant.  NOLINTNEXTLINE(invalidFunctionArg) */
	lseek(-1, rules, XS_SUPERVISED_WHENCE);
	answer = errno;
	__atomic_store_n(&known, answer, __ATOMIC_RELAXED);
	errno = saved;
	return answer;
}

bool xs_config_supervised(void)
{
	return ask_supervised() == XS_SUPERVISED_ERRNO;
}

static int check_supervised(struct xs_error *err)
{
	if (ask_supervised() != XS_SUPERVISED_OTHERS)
		return 0;
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "this process is supervised by an xsock run with "
			    "other rules, and has rules of its own");
}

static void parse(void)
{
	if (xs_log_parse(&xs_config_log, xs_environment.log, xs_environment.cwd,
			 &wrong) < 0)
		xs_config_log.level = XS_LOG_DEFAULT;
	xs_report_start(&xs_config_log);
	if (!xs_environment.rules || memory_short) {
		xs_error_set(&wrong, XS_ERR_SYSTEM, ENOMEM,
			     "no memory for XSOCK_RULES");
		return;
	}
	if (set_relay(&wrong) < 0 || check_exec(&wrong) < 0 ||
	    check_supervised(&wrong) < 0 || xs_error_is_set(&wrong))
		return;
	parsed = xs_rules_read(xs_environment.rules, xs_environment.options,
			       xs_environment.cwd, &arena, &wrong);
	/* Broken rules refuse datagrams as well. */
	if (!parsed)
		xs_config_datagrams = true;
}

/* Leaves the memory to what another thread was doing with it when this process
 * was forked. */
static void forget(void)
{
	arena = (struct xs_arena){ 0 };
	xs_error_clear(&wrong);
}

/* One line for the whole process: what is wrong, and what it means. */
static void complain(const struct xs_error *err)
{
	char sentence[XS_ERROR_TEXT_MAX + 128];

	snprintf(sentence, sizeof(sentence),
		 "%s; every Internet connect of this process is refused",
		 err->text);
	xs_report_process(XS_LOG_ERROR, sentence);
}

/* The process has given its user up, and could not take the names along. */
static void complain_lost(void)
{
	struct xs_error err = { .kind = XS_ERR_NONE };

	xs_error_set(&err, XS_ERR_SYSTEM, ENOMEM,
		     "no memory for the names that were looked up, after a "
		     "change of the user ID");
	complain(&err);
}

const struct xs_rules *xs_config_rules(void)
{
	static bool told;
	int saved = errno;
	bool lost;

	if (!xs_once_parse(&parsing, parse, forget))
		return NULL;
	lost = xs_names_are_lost();
	if ((!parsed || lost) &&
	    !__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		parsed ? complain_lost() : complain(&wrong);
	errno = saved;
	return lost ? NULL : parsed;
}

static bool has_passphrase(const char *text)
{
	return text && strstr(text, "passphrase=");
}

void xs_config_prepare(void)
{
	xs_start_relay_prepare();
	/* What a passphrase is read from (a variable, a descriptor) may be gone
	 * when the program first connects. */
	if (has_passphrase(xs_environment.rules) ||
	    has_passphrase(xs_environment.options))
		xs_once_parse(&parsing, parse, forget);
}
