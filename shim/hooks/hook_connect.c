/* Hook: connect, and its alias __connect.
 *
 * Everything it means is in connect.c.
 */
#include "connect/config.h"
#include "connect/connect.h"
#include "hooks/libc.h"

XS_EXPORT int connect(int fd, XS_TO_ARG to, socklen_t len)
{
	xs_libc_need();
	if (!xs_config_active())
		return xs_libc.connect(fd, to, len);
	return xs_connect(fd, XS_ADDRESS(to), len);
}

#ifdef __GLIBC__
int __connect(int fd, XS_TO_ARG to, socklen_t len);
XS_EXPORT int __connect(int fd, XS_TO_ARG to, socklen_t len)
{
	return connect(fd, to, len);
}
#endif
