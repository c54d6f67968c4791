/* Tests: shim/base/arena.c.
 *
 * Memory that is taken piece by piece. */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Criterion is slow at assertions that hold. */
static bool all_are(const unsigned char *piece, size_t len, unsigned char byte)
{
	for (size_t i = 0; i < len; i++)
		if (piece[i] != byte)
			return false;
	return true;
}

Test(arena, pieces_are_zeroed_aligned_and_apart)
{
	struct xs_arena arena = { NULL };
	unsigned char *piece[2000];

	for (size_t i = 0; i < 2000; i++) {
		piece[i] = xs_arena_take(&arena, i % 300 + 1);
		cr_assert_not_null(piece[i]);
		cr_assert_eq((uintptr_t)piece[i] % 16, 0);
		cr_assert(all_are(piece[i], i % 300 + 1, 0));
		memset(piece[i], (int)(i & 0xff), i % 300 + 1);
	}
	for (size_t i = 0; i < 2000; i++)
		cr_assert(all_are(piece[i], i % 300 + 1, i & 0xff));
	xs_arena_free(&arena);
}

Test(arena, a_piece_may_be_bigger_than_a_chunk)
{
	struct xs_arena arena = { NULL };
	char *big = xs_arena_take(&arena, 10 * 1024 * 1024);

	cr_assert_not_null(big);
	memset(big, 1, 10 * 1024 * 1024);
	cr_assert_not_null(xs_arena_take(&arena, 1));
	xs_arena_free(&arena);
	cr_assert_null(arena.last);
}

Test(arena, nothing_is_a_piece_too)
{
	struct xs_arena arena = { NULL };

	cr_assert_not_null(xs_arena_take(&arena, 0));
	cr_assert_str_eq(xs_arena_copy(&arena, NULL, 0), "");
	xs_arena_free(&arena);
	xs_arena_free(&arena);
}

Test(arena, a_copy_ends_with_nul)
{
	struct xs_arena arena = { NULL };
	const char text[4] = { 'a', 'b', 'c', 'd' };

	cr_assert_str_eq(xs_arena_copy(&arena, text, 3), "abc");
	xs_arena_free(&arena);
}

Test(arena, what_cannot_be_is_enomem)
{
	struct xs_arena arena = { NULL };

	errno = 0;
	cr_assert_null(xs_arena_take(&arena, SIZE_MAX));
	cr_assert_eq(errno, ENOMEM);
	errno = 0;
	cr_assert_null(xs_arena_take(&arena, (size_t)1 << 60));
	cr_assert_eq(errno, ENOMEM);
	cr_assert_null(xs_arena_copy(&arena, "", SIZE_MAX));
	/* And it still works. */
	cr_assert_not_null(xs_arena_take(&arena, 1));
	xs_arena_free(&arena);
}

Test(arena, the_first_pieces_come_out_of_the_room_that_it_is_given)
{
	static _Alignas(16) unsigned char room[512];
	struct xs_arena arena = { NULL };
	unsigned char *first, *big;

	xs_arena_begin(&arena, room, sizeof(room));
	first = xs_arena_take(&arena, 100);
	cr_assert(first > room && first + 100 <= room + sizeof(room));
	cr_assert(all_are(first, 100, 0));
	memset(first, 1, 100);
	big = xs_arena_take(&arena, sizeof(room));
	cr_assert_not_null(big);
	cr_assert(big + sizeof(room) <= room || big >= room + sizeof(room));
	cr_assert(all_are(big, sizeof(room), 0));
	xs_arena_free(&arena);
	cr_assert_null(arena.last);
	cr_assert(all_are(first, 100, 1));
}
