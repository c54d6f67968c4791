/* Tests: tools/relay/client/registry.c.
 *
 * The table from the id of a connection to its TCP socket. */
#include "relay/client/registry.h"

#include <criterion/criterion.h>
#include <stddef.h>

static void take_fd(struct xs_registered *registered, void *with)
{
	*(int *)with = registered->tcp_fd;
}

Test(relay_registry, finds_only_what_is_there)
{
	/* The same id twice, and one that shares their bucket. */
	struct xs_registered a = { .id = 7, .inode = 1, .tcp_fd = 10 };
	struct xs_registered b = { .id = 7, .inode = 2, .tcp_fd = 20 };
	struct xs_registered c = { .id = 7 + 8192, .inode = 1, .tcp_fd = 30 };
	int fd = -1;

	xs_registry_add(&a);
	xs_registry_add(&b);
	xs_registry_add(&c);
	cr_assert(xs_registry_use(7, 0, 2, take_fd, &fd));
	cr_assert_eq(fd, 20);
	cr_assert(xs_registry_use(7 + 8192, 0, 1, take_fd, &fd));
	cr_assert_eq(fd, 30);
	cr_assert_not(xs_registry_use(7, 0, 3, take_fd, &fd));
	cr_assert_not(xs_registry_use(7, 1, 2, take_fd, &fd));
	xs_registry_set_fd(&b, 21);
	xs_registry_remove(&a);
	cr_assert_not(xs_registry_use(7, 0, 1, take_fd, &fd));
	cr_assert(xs_registry_use(7, 0, 2, take_fd, &fd));
	cr_assert_eq(fd, 21);
	xs_registry_remove(&b);
	xs_registry_remove(&c);
	xs_registry_remove(&c); /* harmless */
	cr_assert_not(xs_registry_use(7, 0, 2, take_fd, &fd));
}

/* Notes the ids in the order in which they come, and stops at most. */
struct walk {
	uint32_t id[8];
	int count, most;
	struct xs_registry_place behind;
};

static bool note(struct xs_registered *registered,
		 const struct xs_registry_place *behind, void *with)
{
	struct walk *walk = with;

	if (walk->count == walk->most)
		return false;
	walk->id[walk->count++] = registered->id;
	walk->behind = *behind;
	return true;
}

Test(relay_registry, walks_over_all)
{
	/* Two in one bucket, and one in the last. */
	struct xs_registered a = { .id = 7, .inode = 1 };
	struct xs_registered b = { .id = 7 + 8192, .inode = 2 };
	struct xs_registered c = { .id = 8191, .inode = 3 };
	struct xs_registry_place place = { 0, 0 };
	struct walk walk = { .most = 8 };

	cr_assert(xs_registry_each(&place, note, &walk));
	cr_assert_eq(walk.count, 0);
	xs_registry_add(&a);
	xs_registry_add(&b);
	xs_registry_add(&c);
	place = (struct xs_registry_place){ 0, 0 };
	walk.most = 1;
	for (int i = 0; i < 3; i++) {
		walk.most = i + 1;
		cr_assert_eq(xs_registry_each(&place, note, &walk), i == 2);
		cr_assert_eq(walk.count, i + 1);
		/* The next walk begins where a client was told that it does. */
		place = walk.behind;
	}
	cr_assert_eq(walk.id[0], 7 + 8192);
	cr_assert_eq(walk.id[1], 7);
	cr_assert_eq(walk.id[2], 8191);
	cr_assert(xs_registry_each(&place, note, &walk));
	place = (struct xs_registry_place){ UINT32_MAX, UINT32_MAX };
	cr_assert(xs_registry_each(&place, note, &walk));
	place = (struct xs_registry_place){ 7, UINT32_MAX };
	walk.most = 4;
	cr_assert(xs_registry_each(&place, note, &walk));
	cr_assert_eq(walk.count, 4);
	xs_registry_remove(&a);
	xs_registry_remove(&b);
	xs_registry_remove(&c);
}
