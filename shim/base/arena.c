/* Memory that is taken piece by piece and given back at once; see arena.h.
 *
 * Chunks come from mmap, which zeroes them, and are linked from the newest to
 * the oldest.  They double in size, so that a hundred thousand rules cost a
 * dozen system calls; what is left of a chunk when a big piece does not fit is
 * given up.  An arena has one user at a time.
 */
#include "base/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_MIN ((size_t)64 * 1024)
#define CHUNK_MAX ((size_t)4 * 1024 * 1024)
#define ALIGN	  alignof(max_align_t)

struct xs_arena_chunk {
	struct xs_arena_chunk *older;
	size_t size;
	size_t used; /* this head included */
	bool is_mapped;
};

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) / to * to;
}

/* A new chunk with room for a piece of size bytes, or NULL with ENOMEM. */
static struct xs_arena_chunk *map_chunk(struct xs_arena *arena, size_t size)
{
	const size_t head = round_up(sizeof(struct xs_arena_chunk), ALIGN);
	size_t want = arena->last && arena->last->is_mapped
			      ? arena->last->size * 2
			      : CHUNK_MIN;
	struct xs_arena_chunk *chunk;

	if (want > CHUNK_MAX)
		want = CHUNK_MAX;
	if (want < head + size)
		want = round_up(head + size, CHUNK_MIN);
	chunk = mmap(NULL, want, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk == MAP_FAILED) {
		errno = ENOMEM;
		return NULL;
	}
	chunk->older = arena->last;
	chunk->size = want;
	chunk->used = head;
	chunk->is_mapped = true;
	arena->last = chunk;
	return chunk;
}

void xs_arena_begin(struct xs_arena *arena, void *room, size_t size)
{
	struct xs_arena_chunk *chunk = room;

	*chunk = (struct xs_arena_chunk){
		.size = size,
		.used = round_up(sizeof(*chunk), ALIGN),
	};
	arena->last = chunk;
}

void *xs_arena_take(struct xs_arena *arena, size_t size)
{
	struct xs_arena_chunk *chunk = arena->last;
	char *piece;

	if (size > PTRDIFF_MAX / 2) {
		errno = ENOMEM;
		return NULL;
	}
	size = round_up(size, ALIGN);
	if (!chunk || chunk->size - chunk->used < size) {
		chunk = map_chunk(arena, size);
		if (!chunk)
			return NULL;
	}
	piece = (char *)chunk + chunk->used;
	chunk->used += size;
	return piece;
}

char *xs_arena_copy(struct xs_arena *arena, const char *text, size_t len)
{
	char *copy = len < SIZE_MAX ? xs_arena_take(arena, len + 1) : NULL;

	/* memcpy from NULL is undefined even for no bytes. */
	if (copy && len > 0)
		memcpy(copy, text, len);
	return copy;
}

void xs_arena_free(struct xs_arena *arena)
{
	struct xs_arena_chunk *chunk = arena->last;

	while (chunk) {
		struct xs_arena_chunk *older = chunk->older;

		if (chunk->is_mapped)
			munmap(chunk, chunk->size);
		chunk = older;
	}
	arena->last = NULL;
}
