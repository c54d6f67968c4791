/* Hooks: recv, recvfrom, recvmsg, recvmmsg.
 *
 * Some calls ask for an address; a TCP socket gives none, a pair would give
 * its own name.  And an AF_UNIX stream overlooks two flags: with MSG_TRUNC a
 * TCP socket throws away what it would have read (tcp(7)), and MSG_ERRQUEUE
 * reads errors, never data.  Every other call goes straight to libc.
 */
#include "base/pair.h"
#include "base/readable.h"
#include "connect/config.h"
#include "connect/late_error.h"
#include "hooks/libc.h"

#include <errno.h>
#include <sys/ioctl.h>

/* True when what the kernel wrote as the sender is the name of a pair. */
static bool is_pair_name(int fd, const struct sockaddr *from, socklen_t room)
{
	struct xs_pair_info pair;

	return room >= sizeof(from->sa_family) && from->sa_family == AF_UNIX &&
	       xs_pair_read(fd, &pair);
}

/* --- flags --------------------------------------------------------------- */

/* True when fd is a pair and a flag asks for what a pair does not do. */
static bool is_beyond(int fd, int flags)
{
	struct xs_pair_info pair;

	return __builtin_expect(flags & (MSG_TRUNC | MSG_ERRQUEUE), 0) &&
	       xs_config_active() && xs_pair_read(fd, &pair);
}

/* How much a read would give, once there is something: what TCP tells for
 * MSG_PEEK | MSG_TRUNC. */
static ssize_t measure(int fd, size_t size, int flags)
{
	char first;
	ssize_t got = xs_libc.recv(fd, &first, size > 0, flags);
	int there = 0;

	if (got <= 0)
		return got;
	if (ioctl(fd, FIONREAD, &there) < 0 || there < 1)
		there = 1;
	return (size_t)there < size ? there : (ssize_t)size;
}

/* Reads and forgets, as much as there is or, with MSG_WAITALL, as was asked
 * for. */
static ssize_t discard(int fd, size_t size, int flags)
{
	char nowhere[2048];
	size_t done = 0;

	do {
		size_t want = size - done < sizeof(nowhere) ? size - done
							    : sizeof(nowhere);
		ssize_t got = xs_libc.recv(fd, nowhere, want, flags);

		if (got <= 0)
			return done ? (ssize_t)done : got;
		done += (size_t)got;
		if (!(flags & MSG_WAITALL))
			flags |= MSG_DONTWAIT;
	} while (done < size);
	return (ssize_t)done;
}

/* A read with such a flag.  No pair has an error queue, and a TCP socket
 * without errors says the same. */
static ssize_t receive_beyond(int fd, size_t size, int flags)
{
	int saved = errno;
	ssize_t got;

	if (flags & MSG_ERRQUEUE) {
		errno = EAGAIN;
		return -1;
	}
	flags &= ~MSG_TRUNC;
	got = flags & MSG_PEEK ? measure(fd, size, flags)
			       : discard(fd, size, flags);
	if (got >= 0)
		errno = saved;
	return got;
}

static ssize_t receive_message_beyond(int fd, struct msghdr *msg, int flags)
{
	size_t size = 0;
	ssize_t got;

	for (size_t i = 0; i < (size_t)msg->msg_iovlen; i++)
		size += msg->msg_iov[i].iov_len;
	got = receive_beyond(fd, size, flags);
	if (got < 0)
		return got;
	msg->msg_namelen = 0;
	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	return got;
}

/* The reason of a failed connect, once. */
static ssize_t told(int fd, ssize_t got)
{
	if (__builtin_expect(got < 0 && errno == ECONNRESET, 0))
		xs_late_error_of_read(fd);
	return got;
}

/* --- the calls ------------------------------------------------------------ */

XS_EXPORT ssize_t recv(int fd, void *data, size_t size, int flags)
{
	xs_libc_need();
	if (is_beyond(fd, flags))
		return receive_beyond(fd, size, flags);
	return told(fd, xs_libc.recv(fd, data, size, flags));
}

XS_EXPORT ssize_t recvfrom(int fd, void *data, size_t size, int flags,
			   XS_FROM_ARG from, socklen_t *len)
{
	socklen_t room;
	ssize_t got;

	xs_libc_need();
	if (is_beyond(fd, flags)) {
		got = receive_beyond(fd, size, flags);
		if (got >= 0 && XS_ADDRESS(from) &&
		    xs_readable(len, sizeof(*len)))
			*len = 0;
		return got;
	}
	if (__builtin_expect(!XS_ADDRESS(from), 1) || !xs_config_active() ||
	    !xs_readable(len, sizeof(*len)))
		return told(fd,
			    xs_libc.recvfrom(fd, data, size, flags, from, len));
	room = *len;
	got = told(fd, xs_libc.recvfrom(fd, data, size, flags, from, len));
	if (got >= 0 && *len && is_pair_name(fd, XS_ADDRESS(from), room))
		*len = 0;
	return got;
}

#ifdef __GLIBC__
XS_EXPORT ssize_t __recv_chk(int fd, void *data, size_t size, size_t room,
			     int flags)
{
	xs_libc_need();
	if (size > room)
		return xs_libc.__recv_chk(fd, data, size, room, flags);
	return recv(fd, data, size, flags);
}

XS_EXPORT ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room,
				 int flags, XS_FROM_ARG from, socklen_t *len)
{
	/* What libc's does: stop the program, or receive. */
	xs_libc_need();
	if (size > room)
		return xs_libc.__recvfrom_chk(fd, data, size, room, flags, from,
					      len);
	return recvfrom(fd, data, size, flags, from, len);
}
#endif

static void forget_name(int fd, struct msghdr *msg, socklen_t room)
{
	if (msg->msg_name && msg->msg_namelen && xs_config_active() &&
	    is_pair_name(fd, msg->msg_name, room))
		msg->msg_namelen = 0;
}

static ssize_t receive_one(__typeof__(recvmsg) *libc, int fd,
			   struct msghdr *msg, int flags)
{
	ssize_t got;

	if (is_beyond(fd, flags) && xs_readable(msg, sizeof(*msg)))
		return receive_message_beyond(fd, msg, flags);
	got = told(fd, libc(fd, msg, flags));
	if (got >= 0)
		forget_name(fd, msg, msg->msg_namelen);
	return got;
}

static int receive_many(__typeof__(recvmmsg) *libc, int fd,
			struct mmsghdr *list, unsigned int count,
			xs_mmsg_flags flags, struct timespec *limit)
{
	int got;

	/* One is enough: the caller comes again. */
	if (is_beyond(fd, (int)flags) && count &&
	    xs_readable(list, sizeof(*list))) {
		ssize_t size =
			receive_message_beyond(fd, &list->msg_hdr, (int)flags);

		list->msg_len = size < 0 ? 0 : (unsigned int)size;
		return size < 0 ? -1 : 1;
	}
	got = libc(fd, list, count, flags, limit);
	for (int i = 0; i < got; i++)
		forget_name(fd, &list[i].msg_hdr, list[i].msg_hdr.msg_namelen);
	return got;
}

#define RECVMSG(name)                                                          \
	ssize_t name(int fd, struct msghdr *msg, int flags);                   \
	XS_EXPORT ssize_t name(int fd, struct msghdr *msg, int flags)          \
	{                                                                      \
		xs_libc_need();                                                \
		return receive_one(xs_libc.name, fd, msg, flags);              \
	}
/* What limit points to is libc's to know. */
#define RECVMMSG(name)                                                         \
	int name(int fd, struct mmsghdr *list, unsigned int count,             \
		 xs_mmsg_flags flags, struct timespec *limit);                 \
	XS_EXPORT int name(int fd, struct mmsghdr *list, unsigned int count,   \
			   xs_mmsg_flags flags, struct timespec *limit)        \
	{                                                                      \
		xs_libc_need();                                                \
		return receive_many(xs_libc.name, fd, list, count, flags,      \
				    limit);                                    \
	}

RECVMSG(recvmsg)
RECVMMSG(recvmmsg)
#if defined(__GLIBC__) && __TIMESIZE == 32
RECVMSG(__recvmsg64)
RECVMMSG(__recvmmsg64)
#endif
