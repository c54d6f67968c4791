/* Hooks: recv, recvfrom, recvmsg, recvmmsg.
 *
 * Some calls ask for an address; a TCP socket gives none, a pair would give
 * its own name.  And an AF_UNIX stream overlooks two flags: with MSG_TRUNC a
 * TCP socket throws away what it would have read (tcp(7)), and MSG_ERRQUEUE
 * reads errors, never data.  A pair of datagrams does the first as UDP does it;
 * its peer is the address that the application is connected to.  Every other
 * call goes straight to libc.
 */
#include "base/pair.h"
#include "base/readable.h"
#include "connect/config.h"
#include "connect/datagram.h"
#include "connect/error_queue.h"
#include "connect/late_error.h"
#include "connect/peers.h"
#include "hooks/hook_receive.h"
#include "hooks/libc.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

/* True when what the kernel wrote as the sender is the name of a pair. */
static bool is_pair_name(int fd, const struct sockaddr *from, socklen_t room,
			 struct xs_pair_info *pair)
{
	return room >= sizeof(from->sa_family) && from->sa_family == AF_UNIX &&
	       xs_pair_read(fd, pair);
}

/* The same where it wrote none: the relay's end has no name while it is
 * there. */
static bool is_nameless_pair(int fd, struct xs_pair_info *pair)
{
	return xs_config_datagrams && xs_datagram_is(fd, pair);
}

/* Puts right what the kernel wrote as the sender: *len bytes, in a buffer of
 * room bytes. */
static void put_sender(int fd, struct sockaddr *from, socklen_t room,
		       socklen_t *len)
{
	struct xs_pair_info pair;

	if (__builtin_expect(xs_config_datagrams, 0) && room && from &&
	    xs_peers_tell(fd, from, room, len))
		return;
	if (*len ? !is_pair_name(fd, from, room, &pair)
		 : !is_nameless_pair(fd, &pair))
		return;
	*len = 0;
	if (pair.kind == XS_PAIR_TCP)
		return;
	memcpy(from, &pair.asked.any,
	       room < pair.asked.len ? room : pair.asked.len);
	*len = pair.asked.len;
}

/* --- flags --------------------------------------------------------------- */

/* True when fd is a pair and a flag asks for what a pair does not do. */
static bool is_beyond(int fd, int flags)
{
	struct xs_pair_info pair;

	return __builtin_expect(flags & (MSG_TRUNC | MSG_ERRQUEUE), 0) &&
	       xs_config_active() && xs_pair_read(fd, &pair) &&
	       (pair.kind == XS_PAIR_TCP || (flags & MSG_ERRQUEUE));
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

/* The error of a pair of datagrams, without what stands beside it.  A pair of
 * TCP has no error queue, and a TCP socket without errors says the same. */
static ssize_t receive_error(int fd)
{
	struct xs_pair_info pair;
	struct msghdr msg = { .msg_name = NULL };

	if (xs_datagram_is(fd, &pair))
		return xs_error_queue_read(fd, &pair, &msg);
	errno = EAGAIN;
	return -1;
}

/* A read with such a flag. */
static ssize_t receive_beyond(int fd, size_t size, int flags)
{
	int saved = errno;
	ssize_t got;

	if (flags & MSG_ERRQUEUE)
		return receive_error(fd);
	flags &= ~MSG_TRUNC;
	got = flags & MSG_PEEK ? measure(fd, size, flags)
			       : discard(fd, size, flags);
	if (got >= 0)
		errno = saved;
	return got;
}

static ssize_t receive_message_beyond(int fd, struct msghdr *msg, int flags)
{
	struct xs_pair_info pair;
	size_t size = 0;
	ssize_t got;

	if ((flags & MSG_ERRQUEUE) && xs_datagram_is(fd, &pair))
		return xs_error_queue_read(fd, &pair, msg);
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

/* --- what is forged ------------------------------------------------------- */

/* What comes past the relay from a peer that a rule is about is nobody's word:
 * it is dropped, and the next one is waited for. */
static bool may_be_forged(int fd, int flags)
{
	return __builtin_expect(xs_config_datagrams, 0) &&
	       !(flags & MSG_ERRQUEUE) && xs_peers_may_be_forged(fd);
}

static bool is_dropped(int fd, int flags, const struct sockaddr *from,
		       socklen_t len)
{
	char first;

	if (!xs_peers_is_forged(fd, from, len))
		return false;
	if (flags & MSG_PEEK)
		xs_libc.recv(fd, &first, 1, MSG_DONTWAIT);
	return true;
}

/* The whole sender, also where the caller has no room for it. */
static bool has_room(const struct msghdr *msg)
{
	return msg->msg_name && msg->msg_namelen >= sizeof(struct sockaddr_in6);
}

/* As much as fits (move_addr_to_user in net/socket.c). */
static int cut_sender(struct msghdr *msg, const struct sockaddr_storage *from,
		      socklen_t len)
{
	size_t size = msg->msg_namelen < len ? msg->msg_namelen : len;

	if (size && !xs_readable(msg->msg_name, size)) {
		errno = EFAULT;
		return -1;
	}
	memcpy(msg->msg_name, from, size);
	return 0;
}

/* With a sender, whether the caller asks for it or not. */
static ssize_t receive_message_true(__typeof__(recvmsg) *libc, int fd,
				    struct msghdr *msg, int flags)
{
	const bool own = !has_room(msg);
	struct sockaddr_storage from;
	struct msghdr copy;
	socklen_t room;
	ssize_t got;

	do {
		copy = *msg;
		if (own) {
			copy.msg_name = &from;
			copy.msg_namelen = sizeof(from);
		}
		room = copy.msg_namelen;
		got = libc(fd, &copy, flags);
		if (got < 0)
			return got;
		if (copy.msg_namelen < room)
			room = copy.msg_namelen;
	} while (is_dropped(fd, flags, copy.msg_name, room));
	if (own && msg->msg_name && cut_sender(msg, &from, room) < 0)
		return -1;
	if (msg->msg_name)
		msg->msg_namelen = copy.msg_namelen;
	msg->msg_controllen = copy.msg_controllen;
	msg->msg_flags = copy.msg_flags;
	return got;
}

static ssize_t receive_message(__typeof__(recvmsg) *libc, int fd,
			       struct msghdr *msg, int flags)
{
	return may_be_forged(fd, flags) && xs_readable(msg, sizeof(*msg))
		       ? receive_message_true(libc, fd, msg, flags)
		       : libc(fd, msg, flags);
}

static ssize_t receive(int fd, void *data, size_t size, int flags,
		       struct sockaddr *from, socklen_t *len)
{
	struct sockaddr_storage own;
	struct iovec part = { .iov_base = data, .iov_len = size };
	struct msghdr msg = {
		.msg_name = from ? (void *)from : &own,
		.msg_namelen = from ? *len : sizeof(own),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t got = receive_message_true(xs_libc.recvmsg, fd, &msg, flags);

	if (got >= 0 && from)
		*len = msg.msg_namelen;
	return got;
}

ssize_t xs_receive_true(int fd, const struct iovec *parts, int count)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)parts,
			      .msg_iovlen = (size_t)count };

	xs_libc_need();
	return receive_message_true(xs_libc.recvmsg, fd, &msg, 0);
}

/* The reason of a failed connect, once. */
static ssize_t told(int fd, ssize_t got)
{
	got = xs_datagram_got(fd, got);
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
	if (may_be_forged(fd, flags))
		return receive(fd, data, size, flags, NULL, NULL);
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
	if (!XS_ADDRESS(from) && may_be_forged(fd, flags))
		return receive(fd, data, size, flags, NULL, NULL);
	if (__builtin_expect(!XS_ADDRESS(from), 1) || !xs_config_active() ||
	    !xs_readable(len, sizeof(*len)))
		return told(fd,
			    xs_libc.recvfrom(fd, data, size, flags, from, len));
	room = *len;
	if (may_be_forged(fd, flags))
		got = receive(fd, data, size, flags, XS_ADDRESS(from), len);
	else
		got = told(fd,
			   xs_libc.recvfrom(fd, data, size, flags, from, len));
	if (got >= 0)
		put_sender(fd, XS_ADDRESS(from), room, len);
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

/* How much room there is for the sender: before the call. */
static socklen_t name_room(const struct msghdr *msg)
{
	return __builtin_expect(xs_config_datagrams, 0) &&
			       !xs_readable(msg, sizeof(*msg))
		       ? 0
		       : msg->msg_namelen;
}

static void put_name(int fd, struct msghdr *msg, socklen_t room)
{
	if (!msg->msg_name || !room || !xs_config_active())
		return;
	if (__builtin_expect(xs_config_datagrams, 0) &&
	    xs_peers_tell_message(fd, msg, room))
		return;
	put_sender(fd, msg->msg_name, room, &msg->msg_namelen);
}

static ssize_t receive_one(__typeof__(recvmsg) *libc, int fd,
			   struct msghdr *msg, int flags)
{
	socklen_t room;
	ssize_t got;

	if (is_beyond(fd, flags) && xs_readable(msg, sizeof(*msg)))
		return receive_message_beyond(fd, msg, flags);
	room = name_room(msg);
	got = told(fd, receive_message(libc, fd, msg, flags));
	if (got >= 0)
		put_name(fd, msg, room);
	return got;
}

/* One by one, of which any may be forged. */
static int receive_each(int fd, struct mmsghdr *list, unsigned int count,
			int flags, bool waits)
{
	int saved = errno;
	unsigned int done;
	ssize_t got;

	for (done = 0; done < count; done++) {
		if (!xs_readable(&list[done], sizeof(*list)))
			break;
		got = receive_one(xs_libc.recvmsg, fd, &list[done].msg_hdr,
				  flags);
		if (got < 0)
			break;
		list[done].msg_len = (unsigned int)got;
		if (!waits)
			flags |= MSG_DONTWAIT;
	}
	if (done == 0 && count)
		return -1;
	errno = saved;
	return (int)done;
}

/* What the relay has closed gives ends without end, which are no datagrams. */
static int without_ends(int fd, const struct mmsghdr *list, int got)
{
	int count = got;

	if (!xs_config_datagrams || got <= 0 || list[got - 1].msg_len)
		return got;
	while (count > 0 && !list[count - 1].msg_len)
		count--;
	if (count)
		return xs_datagram_is_closed(fd) ? count : got;
	return xs_datagram_got(fd, 0) < 0 ? -1 : got;
}

/* The names of so many messages are put right.  What a buffer has room for is
 * not known when the kernel has written how much of it is used. */
enum { LIST_MOST = 64 };

static int receive_list(__typeof__(recvmmsg) *libc, int fd,
			struct mmsghdr *list, unsigned int count,
			xs_mmsg_flags flags, struct timespec *limit)
{
	socklen_t room[LIST_MOST];
	int got;

	if (!xs_config_datagrams) {
		got = libc(fd, list, count, flags, limit);
		for (int i = 0; i < got; i++)
			put_name(fd, &list[i].msg_hdr,
				 list[i].msg_hdr.msg_namelen);
		return got;
	}
	if (count > LIST_MOST)
		count = LIST_MOST;
	if (may_be_forged(fd, (int)flags) && xs_readable(list, sizeof(*list)))
		return receive_each(fd, list, count,
				    (int)flags & ~MSG_WAITFORONE,
				    !limit && !(flags & MSG_WAITFORONE));
	for (unsigned int i = 0; i < count; i++)
		room[i] = name_room(&list[i].msg_hdr);
	got = without_ends(
		fd, list,
		(int)xs_datagram_got(fd, libc(fd, list, count, flags, limit)));
	for (int i = 0; i < got; i++)
		put_name(fd, &list[i].msg_hdr, room[i]);
	return got;
}

static int receive_many(__typeof__(recvmmsg) *libc, int fd,
			struct mmsghdr *list, unsigned int count,
			xs_mmsg_flags flags, struct timespec *limit)
{
	/* One is enough: the caller comes again. */
	if (is_beyond(fd, (int)flags) && count &&
	    xs_readable(list, sizeof(*list))) {
		ssize_t size =
			receive_message_beyond(fd, &list->msg_hdr, (int)flags);

		list->msg_len = size < 0 ? 0 : (unsigned int)size;
		return size < 0 ? -1 : 1;
	}
	return receive_list(libc, fd, list, count, flags, limit);
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
