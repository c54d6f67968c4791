/* Hooks: sendto, sendmsg, sendmmsg, recvfrom, recvmsg, recvmmsg.
 *
 * Sending with MSG_FASTOPEN and an address connects as well (tcp(7)), so it
 * must not slip past the rules: connect first, then send without the flag.
 * Receiving asks for an address sometimes; a TCP socket gives none, a pair
 * would give its own name.  Every other call goes straight to libc.
 */
#include "config.h"
#include "connect.h"
#include "libc.h"
#include "pair.h"

#include <errno.h>

XS_EXPORT ssize_t sendto(int fd, const void *data, size_t size, int flags,
			 __CONST_SOCKADDR_ARG to, socklen_t len)
{
	xs_libc_need();
	if (__builtin_expect(!(flags & MSG_FASTOPEN), 1) || !to.__sockaddr__ ||
	    !xs_config_active())
		return xs_libc.sendto(fd, data, size, flags, to, len);
	if (xs_connect(fd, to.__sockaddr__, len) < 0)
		return -1;
	return send(fd, data, size, flags & ~MSG_FASTOPEN);
}

/* For a message with MSG_FASTOPEN: connects, and leaves the address out.
 * False when the connect failed. */
static bool open_first(int fd, struct msghdr *msg)
{
	if (xs_connect(fd, msg->msg_name, msg->msg_namelen) < 0)
		return false;
	msg->msg_name = NULL;
	msg->msg_namelen = 0;
	return true;
}

static bool is_fastopen(const void *msg, size_t size, int flags)
{
	return __builtin_expect(flags & MSG_FASTOPEN, 0) &&
	       xs_config_active() && xs_readable(msg, size);
}

XS_EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr copy;

	xs_libc_need();
	if (!is_fastopen(msg, sizeof(*msg), flags) || !msg->msg_name)
		return xs_libc.sendmsg(fd, msg, flags);
	copy = *msg;
	if (!open_first(fd, &copy))
		return -1;
	return xs_libc.sendmsg(fd, &copy, flags & ~MSG_FASTOPEN);
}

XS_EXPORT int sendmmsg(int fd, struct mmsghdr *list, unsigned int count,
		       int flags)
{
	struct msghdr first;
	ssize_t sent;
	int more;

	xs_libc_need();
	if (count == 0 || !is_fastopen(list, sizeof(*list), flags) ||
	    !list->msg_hdr.msg_name)
		return xs_libc.sendmmsg(fd, list, count, flags);
	first = list->msg_hdr;
	if (!open_first(fd, &first))
		return -1;
	flags &= ~MSG_FASTOPEN;
	sent = xs_libc.sendmsg(fd, &first, flags);
	if (sent < 0)
		return -1;
	list->msg_len = (unsigned int)sent;
	more = count > 1 ? xs_libc.sendmmsg(fd, list + 1, count - 1, flags) : 0;
	return more < 0 ? 1 : 1 + more;
}

/* True when what the kernel wrote as the sender is the name of a pair. */
static bool is_pair_name(int fd, const struct sockaddr *from, socklen_t room)
{
	struct xs_pair_info pair;

	return room >= sizeof(from->sa_family) && from->sa_family == AF_UNIX &&
	       xs_pair_read(fd, &pair);
}

XS_EXPORT ssize_t recvfrom(int fd, void *data, size_t size, int flags,
			   __SOCKADDR_ARG from, socklen_t *len)
{
	socklen_t room;
	ssize_t got;

	xs_libc_need();
	if (__builtin_expect(!from.__sockaddr__, 1) || !xs_config_active() ||
	    !xs_readable(len, sizeof(*len)))
		return xs_libc.recvfrom(fd, data, size, flags, from, len);
	room = *len;
	got = xs_libc.recvfrom(fd, data, size, flags, from, len);
	if (got >= 0 && *len && is_pair_name(fd, from.__sockaddr__, room))
		*len = 0;
	return got;
}

XS_EXPORT ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room,
				 int flags, __SOCKADDR_ARG from,
				 socklen_t *len)
{
	/* What libc's does: stop the program, or receive. */
	xs_libc_need();
	if (size > room)
		return xs_libc.__recvfrom_chk(fd, data, size, room, flags,
					      from, len);
	return recvfrom(fd, data, size, flags, from, len);
}

static void forget_name(int fd, struct msghdr *msg, socklen_t room)
{
	if (msg->msg_name && msg->msg_namelen && xs_config_active() &&
	    is_pair_name(fd, msg->msg_name, room))
		msg->msg_namelen = 0;
}

XS_EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t got;

	xs_libc_need();
	got = xs_libc.recvmsg(fd, msg, flags);
	if (got >= 0)
		forget_name(fd, msg, msg->msg_namelen);
	return got;
}

XS_EXPORT int recvmmsg(int fd, struct mmsghdr *list, unsigned int count,
		       int flags, struct timespec *limit)
{
	int got;

	xs_libc_need();
	got = xs_libc.recvmmsg(fd, list, count, flags, limit);
	for (int i = 0; i < got; i++)
		forget_name(fd, &list[i].msg_hdr, list[i].msg_hdr.msg_namelen);
	return got;
}
