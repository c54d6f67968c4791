/* Memory that is taken piece by piece and given back at once.
 *
 * The library may read its rules inside any connect(), also one in a signal
 * handler.  So it does not call the application's malloc: an arena maps pages
 * of its own.
 */
#ifndef XS_ARENA_H
#define XS_ARENA_H

#include <stddef.h>

struct xs_arena_chunk;

struct xs_arena {
	struct xs_arena_chunk *last; /* NULL: empty */
};

/* Takes the first pieces out of room: size zeroes, aligned for any type, that
 * stay.  For an empty arena. */
void xs_arena_begin(struct xs_arena *arena, void *room, size_t size);

/* size bytes of zeroes, aligned for any type; NULL with errno ENOMEM. */
void *xs_arena_take(struct xs_arena *arena, size_t size);

/* A copy of text[0..len) with a NUL behind it; NULL with errno ENOMEM. */
char *xs_arena_copy(struct xs_arena *arena, const char *text, size_t len);

/* Gives everything back. */
void xs_arena_free(struct xs_arena *arena);

#endif
