/* Hooks: getpeername, getsockname.
 *
 * The kernel is asked first; only when it answers with an AF_UNIX name can the
 * descriptor be one of ours.  Then the names of the pair say what a TCP socket
 * would have said: the peer is the address that the application asked for, as
 * with a NAT; the local address is that of the real TCP socket.
 */
#include "base/pair.h"
#include "base/readable.h"
#include "connect/config.h"
#include "connect/name.h"
#include "hooks/libc.h"

#include <string.h>

/* move_addr_to_user of net/socket.c: as much as fits, and the true length. */
static void give(const struct xs_address *from, struct sockaddr *to,
		 socklen_t *len, socklen_t room)
{
	memcpy(to, &from->any, room < from->len ? room : from->len);
	*len = from->len;
}

/* True when the kernel's answer has an AF_UNIX name and fd is a pair's end. */
static bool is_pair(int fd, int result, const struct sockaddr *name,
		    socklen_t room, const socklen_t *len,
		    struct xs_pair_info *pair)
{
	sa_family_t family;

	if (result < 0 || !xs_config_active())
		return false;
	/* With less room the family was not written. */
	if (room >= sizeof(family) && *len >= sizeof(family)) {
		memcpy(&family, name, sizeof(family));
		if (family != AF_UNIX)
			return false;
	}
	return xs_pair_read(fd, pair);
}

XS_EXPORT int getpeername(int fd, XS_FROM_ARG name, socklen_t *len)
{
	struct xs_pair_info pair;
	socklen_t room;
	int result;

	xs_libc_need();
	if (!xs_config_active() || !xs_readable(len, sizeof(*len)))
		return xs_libc.getpeername(fd, name, len);
	room = *len;
	result = xs_libc.getpeername(fd, name, len);
	if (!is_pair(fd, result, XS_ADDRESS(name), room, len, &pair))
		return result;
	if (xs_name_peer(fd, &pair) < 0) {
		*len = room;
		return -1;
	}
	give(&pair.asked, XS_ADDRESS(name), len, room);
	return 0;
}

XS_EXPORT int getsockname(int fd, XS_FROM_ARG name, socklen_t *len)
{
	struct xs_pair_info pair;
	struct xs_address local;
	socklen_t room;
	int result;

	xs_libc_need();
	if (!xs_config_active() || !xs_readable(len, sizeof(*len)))
		return xs_libc.getsockname(fd, name, len);
	room = *len;
	result = xs_libc.getsockname(fd, name, len);
	if (!is_pair(fd, result, XS_ADDRESS(name), room, len, &pair))
		return result;
	local = xs_name_local(fd, &pair);
	give(&local, XS_ADDRESS(name), len, room);
	return 0;
}
