/* Hooks: sendto, sendmsg, sendmmsg.
 *
 * Sending with MSG_FASTOPEN and an address connects as well (tcp(7)), so it
 * must not slip past the rules: connect first, then send without the flag.
 * With an address and without the flag, a connected TCP socket sends, and does
 * not look at the address (tcp_sendmsg_locked); a pair refuses with EISCONN
 * (unix_stream_sendmsg), so it is sent again without one.
 * A send to what may be a pair raises no signal at first, as a write
 * (hook_write.c).
 * A datagram with an address must not slip past the rules either
 * (unconnected.h), and one that is too large for its way is refused here.
 * Every other call goes straight to libc.
 */
#include "base/pair.h"
#include "base/readable.h"
#include "base/trace.h"
#include "connect/config.h"
#include "connect/connect.h"
#include "connect/datagram.h"
#include "connect/late_error.h"
#include "connect/traced.h"
#include "connect/unconnected.h"
#include "hooks/libc.h"

#include <errno.h>
#include <limits.h>
#include <netinet/udp.h>

/* --- datagrams ------------------------------------------------------------ */

static inline bool may_have_datagrams(void)
{
	return xs_config_active() && xs_config_datagrams;
}

static size_t size_of(const struct msghdr *msg)
{
	size_t size = 0;

	if (msg->msg_iovlen > IOV_MAX ||
	    !xs_readable(msg->msg_iov, msg->msg_iovlen * sizeof(struct iovec)))
		return 0;
	for (size_t i = 0; i < (size_t)msg->msg_iovlen; i++)
		size += msg->msg_iov[i].iov_len;
	return size;
}

/* Does it fit the way to the peer? */
static bool fits(int fd, size_t size, const struct xs_peer *peer)
{
	if (!peer->stand_in.len)
		return xs_datagram_fits(fd, size);
	if (size <= peer->limit)
		return true;
	errno = EMSGSIZE;
	return false;
}

/* What is to be done with a datagram. */
enum way {
	WAY_NONE,     /* errno is set */
	WAY_OWN,      /* libc sends it */
	WAY_STAND_IN, /* it goes to the stand-in */
	WAY_PAIR,     /* libc sends it, without the address */
};

static enum way way_of(int fd, size_t size, const struct sockaddr *to,
		       socklen_t len, struct xs_peer *peer)
{
	peer->stand_in.len = 0;
	peer->connected = false;
	if ((to && !xs_unconnected_may(fd, to, len, peer)) ||
	    !fits(fd, size, peer))
		return WAY_NONE;
	if (peer->connected)
		return WAY_PAIR;
	return peer->stand_in.len ? WAY_STAND_IN : WAY_OWN;
}

/* Many datagrams in one: a pair would make a single one of them. */
static bool is_segmented(const struct msghdr *msg)
{
	struct cmsghdr *part;

	if (!msg->msg_controllen ||
	    !xs_readable(msg->msg_control, msg->msg_controllen))
		return false;
	for (part = CMSG_FIRSTHDR(msg); part;
	     part = CMSG_NXTHDR((struct msghdr *)msg, part))
		if (part->cmsg_level == IPPROTO_UDP &&
		    part->cmsg_type == UDP_SEGMENT)
			return true;
	return false;
}

static enum way way_of_message(int fd, const struct msghdr *msg,
			       struct xs_peer *peer)
{
	struct xs_pair_info pair;

	if (!xs_readable(msg, sizeof(*msg)))
		return WAY_OWN;
	/* What a kernel says that does not know it (udp_cmsg_send). */
	if (is_segmented(msg) && xs_datagram_is(fd, &pair)) {
		errno = EINVAL;
		return WAY_NONE;
	}
	return way_of(fd, size_of(msg), msg->msg_name, msg->msg_namelen, peer);
}

static ssize_t send_unnamed(int fd, const struct msghdr *msg, int flags);

/* A datagram whose way is none of libc's own. */
static ssize_t send_by(enum way way, int fd, const struct msghdr *msg,
		       int flags, const struct xs_peer *peer)
{
	switch (way) {
	case WAY_STAND_IN:
		return xs_peers_send(fd, msg, flags, peer);
	case WAY_PAIR:
		return send_unnamed(fd, msg, flags);
	case WAY_NONE:
	case WAY_OWN:
		break;
	}
	return -1;
}

/* True when a datagram with an address is done with, and *sent is the
 * result. */
static bool send_other(int fd, const struct msghdr *msg, int flags,
		       ssize_t *sent)
{
	struct xs_peer peer;
	enum way way = way_of_message(fd, msg, &peer);

	if (way == WAY_OWN)
		return false;
	*sent = send_by(way, fd, msg, flags, &peer);
	return true;
}

/* The first message of a list that libc does not send. */
struct stop {
	enum way way; /* WAY_OWN: there is none */
	int errnum;
	struct xs_peer peer;
};

/* How many of the messages libc sends, until the first that it does not. */
static unsigned int count_own(int fd, const struct mmsghdr *list,
			      unsigned int count, struct stop *stop)
{
	unsigned int own = 0;

	stop->way = WAY_OWN;
	if (!xs_readable(list, count * sizeof(*list)))
		return count;
	while (own < count) {
		stop->way = way_of_message(fd, &list[own].msg_hdr, &stop->peer);
		stop->errnum = errno;
		if (stop->way != WAY_OWN)
			break;
		own++;
	}
	return own;
}

/* The message that libc does not send, as its way was found: to ask for it
 * again would lose an error that is told once. */
static int send_stopped(int fd, struct mmsghdr *message, xs_mmsg_flags flags,
			const struct stop *stop)
{
	ssize_t size;

	if (stop->way == WAY_NONE)
		errno = stop->errnum;
	size = send_by(stop->way, fd, &message->msg_hdr, (int)flags,
		       &stop->peer);
	if (size < 0)
		return -1;
	message->msg_len = (unsigned int)size;
	return 1;
}

/* --- streams -------------------------------------------------------------- */

/* True when a send failed only because it came with an address. */
static bool is_refused_for_address(int fd, ssize_t sent)
{
	struct xs_pair_info pair;

	return sent < 0 && errno == EISCONN && xs_config_active() &&
	       xs_pair_read(fd, &pair);
}

/* libc's sendto, sendmsg and sendmmsg, with the error that TCP tells. */

static ssize_t send_to(int fd, const void *data, size_t size, int flags,
		       XS_TO_ARG to, socklen_t len)
{
	int before = errno;
	ssize_t sent;

	if (xs_trace_is_on() && XS_ADDRESS(to))
		xs_traced_send(fd, XS_ADDRESS(to), len);
	if (__builtin_expect(xs_late_error_may(fd), 0)) {
		if (xs_trace_is_on())
			xs_traced_write(fd, data, size);
		sent = xs_datagram_sent(fd, xs_libc.sendto(fd, data, size,
							   flags | MSG_NOSIGNAL,
							   to, len));
		if (xs_late_error_of_send(fd, sent, before))
			return sent;
	}
	return xs_datagram_sent(fd,
				xs_libc.sendto(fd, data, size, flags, to, len));
}

/* (Not in the way of everybody.) */
__attribute__((noinline)) static void tell_message(int fd,
						   const struct msghdr *msg)
{
	if (!xs_readable(msg, sizeof(*msg)))
		return;
	if (msg->msg_name)
		xs_traced_send(fd, msg->msg_name, msg->msg_namelen);
	if (xs_late_error_may(fd))
		xs_traced_writev(fd, msg->msg_iov, msg->msg_iovlen);
}

static ssize_t send_parts(__typeof__(sendmsg) *libc, int fd,
			  const struct msghdr *msg, int flags)
{
	int before = errno;
	ssize_t sent;

	if (xs_trace_is_on())
		tell_message(fd, msg);
	if (__builtin_expect(xs_late_error_may(fd), 0)) {
		sent = xs_datagram_sent(fd,
					libc(fd, msg, flags | MSG_NOSIGNAL));
		if (xs_late_error_of_send(fd, sent, before))
			return sent;
	}
	return xs_datagram_sent(fd, libc(fd, msg, flags));
}

static int send_list(__typeof__(sendmmsg) *libc, int fd, struct mmsghdr *list,
		     unsigned int count, xs_mmsg_flags flags)
{
	int before = errno;
	int sent;

	if (xs_trace_is_on() && xs_readable(list, sizeof(*list)))
		tell_message(fd, &list->msg_hdr);
	if (__builtin_expect(xs_late_error_may(fd), 0)) {
		sent = (int)xs_datagram_sent(
			fd, libc(fd, list, count, flags | MSG_NOSIGNAL));
		if (xs_late_error_of_send(fd, sent, before))
			return sent;
	}
	return (int)xs_datagram_sent(fd, libc(fd, list, count, flags));
}

static ssize_t send_data(int fd, const void *data, size_t size, int flags,
			 XS_TO_ARG to, socklen_t len)
{
	int saved = errno;
	ssize_t sent = send_to(fd, data, size, flags, to, len);

	if (!XS_ADDRESS(to) || !is_refused_for_address(fd, sent))
		return sent;
	errno = saved;
	return send(fd, data, size, flags);
}

/* sendto's send_other. */
static bool send_datagram(int fd, const void *data, size_t size, int flags,
			  const struct sockaddr *to, socklen_t len,
			  ssize_t *sent)
{
	struct iovec part = { .iov_base = (void *)data, .iov_len = size };
	const struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	struct xs_peer peer;
	enum way way = way_of(fd, size, to, len, &peer);

	if (way == WAY_OWN)
		return false;
	*sent = send_by(way, fd, &msg, flags, &peer);
	return true;
}

XS_EXPORT ssize_t sendto(int fd, const void *data, size_t size, int flags,
			 XS_TO_ARG to, socklen_t len)
{
	ssize_t sent;

	xs_libc_need();
	if (__builtin_expect(may_have_datagrams(), 0) &&
	    send_datagram(fd, data, size, flags, XS_ADDRESS(to), len, &sent))
		return sent;
	if (__builtin_expect(!(flags & MSG_FASTOPEN), 1) || !XS_ADDRESS(to) ||
	    !xs_config_active())
		return send_data(fd, data, size, flags, to, len);
	if (xs_connect(fd, XS_ADDRESS(to), len) < 0)
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

static bool is_of_unix(const struct cmsghdr *part)
{
	return part->cmsg_level == SOL_SOCKET &&
	       (part->cmsg_type == SCM_RIGHTS ||
		part->cmsg_type == SCM_CREDENTIALS);
}

/* True when all that goes beside the data is descriptors or credentials.  TCP
 * leaves those out (__sock_cmsg_send); a pair would hand them to the relay. */
static bool is_beside_the_point(int fd, const struct msghdr *msg)
{
	struct xs_pair_info pair;
	struct cmsghdr *part;

	if (!xs_config_active() || !xs_readable(msg, sizeof(*msg)) ||
	    !msg->msg_controllen ||
	    !xs_readable(msg->msg_control, msg->msg_controllen))
		return false;
	for (part = CMSG_FIRSTHDR(msg); part;
	     part = CMSG_NXTHDR((struct msghdr *)msg, part))
		if (!is_of_unix(part))
			return false;
	return xs_pair_read(fd, &pair);
}

static ssize_t send_message(__typeof__(sendmsg) *libc, int fd,
			    const struct msghdr *msg, int flags)
{
	int saved = errno;
	struct msghdr copy;
	ssize_t sent;

	if (is_beside_the_point(fd, msg)) {
		copy = *msg;
		copy.msg_control = NULL;
		copy.msg_controllen = 0;
		msg = &copy;
	}
	sent = send_parts(libc, fd, msg, flags);
	if (!is_refused_for_address(fd, sent))
		return sent;
	errno = saved;
	copy = *msg;
	copy.msg_name = NULL;
	copy.msg_namelen = 0;
	return send_parts(libc, fd, &copy, flags);
}

static ssize_t send_unnamed(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr copy = *msg;

	copy.msg_name = NULL;
	copy.msg_namelen = 0;
	return send_message(xs_libc.sendmsg, fd, &copy, flags);
}

static ssize_t send_one(__typeof__(sendmsg) *libc, int fd,
			const struct msghdr *msg, int flags)
{
	struct msghdr copy;
	ssize_t sent;

	if (__builtin_expect(may_have_datagrams(), 0) &&
	    send_other(fd, msg, flags, &sent))
		return sent;
	if (!is_fastopen(msg, sizeof(*msg), flags) || !msg->msg_name)
		return send_message(libc, fd, msg, flags);
	copy = *msg;
	if (!open_first(fd, &copy))
		return -1;
	return libc(fd, &copy, flags & ~MSG_FASTOPEN);
}

static bool is_whole(const struct msghdr *msg, ssize_t sent)
{
	return (size_t)sent == size_of(msg);
}

/* A list whose first message is refused for its address is sent one by one,
 * until one fails or is cut short (sendmmsg(2)).  When another message is the
 * one that is refused, what was sent counts, and the caller comes again. */
static int send_messages(__typeof__(sendmmsg) *libc, int fd,
			 struct mmsghdr *list, unsigned int count,
			 xs_mmsg_flags flags)
{
	int saved = errno;
	int done = send_list(libc, fd, list, count, flags);
	ssize_t sent;

	if (!is_refused_for_address(fd, done))
		return done;
	for (done = 0; (unsigned int)done < count; done++) {
		sent = send_message(xs_libc.sendmsg, fd, &list[done].msg_hdr,
				    (int)flags);
		if (sent < 0)
			break;
		list[done].msg_len = (unsigned int)sent;
		if (!is_whole(&list[done].msg_hdr, sent))
			return done + 1;
	}
	if (done == 0)
		return -1;
	errno = saved;
	return done;
}

static int send_all(__typeof__(sendmmsg) *libc, int fd, struct mmsghdr *list,
		    unsigned int count, xs_mmsg_flags flags)
{
	struct msghdr first;
	ssize_t sent;

	if (count == 0 || !is_fastopen(list, sizeof(*list), (int)flags) ||
	    !list->msg_hdr.msg_name)
		return send_messages(libc, fd, list, count, flags);
	first = list->msg_hdr;
	if (!open_first(fd, &first))
		return -1;
	flags &= ~MSG_FASTOPEN;
	sent = xs_libc.sendmsg(fd, &first, (int)flags);
	if (sent < 0)
		return -1;
	list->msg_len = (unsigned int)sent;
	/* The kernel refuses the flag for the next one, with EISCONN: that one
	 * was sent is what counts. */
	return 1;
}

/* Some go by libc, in stretches, and others to their stand-ins.  What was sent
 * before an error counts, and the caller comes again. */
static int send_mixed(__typeof__(sendmmsg) *libc, int fd, struct mmsghdr *list,
		      unsigned int count, xs_mmsg_flags flags)
{
	int saved = errno, sent = 0;
	unsigned int done = 0;
	struct stop stop;

	if (count > IOV_MAX)
		count = IOV_MAX; /* as the kernel does (sendmmsg(2)) */
	do {
		unsigned int own =
			count_own(fd, list + done, count - done, &stop);

		if (own) {
			sent = send_all(libc, fd, list + done, own, flags);
			if (sent < 0)
				break;
			done += (unsigned int)sent;
			if ((unsigned int)sent < own)
				break;
		}
		if (stop.way != WAY_OWN) {
			sent = send_stopped(fd, list + done, flags, &stop);
			if (sent < 0)
				break;
			done++;
		}
	} while (done < count);
	if (done == 0)
		return sent;
	errno = saved;
	return (int)done;
}

static int send_many(__typeof__(sendmmsg) *libc, int fd, struct mmsghdr *list,
		     unsigned int count, xs_mmsg_flags flags)
{
	return __builtin_expect(may_have_datagrams(), 0) && count
		       ? send_mixed(libc, fd, list, count, flags)
		       : send_all(libc, fd, list, count, flags);
}

#define SENDMSG(name)                                                          \
	ssize_t name(int fd, const struct msghdr *msg, int flags);             \
	XS_EXPORT ssize_t name(int fd, const struct msghdr *msg, int flags)    \
	{                                                                      \
		xs_libc_need();                                                \
		return send_one(xs_libc.name, fd, msg, flags);                 \
	}
#define SENDMMSG(name)                                                         \
	int name(int fd, struct mmsghdr *list, unsigned int count,             \
		 xs_mmsg_flags flags);                                         \
	XS_EXPORT int name(int fd, struct mmsghdr *list, unsigned int count,   \
			   xs_mmsg_flags flags)                                \
	{                                                                      \
		xs_libc_need();                                                \
		return send_many(xs_libc.name, fd, list, count, flags);        \
	}

SENDMSG(sendmsg)
SENDMMSG(sendmmsg)
#if defined(__GLIBC__) && __TIMESIZE == 32
SENDMSG(__sendmsg64)
SENDMMSG(__sendmmsg64)
#endif
