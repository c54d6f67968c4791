/* Tests: shim/base/readable.c.
 *
 * Memory that a program hands over is looked at only where that cannot end the
 * program.
 */
#include "base/readable.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* So many pages that can be read, in front of one that cannot. */
static char *pages(size_t count)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *made = mmap(NULL, (count + 1) * page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq((void *)made, MAP_FAILED);
	cr_assert_eq(mprotect(made + count * page, page, PROT_NONE), 0);
	return made + count * page;
}

Test(readable, what_can_be_read)
{
	char near[16] = "", far[3 * 4096] = "";
	char *end = pages(2);

	errno = 7;
	cr_assert(xs_readable(near, sizeof(near)));
	cr_assert(xs_readable(far, sizeof(far)));
	cr_assert(xs_readable("text", 5));
	cr_assert(xs_readable(end - 5000, 5000));
	cr_assert(xs_readable(end - 1, 1));
	cr_assert_eq(errno, 7);
}

Test(readable, what_cannot)
{
	char *end = pages(1);

	errno = 7;
	cr_assert_not(xs_readable(NULL, 1));
	cr_assert_not(xs_readable(end, 1));
	cr_assert_not(xs_readable(end - 1, 2));
	cr_assert_not(xs_readable(end + 100, 16));
	cr_assert_eq(errno, 7);
}

static ucontext_t tester, tested;
static char *stack_end;
static bool inside, across;

static void look(void)
{
	inside = xs_readable(stack_end - 32, 32);
	across = xs_readable(stack_end - 32, 64);
}

/* The last page of a stack that nothing readable is behind. */
Test(readable, the_end_of_a_stack)
{
	enum { STACK = 16 * 4096 };

	stack_end = pages(STACK / (size_t)sysconf(_SC_PAGESIZE));
	cr_assert_eq(getcontext(&tested), 0);
	tested.uc_stack.ss_sp = stack_end - STACK;
	tested.uc_stack.ss_size = STACK;
	tested.uc_link = &tester;
	makecontext(&tested, look, 0);
	cr_assert_eq(swapcontext(&tester, &tested), 0);
	cr_assert(inside);
	cr_assert_not(across);
}
