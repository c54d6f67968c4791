/* Hooks: dup, dup2, dup3, fcntl, fcntl64.
 *
 * Only remember that a socket has another descriptor (share.h).
 */
#include "config.h"
#include "libc.h"
#include "share.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

static int note(int result)
{
	if (result >= 0 && xs_config_active())
		xs_share_note(result);
	return result;
}

XS_EXPORT int dup(int fd)
{
	xs_libc_need();
	return note(xs_libc.dup(fd));
}

XS_EXPORT int dup2(int fd, int to)
{
	xs_libc_need();
	return note(xs_libc.dup2(fd, to));
}

XS_EXPORT int dup3(int fd, int to, int flags)
{
	xs_libc_need();
	return note(xs_libc.dup3(fd, to, flags));
}

static bool duplicates(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

XS_EXPORT int fcntl(int fd, int command, ...)
{
	va_list more;
	void *argument;
	int result;

	va_start(more, command);
	argument = va_arg(more, void *);
	va_end(more);
	xs_libc_need();
	result = xs_libc.fcntl(fd, command, argument);
	return __builtin_expect(duplicates(command), 0) ? note(result) : result;
}

XS_EXPORT int fcntl64(int fd, int command, ...)
{
	va_list more;
	void *argument;
	int result;

	va_start(more, command);
	argument = va_arg(more, void *);
	va_end(more);
	xs_libc_need();
	result = xs_libc.fcntl64(fd, command, argument);
	return __builtin_expect(duplicates(command), 0) ? note(result) : result;
}
