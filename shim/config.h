/* The environment of the application: the only module that reads it.
 *
 * The variables are copied when the library is loaded, because programs
 * overwrite and clean their environment.  The rules are parsed at the first
 * call that needs them, so that a program that never connects pays nothing.
 */
#ifndef XS_CONFIG_H
#define XS_CONFIG_H

#include "error.h"
#include "log.h"
#include "rules.h"

#include <limits.h>
#include <stdbool.h>

struct xs_config {
	bool active;	     /* XSOCK_RULES is set and not empty */
	bool memory_short;   /* for what the rules need */
	const char *rules;   /* the variables' values; NULL: not set */
	const char *options;
	const char *log_value;
	const char *relay;
	const char *relay_idle;
	const char *cert_file;
	const char *cert_dir;
	const char *keylog_file;
	const char *openssl_conf;
	/* What the resolver is told, for the relay's: "NAME=value"; ended by
	 * NULL. */
	const char *resolver[4];
	const char *cwd; /* when the library was loaded; NULL: unknown */
	/* Valid after xs_config_rules() has returned for the first time: */
	struct xs_log log;
	int idle; /* seconds; -1: not set */
	char relay_path[PATH_MAX];
};

extern struct xs_config xs_config;

/* Copies the environment.  Called once, by the constructor or the first
 * hook. */
void xs_config_read(void);

/* First line of every hook, after the original is known: does this process
 * have rules? */
bool xs_config_active(void);

/* The rules, or NULL when they (or another variable) are unusable: then every
 * Internet connect must be refused.  The reason is logged once per process.
 * Any thread. */
const struct xs_rules *xs_config_rules(void);

#endif
