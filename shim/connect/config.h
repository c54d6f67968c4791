/* What the user has configured: the rules, the log, the relay.
 *
 * The environment is copied when the library is loaded (environment.h).  It is
 * parsed at the first call that needs the rules, so that a program that never
 * connects pays nothing.
 */
#ifndef XS_CONFIG_H
#define XS_CONFIG_H

#include "base/log.h"
#include "rules/rules.h"

#include <stdbool.h>

/* Does this process have rules?  First line of every hook, after the original
 * is known.  Any thread, any signal context. */
bool xs_config_active(void);

/* May there be rules for datagrams, and so pairs of datagrams?  Valid after
 * xs_config_active() has been called; false before. */
extern bool xs_config_datagrams;

/* Once, when the library is loaded, in a process that has rules: what could not
 * be done later.  Not for a signal handler. */
void xs_config_prepare(void);

/* The rules, or NULL when they (or another variable) are unusable: then every
 * Internet connect must be refused.  The reason is logged once per process.
 * The first call also fills xs_config_log and xs_relay_settings
 * (find_relay.h).  Any thread, any signal context. */
const struct xs_rules *xs_config_rules(void);

/* Does a supervisor with the same rules decide about the connects of this
 * process (supervised.h)?  Then they are left to it, and the library only looks
 * up names.  Any thread, any signal context. */
bool xs_config_supervised(void);

/* XSOCK_EXEC: what is done about a program that is started without what the
 * library needs (exec.h). */
enum xs_exec_mode {
	XS_EXEC_WARN, /* the default */
	XS_EXEC_REFUSE,
	XS_EXEC_KEEP,
};

/* It.  Any thread, any signal context. */
enum xs_exec_mode xs_config_exec(void);

/* XSOCK_LOG.  Valid after xs_config_rules() has returned for the first time;
 * off before. */
extern struct xs_log xs_config_log;

#endif
