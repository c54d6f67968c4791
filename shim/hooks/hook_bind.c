/* Hook: bind.
 *
 * A port that is free may have a stand-in still, whose socket has been closed
 * (peers.h): the relay looks, and bind(2) is tried again.
 */
#include "connect/config.h"
#include "connect/peers.h"
#include "hooks/libc.h"

#include <errno.h>

XS_EXPORT int bind(int fd, XS_TO_ARG to, socklen_t len)
{
	int result, saved = errno;

	xs_libc_need();
	result = xs_libc.bind(fd, to, len);
	if (__builtin_expect(result == 0 || errno != EADDRINUSE, 1) ||
	    !xs_config_active() || !xs_config_datagrams ||
	    !xs_peers_release(fd, XS_ADDRESS(to), len))
		return result;
	result = xs_libc.bind(fd, to, len);
	if (result == 0)
		errno = saved;
	return result;
}
