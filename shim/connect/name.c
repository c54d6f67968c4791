/* The addresses of a wrapped descriptor; see name.h. */
#include "connect/name.h"

#include "connect/sockopt.h"

#include <errno.h>
#include <string.h>

int xs_name_peer(int fd, const struct xs_pair_info *pair)
{
	/* A UDP socket stays connected, whatever happens. */
	if (pair->kind != XS_PAIR_TCP)
		return 0;
	if (pair->state == XS_PAIR_CONNECTED && !xs_sockopt_is_closed(fd, pair))
		return 0;
	errno = ENOTCONN;
	return -1;
}

struct xs_address xs_name_local(int fd, const struct xs_pair_info *pair)
{
	struct xs_address local = pair->local;
	uint16_t port;

	/* Two long addresses have no room in the name. */
	if (!local.len && pair->kind != XS_PAIR_TCP)
		xs_sockopt_local(fd, pair, &local);
	port = local.len ? xs_address_port(&local) : 0;
	if (local.len &&
	    xs_address_to_family(&local, pair->asked.any.sa_family))
		return local;
	memset(&local, 0, sizeof(local));
	local.any.sa_family = pair->asked.any.sa_family;
	local.len = pair->asked.len;
	xs_address_set_port(&local, port);
	return local;
}
