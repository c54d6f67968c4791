/* Asking the kernel whether memory can be read; see readable.h. */
#include "base/readable.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Pages have 4096 bytes or a multiple of that. */
static bool is_same_page(uintptr_t a, uintptr_t b)
{
	return !((a ^ b) >> 12);
}

bool xs_readable(const void *at, size_t len)
{
	const uintptr_t own = (uintptr_t)__builtin_frame_address(0);
	uintptr_t first = (uintptr_t)at & ~(uintptr_t)7;
	uintptr_t last = ((uintptr_t)at + len - 1) & ~(uintptr_t)7;
	int saved = errno;
	bool ok;

	/* An invalid "how" makes the kernel read eight bytes, then complain.
	 * Aligned ones never reach into another page.  NULL is "no set".  A
	 * seccomp filter may answer something else (EPERM): then the memory is
	 * taken for readable, because a connect that is not looked at would be
	 * plaintext. */
	if (!first)
		return false;
	/* The page that this function's own frame is in: most callers have the
	 * address of a peer there, and the call takes longer than all else that
	 * is done for a datagram. */
	if (is_same_page(first, own) && is_same_page(last, own))
		return true;
	errno = 0;
	syscall(SYS_rt_sigprocmask, -1, first, NULL, 8);
	ok = errno != EFAULT;
	if (ok && !is_same_page(first, last)) {
		syscall(SYS_rt_sigprocmask, -1, last, NULL, 8);
		ok = errno != EFAULT;
	}
	errno = saved;
	return ok;
}
