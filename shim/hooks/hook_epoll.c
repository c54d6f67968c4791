/* Hooks: epoll_create, epoll_create1, epoll_ctl.
 *
 * Only remember which sets there are (epoll_sets.h), and what was registered,
 * for a descriptor whose socket is replaced later (epoll_track.h).
 */
#include "connect/config.h"
#include "connect/epoll_sets.h"
#include "connect/epoll_track.h"
#include "hooks/libc.h"

static int note(int set)
{
	if (set >= 0 && xs_config_active())
		xs_epoll_sets_note(set);
	return set;
}

XS_EXPORT int epoll_create(int size)
{
	xs_libc_need();
	return note(xs_libc.epoll_create(size));
}

XS_EXPORT int epoll_create1(int flags)
{
	xs_libc_need();
	return note(xs_libc.epoll_create1(flags));
}

XS_EXPORT int epoll_ctl(int set, int operation, int fd,
			struct epoll_event *event)
{
	int result;

	xs_libc_need();
	result = xs_libc.epoll_ctl(set, operation, fd, event);
	if (result == 0 && xs_config_active())
		xs_epoll_track_note(set, operation, fd, event);
	return result;
}
