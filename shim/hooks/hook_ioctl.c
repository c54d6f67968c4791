/* Hooks: ioctl.
 *
 * SIOCOUTQ and SIOCOUTQNSD ask how much the peer has not got yet, and programs
 * wait until it is nothing.  The pair would answer for its own buffers; the
 * relay knows.  FIONREAD of a UDP socket is the size of the next datagram, that
 * of a pair of datagrams the sum of all.  Every other request goes straight to
 * libc.
 */
#include "base/readable.h"
#include "connect/config.h"
#include "connect/datagram.h"
#include "connect/sockopt.h"
#include "hooks/libc.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>

static bool is_about_sending(xs_ioctl_request request)
{
	return request == SIOCOUTQ || request == SIOCOUTQNSD;
}

/* The size of the next datagram. */
static int answer_next(int fd, int *size)
{
	int saved = errno;
	ssize_t next;

	if (!xs_readable(size, sizeof(*size))) {
		errno = EFAULT;
		return -1;
	}
	next = xs_libc.recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	*size = next > 0 ? (int)next : 0;
	errno = saved;
	return 0;
}

static int answer(int fd, const struct xs_pair_info *pair,
		  xs_ioctl_request request, int *unsent)
{
	if (!xs_readable(unsent, sizeof(*unsent))) {
		errno = EFAULT;
		return -1;
	}
	if (pair->kind != XS_PAIR_TCP)
		return xs_libc.ioctl(fd, request, unsent);
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
		if (__builtin_expect(                                          \
			    request == FIONREAD && xs_config_datagrams, 0) &&  \
		    xs_datagram_is(fd, &pair))                                 \
			return answer_next(fd, argument);                      \
		if (__builtin_expect(!is_about_sending(request), 1) ||         \
		    !xs_config_active() || !xs_pair_read(fd, &pair))           \
			return xs_libc.name(fd, request, argument);            \
		return answer(fd, &pair, request, argument);                   \
	}

IOCTL(ioctl)
#if defined(__GLIBC__) && __TIMESIZE == 32
IOCTL(__ioctl_time64)
#endif
