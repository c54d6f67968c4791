/* Tests: tools/relay/connection/failures.c.
 *
 * The last failures, of which a bounded number is kept. */
#include "relay/connection/failures.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct told {
	int count, most;
	int first, last; /* the numbers in their sentences */
};

static bool note(const struct xs_wire *row, void *with)
{
	struct told *told = with;
	int number = (int)strtol(row->string[XS_WIRE_SENTENCE], NULL, 10);

	if (told->count == told->most)
		return false;
	cr_assert_eq(row->head.type, XS_WIRE_ROW);
	cr_assert_eq(row->head.pid, 4711);
	cr_assert_str_eq(row->string[XS_WIRE_PROGRAM], "curl");
	if (told->count++ == 0)
		told->first = number;
	told->last = number;
	return true;
}

static void add(int number)
{
	struct xs_log_words *log_words;
	struct xs_wire request;
	char sentence[16];

	xs_wire_init(&request, XS_WIRE_CONNECT);
	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		request.string[i] = "";
	request.string[XS_WIRE_PROGRAM] = "curl";
	request.head.pid = 4711;
	log_words = xs_log_words_get(&request);
	snprintf(sentence, sizeof(sentence), "%d", number);
	xs_failures_add(log_words, ETIMEDOUT, false, sentence);
	/* It keeps what it needs of them. */
	xs_log_words_put(log_words);
}

Test(relay_failures, the_last_are_kept)
{
	struct told told = { .most = 100 };
	uint32_t from = 0;

	cr_assert(xs_failures_each(&from, note, &told));
	cr_assert_eq(told.count, 0);
	for (int i = 0; i < XS_FAILURES_MAX + 3; i++)
		add(i);
	cr_assert(xs_failures_each(&from, note, &told));
	cr_assert_eq(told.count, XS_FAILURES_MAX);
	cr_assert_eq(told.first, 3);
	cr_assert_eq(told.last, XS_FAILURES_MAX + 2);
	/* The next walk begins behind, and a number of the future at the end.
	 */
	told = (struct told){ .most = 100 };
	add(1000);
	cr_assert(xs_failures_each(&from, note, &told));
	cr_assert_eq(told.count, 1);
	cr_assert_eq(told.last, 1000);
	from = UINT32_MAX;
	cr_assert(xs_failures_each(&from, note, &told));
	cr_assert_eq(told.count, 1);
}

Test(relay_failures, a_walk_goes_on_where_it_stopped)
{
	struct told told = { .most = 2 };
	uint32_t from = 0;

	for (int i = 0; i < 5; i++)
		add(i);
	cr_assert_not(xs_failures_each(&from, note, &told));
	cr_assert_eq(told.last, 1);
	told = (struct told){ .most = 100 };
	cr_assert(xs_failures_each(&from, note, &told));
	cr_assert_eq(told.first, 2);
	cr_assert_eq(told.last, 4);
}
