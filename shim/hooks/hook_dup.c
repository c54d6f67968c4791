/* Hooks: dup, dup2, dup3, fcntl, fcntl64, and what else glibc calls them.
 *
 * Only remember that a socket has another descriptor (dup_track.h), that it may
 * be a pair (late_error.h), and that an epoll set has another one
 * (epoll_sets.h).
 */
#undef _FILE_OFFSET_BITS /* with it, fcntl is only a name for fcntl64 */
#include "connect/config.h"
#include "connect/dup_track.h"
#include "connect/epoll_sets.h"
#include "connect/late_error.h"
#include "hooks/libc.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

static int note(int fd, int result)
{
	if (result < 0)
		return result;
	if (xs_late_error_may(fd))
		xs_late_error_note(result);
	if (xs_config_active()) {
		xs_dup_track_note(result);
		xs_epoll_sets_copied(fd, result);
	}
	return result;
}

XS_EXPORT int dup(int fd)
{
	xs_libc_need();
	return note(fd, xs_libc.dup(fd));
}

XS_EXPORT int dup2(int fd, int to)
{
	xs_libc_need();
	return note(fd, xs_libc.dup2(fd, to));
}

#ifdef __GLIBC__
int __dup2(int fd, int to);
XS_EXPORT int __dup2(int fd, int to)
{
	xs_libc_need();
	return note(fd, xs_libc.__dup2(fd, to));
}
#endif

XS_EXPORT int dup3(int fd, int to, int flags)
{
	xs_libc_need();
	return note(fd, xs_libc.dup3(fd, to, flags));
}

static bool duplicates(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

/* Whatever the third argument is, it is passed on (see fcntl(2)). */
static int pass(__typeof__(fcntl) *libc, int fd, int command, void *argument)
{
	int result = libc(fd, command, argument);

	return __builtin_expect(duplicates(command), 0) ? note(fd, result)
							: result;
}

/* One function that fcntl(2) has several names for. */
#define FCNTL(name)                                                            \
	int name(int fd, int command, ...);                                    \
	XS_EXPORT int name(int fd, int command, ...)                           \
	{                                                                      \
		va_list more;                                                  \
		void *argument;                                                \
                                                                               \
		va_start(more, command);                                       \
		argument = va_arg(more, void *);                               \
		va_end(more);                                                  \
		xs_libc_need();                                                \
		return pass(xs_libc.name, fd, command, argument);              \
	}

FCNTL(fcntl)
#ifdef __GLIBC__
FCNTL(__fcntl)
FCNTL(fcntl64)
#if __TIMESIZE == 32
FCNTL(__fcntl_time64)
#endif
#endif
