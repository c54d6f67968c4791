/* Hooks: ioctl.
 *
 * SIOCOUTQ and SIOCOUTQNSD ask how much the peer has not got yet, and programs
 * wait until it is nothing.  The pair would answer for its own buffers; the
 * relay knows.  Every other request goes straight to libc.
 */
#include "base/readable.h"
#include "connect/config.h"
#include "connect/sockopt.h"
#include "hooks/libc.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>

static bool is_about_sending(xs_ioctl_request request)
{
	return request == SIOCOUTQ || request == SIOCOUTQNSD;
}

static int answer(int fd, const struct xs_pair_info *pair,
		  xs_ioctl_request request, int *unsent)
{
	if (!xs_readable(unsent, sizeof(*unsent))) {
		errno = EFAULT;
		return -1;
	}
	if (pair->state == XS_PAIR_CONNECTED)
		return xs_sockopt_unsent(fd, pair, (int)request, unsent);
	*unsent = 0;
	return 0;
}

#define IOCTL(name)                                                            \
	int name(int fd, xs_ioctl_request request, ...);                       \
	XS_EXPORT int name(int fd, xs_ioctl_request request, ...)              \
	{                                                                      \
		struct xs_pair_info pair;                                      \
		va_list more;                                                  \
		void *argument;                                                \
                                                                               \
		va_start(more, request);                                       \
		argument = va_arg(more, void *);                               \
		va_end(more);                                                  \
		xs_libc_need();                                                \
		if (__builtin_expect(!is_about_sending(request), 1) ||         \
		    !xs_config_active() || !xs_pair_read(fd, &pair))           \
			return xs_libc.name(fd, request, argument);            \
		return answer(fd, &pair, request, argument);                   \
	}

IOCTL(ioctl)
#if defined(__GLIBC__) && __TIMESIZE == 32
IOCTL(__ioctl_time64)
#endif
