/* Tests: shim/rules/names.c, names_memory.c, names_hand_on.c.
 *
 * The table of names that were looked up. */
#include "rules/names.h"
#include "rules/names_hand_on.h"
#include "rules/names_memory.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
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
	cr_assert(xs_names_take(NULL));
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

/* --- from program to program --------------------------------------------- */

/* As a program does that is started anew: without the memory of this one. */
static void forget(void)
{
	xs_names_table = NULL;
}

static const char *told(void)
{
	static char text[XS_NAMES_TEXT_MAX];

	cr_assert_lt(xs_names_tell(text), sizeof(text));
	return strchr(text, '=') + 1;
}

Test(names, a_program_that_is_told_the_number_shares_the_table)
{
	struct xs_names_table *first;
	char value[64];

	share();
	first = xs_names_table;
	snprintf(value, sizeof(value), "%s", xs_names_handle());
	forget();
	cr_assert(xs_names_take(value));
	cr_assert_neq(xs_names_table, first);
	add("10.0.0.1", "a", XS_NAMES_WORTH_NONE);
	xs_names_table = first;
	cr_assert(has("10.0.0.1", "a"));
}

Test(names, a_number_without_its_cookie_is_somebody_elses)
{
	static const char *const wrong[] = { "",    "1",    ".",
					     "0.0", "-1.5", "99999999999.1",
					     "x.y" };
	char value[64];

	share();
	add("10.0.0.1", "a", XS_NAMES_WORTH_NONE);
	snprintf(value, sizeof(value), "%s0", xs_names_handle());
	forget();
	cr_assert(xs_names_take(value));
	cr_assert_not(has("10.0.0.1", "a"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		forget();
		cr_assert(xs_names_take(wrong[i]), "%s", wrong[i]);
		cr_assert_not(has("10.0.0.1", "a"));
	}
}

Test(names, the_latest_that_matter_are_told_in_words_too)
{
	char value[XS_NAMES_TEXT_MAX], name[32];

	share();
	add("10.0.0.1", "old.example", XS_NAMES_WORTH_GLOB);
	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		add("2001:db8::1", name, XS_NAMES_WORTH_GLOB);
	}
	add("10.0.0.2", "nobodys", XS_NAMES_WORTH_NONE);
	snprintf(value, sizeof(value), "0.0%s", strchr(told(), ','));
	forget();
	cr_assert(xs_names_take(value));
	cr_assert(has("2001:db8::1", "n31.example"));
	cr_assert_eq(count("2001:db8::1"), 32);
	cr_assert_not(has("10.0.0.1", "old.example"));
	cr_assert_not(has("10.0.0.2", "nobodys"));
}

Test(names, long_names_are_told_as_far_as_there_is_room)
{
	char name[XS_NAME_MAX], value[XS_NAMES_TEXT_MAX];

	share();
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (char i = 'a'; i <= 'z'; i++) {
		name[0] = i;
		add("10.0.0.1", name, XS_NAMES_WORTH_NAME);
	}
	snprintf(value, sizeof(value), "0.0%s", strchr(told(), ','));
	forget();
	cr_assert(xs_names_take(value));
	cr_assert_geq(count("10.0.0.1"), 6);
}

Test(names, words_that_are_no_names_are_left_out)
{
	share();
	forget();
	cr_assert(xs_names_take("0.0,02/10.0.0.1/a,,x,22/10.0.0.1/b,"
				"09/10.0.0.1/c,02/10.0.0/d,02/10.0.0.1/,"
				"02/10.0.0.1/1.2.3.4,12/::ffff:10.0.0.1/E"));
	cr_assert_eq(count("10.0.0.1"), 2);
	cr_assert(has("10.0.0.1", "a"));
	cr_assert(has("10.0.0.1", "e"));
	cr_assert(xs_names_has_synthetic());
}

/* --- another user -----------------------------------------------------------
 */

/* Waits for the child, which must have ended well. */
static void join(pid_t child)
{
	int status;

	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}

/* The tables of one child are written to by hand, as by one that an attacker
 * has. */
static void wipe(void)
{
	memset(xs_names_table->slot, 0, sizeof(xs_names_table->slot));
}

Test(names, a_child_of_another_user_has_a_copy)
{
	pid_t child;

	if (getuid() != 0)
		cr_skip_test("only root may become somebody else");
	share();
	add("10.0.0.1", "a", XS_NAMES_WORTH_GLOB);
	child = fork();
	if (child == 0) {
		char before[64];

		snprintf(before, sizeof(before), "%s", xs_names_handle());
		cr_assert_eq(setuid(65534), 0);
		cr_assert(xs_names_follow_user());
		cr_assert_not(xs_names_follow_user());
		cr_assert(has("10.0.0.1", "a"));
		cr_assert_str_neq(xs_names_handle(), before);
		/* What it looks up, its own children know. */
		if (fork() == 0) {
			add("10.0.0.2", "b", XS_NAMES_WORTH_GLOB);
			_exit(0);
		}
		wait(NULL);
		cr_assert(has("10.0.0.2", "b"));
		wipe();
		cr_assert_not(has("10.0.0.1", "a"));
		_exit(0);
	}
	join(child);
	cr_assert(has("10.0.0.1", "a"));
	cr_assert_not(has("10.0.0.2", "b"));
}

Test(names, one_that_can_come_back_shares_it_still)
{
	if (getuid() != 0)
		cr_skip_test("only root may become somebody else");
	share();
	cr_assert_eq(seteuid(65534), 0);
	cr_assert_not(xs_names_follow_user());
	cr_assert_eq(seteuid(0), 0);
}

Test(names, a_lookup_after_a_change_past_the_hooks_does_not_reach_the_parent)
{
	pid_t child;

	if (getuid() != 0)
		cr_skip_test("only root may become somebody else");
	share();
	child = fork();
	if (child == 0) {
		cr_assert_eq(setuid(65534), 0);
		add("10.0.0.1", "a", XS_NAMES_WORTH_GLOB);
		cr_assert(has("10.0.0.1", "a"));
		_exit(0);
	}
	join(child);
	cr_assert_not(has("10.0.0.1", "a"));
}

Test(names, a_vfork_child_leaves_its_parents_memory_alone)
{
	char before[64];
	pid_t child;

	if (getuid() != 0)
		cr_skip_test("only root may become somebody else");
	share();
	snprintf(before, sizeof(before), "%s", xs_names_handle());
	child = vfork();
	if (child == 0) {
		bool moved = setuid(65534) == 0 && xs_names_follow_user();

		_exit(moved);
	}
	join(child);
	cr_assert_str_eq(xs_names_handle(), before);
}

Test(names, the_table_of_another_user_is_not_taken)
{
	char value[64];
	pid_t child;

	if (getuid() != 0)
		cr_skip_test("only root may become somebody else");
	share();
	add("10.0.0.1", "a", XS_NAMES_WORTH_GLOB);
	snprintf(value, sizeof(value), "%s", xs_names_handle());
	child = fork();
	if (child == 0) {
		cr_assert_eq(setuid(65534), 0);
		forget();
		cr_assert(xs_names_take(value));
		cr_assert_not(has("10.0.0.1", "a"));
		_exit(0);
	}
	join(child);
}

Test(names, root_does_not_take_what_another_user_can_write_to)
{
	char value[64] = "";
	int pipes[2];
	pid_t child;

	if (getuid() != 0)
		cr_skip_test("only root may become somebody else");
	cr_assert_eq(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		cr_assert_eq(setuid(65534), 0);
		share();
		add("10.0.0.1", "a", XS_NAMES_WORTH_GLOB);
		cr_assert_gt(write(pipes[1], xs_names_handle(),
				   strlen(xs_names_handle())),
			     0);
		pause();
	}
	cr_assert_gt(read(pipes[0], value, sizeof(value) - 1), 0);
	cr_assert(xs_names_take(value));
	cr_assert_not(has("10.0.0.1", "a"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

struct mover {
	unsigned added;
	bool stop;
};

static void *add_all_the_time(void *argument)
{
	struct mover *mover = argument;
	char name[32];

	while (!__atomic_load_n(&mover->stop, __ATOMIC_ACQUIRE) &&
	       mover->added < 30) {
		snprintf(name, sizeof(name), "n%u", mover->added);
		add("10.0.0.1", name, XS_NAMES_WORTH_GLOB);
		mover->added++;
	}
	return NULL;
}

/* One thread gives the user up for all of them (nptl(7)). */
Test(names, what_other_threads_add_meanwhile_is_not_lost)
{
	if (getuid() != 0)
		cr_skip_test("only root may become somebody else");
	for (int round = 0; round < 50; round++) {
		pid_t child = fork();
		struct mover mover = { 0 };
		pthread_t thread;

		if (child == 0) {
			forget();
			share();
			pthread_create(&thread, NULL, add_all_the_time, &mover);
			cr_assert_eq(setuid(65534), 0);
			xs_names_follow_user();
			mover.stop = true;
			pthread_join(thread, NULL);
			cr_assert_eq(count("10.0.0.1"), mover.added);
			_exit(0);
		}
		join(child);
	}
}
