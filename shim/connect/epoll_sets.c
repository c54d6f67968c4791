/* Epoll sets by number; see epoll_sets.h.
 *
 * A number that has become something else is forgotten when it is looked at.
 */
#include "connect/epoll_sets.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Numbers below 1,048,576, the kernel's fs.nr_open: a bit for each.  Memory is
 * used for those parts only that are written. */
enum { WORDS = (1 << 20) / 64 };

static uint64_t known[WORDS], distrusted[WORDS];
static int used; /* words in which there may be a bit */

static bool is_in(const uint64_t *numbers, int fd)
{
	return fd >= 0 && fd / 64 < WORDS &&
	       (__atomic_load_n(&numbers[fd / 64], __ATOMIC_RELAXED) &
		(uint64_t)1 << fd % 64);
}

static void put_in(uint64_t *numbers, int fd)
{
	int before = __atomic_load_n(&used, __ATOMIC_RELAXED);

	if (fd < 0 || fd / 64 >= WORDS)
		return;
	__atomic_fetch_or(&numbers[fd / 64], (uint64_t)1 << fd % 64,
			  __ATOMIC_RELAXED);
	while (before <= fd / 64 &&
	       !__atomic_compare_exchange_n(&used, &before, fd / 64 + 1, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static void take_out(uint64_t *numbers, int fd)
{
	__atomic_fetch_and(&numbers[fd / 64], ~((uint64_t)1 << fd % 64),
			   __ATOMIC_RELAXED);
}

void xs_epoll_sets_note(int set)
{
	if (!is_in(known, set))
		put_in(known, set);
}

void xs_epoll_sets_copied(int from, int to)
{
	if (is_in(known, from))
		put_in(known, to);
	if (is_in(distrusted, from))
		put_in(distrusted, to);
}

void xs_epoll_sets_distrust(int set)
{
	put_in(distrusted, set);
}

bool xs_epoll_sets_is_distrusted(int set)
{
	return is_in(distrusted, set);
}

/* --- asking the kernel ---------------------------------------------------- */

enum answer { WATCHES, WATCHES_NOT, IS_NO_SET };

/* Who may not call one of these may not have a ring either: EBADF is what the
 * kernel says of this number. */
static bool may_have_ring(void)
{
	return syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0) < 0 &&
	       errno == EBADF;
}

static enum answer ask(int set, int fd)
{
	const struct kcmp_epoll_slot slot = { .efd = (uint32_t)set,
					      .tfd = (uint32_t)fd };
	/* A thread may have descriptors of its own. */
	const long self = syscall(SYS_gettid);

	if (syscall(SYS_kcmp, self, self, KCMP_EPOLL_TFD, fd, &slot) >= 0)
		return WATCHES;
	switch (errno) {
	case ENOENT:
		return WATCHES_NOT;
	case EINVAL:
	case EBADF:
		return IS_NO_SET;
	default: /* a seccomp filter, or a kernel without it */
		return may_have_ring() ? WATCHES : WATCHES_NOT;
	}
}

static void consider(int set, int fd, void (*visit)(int set, void *with),
		     void *with)
{
	switch (ask(set, fd)) {
	case WATCHES:
		visit(set, with);
		break;
	case WATCHES_NOT:
		break;
	case IS_NO_SET:
		take_out(known, set);
		take_out(distrusted, set);
		break;
	}
}

void xs_epoll_sets_each(int fd, void (*visit)(int set, void *with), void *with)
{
	int words = __atomic_load_n(&used, __ATOMIC_ACQUIRE);

	for (int at = 0; at < words; at++) {
		uint64_t left = __atomic_load_n(&known[at], __ATOMIC_RELAXED);

		for (; left; left &= left - 1)
			consider(at * 64 + __builtin_ctzll(left), fd, visit,
				 with);
	}
}
