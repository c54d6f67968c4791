/* Hook: epoll_ctl.
 *
 * Only remembers what was registered, for a descriptor whose socket is
 * replaced later (epoll_track.h).
 */
#include "connect/config.h"
#include "connect/epoll_track.h"
#include "hooks/libc.h"

XS_EXPORT int epoll_ctl(int set, int operation, int fd,
			struct epoll_event *event)
{
	int result;

	xs_libc_need();
	result = xs_libc.epoll_ctl(set, operation, fd, event);
	if (result == 0 && operation != EPOLL_CTL_DEL && xs_config_active())
		xs_epoll_track_note(set, fd, event);
	return result;
}
