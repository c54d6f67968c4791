/* Tests: tools/relay/association/waiting.c.
 *
 * Datagrams that wait for the end of a handshake: in order, apart, bounded.
 */
#include "relay/association/waiting.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void expect(struct xs_waiting *waiting, const void *data, size_t len)
{
	const void *first;
	size_t got;

	cr_assert(xs_waiting_first(waiting, &first, &got));
	cr_assert_eq(got, len);
	cr_assert_arr_eq(first, data, len);
	xs_waiting_drop(waiting);
}

Test(relay_waiting, keeps_order_and_boundaries)
{
	struct xs_waiting waiting;
	const void *data;
	size_t len;

	xs_waiting_init(&waiting);
	cr_assert_not(xs_waiting_first(&waiting, &data, &len));
	cr_assert(xs_waiting_put(&waiting, "one", 3));
	cr_assert(xs_waiting_put(&waiting, "", 0));
	cr_assert(xs_waiting_put(&waiting, "three", 5));
	cr_assert_eq(waiting.count, 3);
	expect(&waiting, "one", 3);
	expect(&waiting, "", 0);
	/* One that comes while others are taken is the last. */
	cr_assert(xs_waiting_put(&waiting, "four", 4));
	expect(&waiting, "three", 5);
	expect(&waiting, "four", 4);
	cr_assert_not(xs_waiting_first(&waiting, &data, &len));
	cr_assert_eq(waiting.bytes, 0);
}

Test(relay_waiting, drops_the_newest)
{
	struct xs_waiting waiting;
	char text[8];

	xs_waiting_init(&waiting);
	for (int i = 0; i < XS_WAITING_DATAGRAMS; i++) {
		snprintf(text, sizeof(text), "%d", i);
		cr_assert(xs_waiting_put(&waiting, text, strlen(text)));
	}
	cr_assert_not(xs_waiting_put(&waiting, "more", 4));
	cr_assert_not(xs_waiting_put(&waiting, "", 0));
	expect(&waiting, "0", 1);
	cr_assert(xs_waiting_put(&waiting, "more", 4));
	xs_waiting_clear(&waiting);
	cr_assert_eq(waiting.count, 0);
	cr_assert_eq(waiting.bytes, 0);
	cr_assert(xs_waiting_put(&waiting, "anew", 4));
	expect(&waiting, "anew", 4);
}

Test(relay_waiting, bounds_the_bytes)
{
	static char large[XS_WAITING_BYTES + 1];
	struct xs_waiting waiting;

	xs_waiting_init(&waiting);
	cr_assert_not(xs_waiting_put(&waiting, large, sizeof(large)));
	cr_assert(xs_waiting_put(&waiting, large, sizeof(large) - 2));
	cr_assert_not(xs_waiting_put(&waiting, large, 2));
	cr_assert(xs_waiting_put(&waiting, large, 1));
	cr_assert_not(xs_waiting_put(&waiting, large, 1));
	cr_assert(xs_waiting_put(&waiting, large, 0));
	xs_waiting_clear(&waiting);
}
