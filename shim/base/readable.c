/* Asking the kernel whether memory can be read; see readable.h. */
#include "base/readable.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

bool xs_readable(const void *at, size_t len)
{
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
	errno = 0;
	syscall(SYS_rt_sigprocmask, -1, first, NULL, 8);
	ok = errno != EFAULT;
	if (ok && (first ^ last) >> 12) {
		syscall(SYS_rt_sigprocmask, -1, last, NULL, 8);
		ok = errno != EFAULT;
	}
	errno = saved;
	return ok;
}
