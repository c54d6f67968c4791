/* The environment of the application: the only file that reads it.  (But for
 * what start_relay.c passes on to a relay that was built with a sanitizer.)
 *
 * The variables are copied when the library is loaded, because programs
 * overwrite and clean their environment.
 */
#ifndef XS_ENVIRONMENT_H
#define XS_ENVIRONMENT_H

#include "base/arena.h"
#include "base/relay_variable.h"

#include <stdbool.h>

/* The variables of this library itself. */
enum { XS_ENVIRONMENT_OWN = 8 };

enum { XS_ENVIRONMENT_PROGRAM = 64 };

/* The variables' values; NULL: not set, or empty.  File names are absolute, as
 * far as the working directory is known, but for those of this library's own
 * variables. */
struct xs_environment {
	const char *rules;	  /* XSOCK_RULES */
	const char *options;	  /* XSOCK_OPTIONS */
	const char *log;	  /* XSOCK_LOG */
	const char *relay;	  /* XSOCK_RELAY */
	const char *relay_idle;	  /* XSOCK_RELAY_IDLE */
	const char *exec;	  /* XSOCK_EXEC */
	const char *front;	  /* XSOCK_FRONT */
	const char *trace;	  /* XSOCK_TRACE */
	const char *names;	  /* XSOCK_NAMES; only until it is put */
	const char *cert_file;	  /* SSL_CERT_FILE */
	const char *cert_dir;	  /* SSL_CERT_DIR */
	const char *keylog_file;  /* SSLKEYLOGFILE */
	const char *openssl_conf; /* OPENSSL_CONF */
	/* For the environment of the relay (relay_variable.h): "NAME=value";
	 * ended by NULL. */
	const char *for_relay[XS_RELAY_VARIABLES + 1];
	const char *cwd; /* when it was copied; NULL: unknown */
	/* The program's name, which many daemons overwrite. */
	char program[XS_ENVIRONMENT_PROGRAM];
	/* What a program that is started needs, each "NAME=value": LD_PRELOAD
	 * if it names this library, else NULL; XSOCK_RULES and this library's
	 * other variables, ended by NULL. */
	const char *preload;
	const char *own[XS_ENVIRONMENT_OWN + 1];
};

extern struct xs_environment xs_environment;

/* Copies the variables into the arena.  Returns false, and copies nothing, when
 * there are no rules, or when they must not count: in a set-user-ID program
 * they would be those of somebody else.  (When memory is short a value is
 * NULL.) */
bool xs_environment_copy(struct xs_arena *arena);

/* Puts "NAME=value", which must stay, into the environment of this process, in
 * the place of a variable of that name or behind the others.  For the
 * constructor; without malloc, as setenv(3) would need it.  (When memory is
 * short the environment stays as it is.) */
void xs_environment_put(const char *variable, struct xs_arena *arena);

#endif
