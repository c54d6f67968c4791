/* The table of looked-up names: shim/names.h. */
#include "names.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct xs_address ip(const char *text)
{
	struct xs_address address;

	cr_assert(xs_address_parse(&address, text));
	return address;
}

static bool has(const char *address, const char *name)
{
	struct xs_address a = ip(address);
	struct xs_names_entry entry;
	unsigned at = 0;

	while (xs_names_next(&a, &at, &entry))
		if (strcmp(entry.name, name) == 0)
			return true;
	return false;
}

static uint64_t add(const char *address, const char *name, int worth)
{
	struct xs_address a = ip(address);

	return xs_names_add(&a, name, XS_NAMES_ASKED, worth);
}

static void share(void)
{
	cr_assert(xs_names_share());
}

static unsigned count(const char *address)
{
	struct xs_address a = ip(address);
	struct xs_names_entry entry;
	unsigned at = 0, n = 0;

	while (xs_names_next(&a, &at, &entry))
		n++;
	return n;
}

Test(names, nothing_is_remembered_before_there_is_a_table)
{
	cr_assert_neq(add("10.0.0.1", "a", XS_NAMES_WORTH_NONE), 0);
	cr_assert_not(has("10.0.0.1", "a"));
}

Test(names, an_address_has_several_names, .init = share)
{
	add("10.0.0.1", "a.example", XS_NAMES_WORTH_NONE);
	add("10.0.0.1", "b.example", XS_NAMES_WORTH_NAME);
	add("10.0.0.1", "b.example", XS_NAMES_WORTH_NAME);
	add("10.0.0.2", "c.example", XS_NAMES_WORTH_NONE);
	cr_assert(has("10.0.0.1", "a.example"));
	cr_assert(has("10.0.0.1", "b.example"));
	cr_assert_not(has("10.0.0.1", "c.example"));
	cr_assert_eq(count("10.0.0.1"), 2);
	/* The mapped form is the same peer. */
	cr_assert(has("::ffff:10.0.0.1", "a.example"));
}

Test(names, what_a_child_resolves_its_parent_knows, .init = share)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		add("2001:db8::1", "v6.example", XS_NAMES_WORTH_NAME);
		_exit(0);
	}
	waitpid(child, &status, 0);
	cr_assert(has("2001:db8::1", "v6.example"));
}

Test(names, what_only_a_rule_knows_is_told_apart)
{
	struct xs_address a = ip("10.0.0.1");
	pid_t child;
	int status;

	cr_assert_not(xs_names_has_synthetic());
	share();
	add("10.0.0.1", "a.example", XS_NAMES_WORTH_NAME);
	xs_names_add(&a, "b.example", XS_NAMES_RULE, XS_NAMES_WORTH_NAME);
	cr_assert_not(xs_names_has_synthetic());
	child = fork();
	if (child == 0) {
		xs_names_add(&a, "c.example", XS_NAMES_SYNTHETIC, 0);
		_exit(0);
	}
	waitpid(child, &status, 0);
	cr_assert(xs_names_has_synthetic());
}

Test(names, a_full_set_is_walked_to_its_end, .init = share)
{
	char name[32];

	for (unsigned i = 0; i < 64; i++) {
		cr_assert_eq(count("10.0.0.1"), i);
		snprintf(name, sizeof(name), "n%u", i);
		add("10.0.0.1", name, XS_NAMES_WORTH_NAME);
		cr_assert(has("10.0.0.1", name));
	}
	cr_assert_eq(count("10.0.0.1"), 64);
}

Test(names, tags_are_exact, .init = share)
{
	struct xs_address v4 = ip("10.0.0.1"), v6 = ip("2001:db8::1");
	uint64_t a = xs_names_add(&v4, "a", XS_NAMES_ASKED, 0);
	uint64_t b = xs_names_add(&v4, "b", XS_NAMES_ASKED, 0);
	uint64_t c = xs_names_add(&v6, "a", XS_NAMES_ASKED, 0);

	cr_assert_neq(a, b);
	cr_assert_neq(a, c);
	cr_assert_not(xs_names_has_tag(&v4, a));
	xs_names_write_tag(&v4.any, a);
	cr_assert(xs_names_has_tag(&v4, a));
	cr_assert_not(xs_names_has_tag(&v4, b));
	cr_assert_not(xs_names_has_tag(&v6, c));
	xs_names_write_tag(&v6.any, c);
	cr_assert(xs_names_has_tag(&v6, c));
	cr_assert_neq(v6.v6.sin6_flowinfo, 0);
}

/* More than a flow label would not come back from Python. */
Test(names, tags_fit_into_a_flow_label, .init = share)
{
	for (int i = 0; i < 100; i++) {
		struct xs_address v6 = ip("2001:db8::1");
		char name[32];

		snprintf(name, sizeof(name), "n%d.example", i);
		xs_names_write_tag(&v6.any,
				   xs_names_add(&v6, name, XS_NAMES_ASKED, 0));
		cr_assert_neq(v6.v6.sin6_flowinfo, 0);
		cr_assert_leq(ntohl(v6.v6.sin6_flowinfo), 0xfffff);
	}
}

Test(names, what_matters_is_kept_longest, .init = share)
{
	char name[32];

	add("10.0.0.1", "matters", XS_NAMES_WORTH_NAME);
	add("10.0.0.1", "some", XS_NAMES_WORTH_ANY);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "plain-%d", i);
		add("10.0.0.1", name, XS_NAMES_WORTH_NONE);
	}
	cr_assert(has("10.0.0.1", "some"));
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "any-%d", i);
		add("10.0.0.1", name, XS_NAMES_WORTH_ANY);
	}
	cr_assert_not(has("10.0.0.1", "some"));
	cr_assert(has("10.0.0.1", "matters"));
	cr_assert(has("10.0.0.1", "any-999"));
	cr_assert_not(has("10.0.0.1", "any-0"));
}

Test(names, a_name_of_full_length_fits, .init = share)
{
	char name[XS_NAME_MAX];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	add("10.0.0.1", name, XS_NAMES_WORTH_NONE);
	cr_assert(has("10.0.0.1", name));
}

/* Many processes write the same slots; a reader sees whole entries only. */
Test(names, writers_do_not_tear_entries, .init = share)
{
	struct xs_address a = ip("10.0.0.1");
	pid_t child[4];

	for (int c = 0; c < 4; c++) {
		child[c] = fork();
		if (child[c])
			continue;
		for (int i = 0; i < 20000; i++) {
			char name[64];

			memset(name, 'a' + (c * 4 + i) % 26, 40);
			name[40] = '\0';
			xs_names_add(&a, name, XS_NAMES_ASKED, 1);
		}
		_exit(0);
	}
	for (int i = 0; i < 20000; i++) {
		struct xs_names_entry entry;
		unsigned at = 0;

		while (xs_names_next(&a, &at, &entry)) {
			char one[2] = { entry.name[0], '\0' };

			cr_assert_eq(strlen(entry.name), 40);
			cr_assert_eq(strspn(entry.name, one), 40);
		}
	}
	for (int c = 0; c < 4; c++)
		waitpid(child[c], NULL, 0);
}

/* What the library looked up for a rule does not pass for a name that the
 * application asked for. */
Test(names, kinds_are_kept_apart, .init = share)
{
	struct xs_address a = ip("10.0.0.1");
	struct xs_names_entry entry;
	unsigned at = 0, asked = 0, of_rules = 0;

	xs_names_add(&a, "a", XS_NAMES_RULE, XS_NAMES_WORTH_NAME);
	xs_names_add(&a, "a", XS_NAMES_ASKED, XS_NAMES_WORTH_NAME);
	xs_names_add(&a, "a", XS_NAMES_RULE, XS_NAMES_WORTH_NAME);
	while (xs_names_next(&a, &at, &entry)) {
		asked += entry.kind == XS_NAMES_ASKED;
		of_rules += entry.kind == XS_NAMES_RULE;
	}
	cr_assert_eq(asked, 1);
	cr_assert_eq(of_rules, 1);
}

enum { WRITERS = 4, ROUNDS = 20000 };
static pthread_barrier_t together;

static void *write_names(void *number)
{
	static int lost;
	char name[32], address[32];

	snprintf(name, sizeof(name), "w%d.example", *(int *)number);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(address, sizeof(address), "10.7.%d.%d", i >> 8,
			 i & 255);
		pthread_barrier_wait(&together);
		add(address, name, XS_NAMES_WORTH_NONE);
		pthread_barrier_wait(&together);
		if (!has(address, name))
			__atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
	}
	return &lost;
}

/* Of two that choose the same slot, one must look for another. */
Test(names, threads_lose_none, .init = share)
{
	static int number[WRITERS] = { 0, 1, 2, 3 };
	pthread_t thread[WRITERS];
	void *lost;

	pthread_barrier_init(&together, NULL, WRITERS);
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&thread[i], NULL, write_names, &number[i]);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], &lost);
	cr_assert_eq(*(int *)lost, 0, "%d lost", *(int *)lost);
}
