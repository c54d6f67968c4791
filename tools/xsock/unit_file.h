/* The [Service] section of a unit of systemd, with its drop-ins.
 *
 * Reads what systemd would merge (systemd.unit(5), "UNIT FILE LOAD PATH"): the
 * first file of that name in the folders, and the files "NAME.service.d/X.conf"
 * and "service.d/X.conf", of which the first of one name counts.  An instance
 * "a@b.service" has the file "a@.service" and the drop-ins of both.  systemd
 * itself is not asked, so that this works in an image, too.
 */
#ifndef XS_UNIT_FILE_H
#define XS_UNIT_FILE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>

/* One assignment. */
struct xs_unit_line {
	const char *key, *value;
	const struct xs_unit_line *next;
};

struct xs_unit {
	const char *name; /* with ".service" */
	const char *file; /* the unit's own file, as root and path */
	const struct xs_unit_line *lines; /* in order */
};

/* Reads the service name (".service" may be left out) below root ("" is this
 * system).  All memory is from the arena.  Returns 0, or -1 with *err set. */
int xs_unit_read(const char *name, const char *root, struct xs_unit *unit,
		 struct xs_arena *arena, struct xs_error *err);

/* The value that counts of a setting that has one: the last.  NULL when there
 * is none or it is empty. */
const char *xs_unit_value(const struct xs_unit *unit, const char *key);

/* Takes the next word of a setting that is a list, in which an empty
 * assignment forgets what stands before it.  Start with *at == NULL and *word
 * == NULL.  The word is [*word, *word + return value); 0 at the end.  Quotes
 * are not taken away. */
size_t xs_unit_word(const struct xs_unit *unit, const char *key,
		    const struct xs_unit_line **at, const char **word);

/* True when word is one of the list. */
bool xs_unit_has(const struct xs_unit *unit, const char *key, const char *word);

#endif
