/* A client configuration of stunnel(8) as rules.
 *
 * A program that is set up for stunnel connects to the address where stunnel
 * accepts.  The rule is about that address, so the program keeps its own
 * configuration, and stunnel is not needed any more.
 */
#ifndef XS_STUNNEL_H
#define XS_STUNNEL_H

#include "base/option.h"

#include <stdio.h>

/* Something that has no counterpart in rules, or that xsock does otherwise. */
struct xs_stunnel_note {
	const char *text;
	const struct xs_stunnel_note *next;
};

/* One section.  What stands above the first section is the default of all, as
 * in stunnel. */
struct xs_stunnel_service {
	const char *name; /* what stands in "[name]"; NULL: the defaults */
	unsigned line;
	bool client;
	const char *accept, *connect, *protocol, *sni;
	const char *expected; /* checkHost or checkIP: the first of them */
	int version;	      /* both versions are this one; 0: they differ */
	bool verified;	      /* stunnel checked the chain or the certificate */
	bool connected;	    /* a second "connect" is a server to fall back to */
	const char *cannot; /* the key that makes it impossible, or NULL */
	struct xs_options options;
	const struct xs_stunnel_note *notes; /* the last one first */
	struct xs_stunnel_service *next;
};

struct xs_stunnel {
	const struct xs_stunnel_note *notes; /* of what is above the sections */
	const struct xs_stunnel_service *first;
};

/* Reads a configuration and the folders that it includes.  All memory is from
 * the arena.  Returns 0, or -1 with *err set, whose text has the file and the
 * line. */
int xs_stunnel_read(const char *file, struct xs_stunnel *to,
		    struct xs_arena *arena, struct xs_error *err);

/* Writes the notes as comments, in their order. */
void xs_stunnel_print_notes(FILE *file, const struct xs_stunnel_note *last);

/* Writes the section as lines of a file of rules: comments, and the rules.
 * What cannot be converted is a comment that says why.  Each rule is read as
 * the library would.  Returns 0, or -1 with *err set when a rule is wrong or
 * cannot be made. */
int xs_stunnel_convert(FILE *file, const struct xs_stunnel_service *service,
		       struct xs_arena *arena, struct xs_error *err);

#endif
