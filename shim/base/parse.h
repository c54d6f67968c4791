/* What the parts of the rules' reader share: memory, and the one error.
 *
 * A rule is taken apart from left to right by pattern.c, target.c and
 * option.c.  The one that finds a mistake calls xs_parse_fail with the
 * byte that is wrong.  Only rules.c knows lines and columns; it puts the place
 * in front of the sentence.
 */
#ifndef XS_PARSE_H
#define XS_PARSE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/scheme.h"
#include "base/text.h"

#include <stdint.h>

struct xs_parse {
	struct xs_arena *arena;	  /* for what stays */
	struct xs_arena *scratch; /* for what is needed while reading; NULL:
				     option.c only, which needs none */
	struct xs_error *err;
	const char *wrong;	     /* the byte that the error is about */
	struct xs_service *services; /* names looked up so far: ports.c */
	uint64_t *port_bits;	     /* ports.c */
};

/* Sets the error and the byte that it is about, unless one is set already.
 * Returns -1 always. */
int xs_parse_fail(struct xs_parse *parse, const char *at, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));

/* The same for something that may be the rest of a passphrase, and is therefore
 * not shown: 'something behind a passphrase is not a rule (…)'. */
int xs_parse_fail_behind_secret(struct xs_parse *parse, const char *at,
				const char *what);

/* The same for memory that is short. */
int xs_parse_no_memory(struct xs_parse *parse);

/* Takes "scheme://" off the front of *text.  False, and nothing changed, when
 * there is no "://". */
bool xs_parse_cut_scheme(struct xs_span *text, struct xs_span *scheme);

/* Fails with 'unknown transport "tsl" (did you mean "tls"?)'. */
int xs_parse_unknown_scheme(struct xs_parse *parse, struct xs_span scheme);

/* A copy of span in the arena, or NULL with the error set. */
char *xs_parse_copy(struct xs_parse *parse, struct xs_span span);

#endif
