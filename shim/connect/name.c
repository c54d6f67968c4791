/* The addresses of a wrapped descriptor; see name.h. */
#include "connect/name.h"

#include "connect/sockopt.h"

#include <errno.h>
#include <string.h>

int xs_name_peer(int fd, const struct xs_pair_info *pair)
{
	if (pair->state == XS_PAIR_CONNECTED && !xs_sockopt_is_closed(fd, pair))
		return 0;
	errno = ENOTCONN;
	return -1;
}

struct xs_address xs_name_local(const struct xs_pair_info *pair)
{
	struct xs_address local = pair->local;
	uint16_t port = local.len ? xs_address_port(&local) : 0;

	if (local.len &&
	    xs_address_to_family(&local, pair->asked.any.sa_family))
		return local;
	memset(&local, 0, sizeof(local));
	local.any.sa_family = pair->asked.any.sa_family;
	local.len = pair->asked.len;
	xs_address_set_port(&local, port);
	return local;
}
