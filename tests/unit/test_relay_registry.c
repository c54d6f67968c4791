/* The relay's table of connections. */
#include "../../tools/relay/registry.h"

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
