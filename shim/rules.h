/* The rules: from the text of XSOCK_RULES to a list of struct xs_rule.
 *
 * Everything that can be wrong is found here, when the rules are read, and
 * told with its place: "XSOCK_RULES:1:23: unknown transport "tsl" (did you
 * mean "tls"?)".  A list is immutable once it is made, so any number of
 * threads may match against it.
 */
#ifndef XS_RULES_H
#define XS_RULES_H

#include "address.h"
#include "arena.h"
#include "error.h"
#include "option.h"
#include "scheme.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum xs_host_kind {
	XS_HOST_ANY,	 /* "*" */
	XS_HOST_NAME,	 /* an exact name, lower case, no trailing dot */
	XS_HOST_GLOB,	 /* a name with "*" or "?" in it */
	XS_HOST_NETWORK, /* an IP address with a number of bits */
};

struct xs_port_range {
	uint16_t first, last;
};

struct xs_pattern {
	bool udp; /* "udp://" in front; without it a pattern means TCP */
	enum xs_host_kind kind;
	const char *name;	   /* NAME, GLOB */
	struct xs_address network; /* NETWORK */
	unsigned bits;
	const struct xs_port_range *ports; /* nports of them; 0: every port */
	size_t nports;
};

struct xs_target {
	const struct xs_scheme *scheme;
	const char *host; /* a name, lower case; NULL: none, or an address */
	struct xs_address address; /* when the host is an IP address (len > 0) */
	uint16_t port; /* 0: the original one */
};

struct xs_rule {
	struct xs_pattern pattern;
	struct xs_target target;
	struct xs_options options;
	const char *options_text; /* canonical */
	const char *text;	  /* as written, cut at 200 characters */
	const char *place;	  /* "XSOCK_RULES:1:1" or "/etc/x.rules:3:1" */
};

struct xs_rules {
	const struct xs_rule *rule;
	size_t count;
	/* … whatever makes matching fast: see match.c */
	struct xs_index *index;
};

/* Reads the text of XSOCK_RULES (NULL: no rules) over the options that every
 * rule starts from (XSOCK_OPTIONS, NULL: none).  Relative file names start
 * from cwd (NULL: they are refused).  All memory is from the arena.  Returns
 * the rules, or NULL with *err set. */
struct xs_rules *xs_rules_read(const char *rules, const char *options,
			       const char *cwd, struct xs_arena *arena,
			       struct xs_error *err);

#endif
