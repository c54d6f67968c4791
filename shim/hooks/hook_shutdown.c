/* Hook: shutdown.
 *
 * Of a TCP socket that is connecting, shutdown(2) of either direction ends the
 * connect (inet_shutdown), and wakes a thread that waits for it.  Of a pair
 * only both directions together do that.  Of a pair of datagrams it must be
 * known that it was the application who shut it down.
 */
#include "base/pair.h"
#include "connect/config.h"
#include "hooks/libc.h"

XS_EXPORT int shutdown(int fd, int how)
{
	struct xs_pair_info pair;

	xs_libc_need();
	if (how >= SHUT_RD && how <= SHUT_RDWR && xs_config_active() &&
	    xs_pair_read(fd, &pair)) {
		if (pair.kind != XS_PAIR_TCP)
			xs_pair_set_asker(fd, XS_PAIR_SHUT);
		else if (pair.state == XS_PAIR_CONNECTING)
			how = SHUT_RDWR;
	}
	return xs_libc.shutdown(fd, how);
}
