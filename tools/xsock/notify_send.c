/* Answers to sendto(2), sendmsg(2) and sendmmsg(2): a datagram with an address
 * that a rule is about is refused, all else the kernel goes on with.
 *
 * The address is in the program's memory, and read a second time by the kernel.
 * A program that writes another one meanwhile gets past this; one that makes
 * its own system calls to get past its rules can do so in any case.
 */
#include "xsock/notify.h"

#include "connect/config.h"
#include "connect/unconnected.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* As the kernel takes at most (sendmmsg(2)). */
enum { LIST_MAX = 1024 };

/* What is read of a struct msghdr: the address comes first. */
struct wide {
	uint64_t name;
	uint32_t len, unused;
};
struct narrow {
	uint32_t name;
	uint32_t len;
};

/* Bytes from one message of a list to the next: struct mmsghdr. */
enum { WIDE_STEP = 64, NARROW_STEP = 32 };

#if __SIZEOF_POINTER__ == 8
_Static_assert(sizeof(struct mmsghdr) == WIDE_STEP &&
		       offsetof(struct msghdr, msg_namelen) ==
			       offsetof(struct wide, len),
	       "the layout of a message");
#endif

/* What cannot be read is the kernel's to refuse. */
static bool may_send_to(struct xs_notify *n, uint64_t at, uint32_t len)
{
	struct sockaddr_storage to = { 0 };

	/* More the kernel does not look at. */
	if (len > sizeof(to))
		len = sizeof(to);
	if (!at || len < sizeof(to.ss_family) ||
	    xs_notify_read(n, at, &to, len) < 0)
		return true;
	/* AF_UNSPEC may mean AF_INET (udp_sendmsg in net/ipv4/udp.c). */
	if (to.ss_family != AF_INET && to.ss_family != AF_INET6 &&
	    to.ss_family != AF_UNSPEC)
		return true;
	/* Nobody knows what kind of socket it is. */
	if (n->fd < 0 && xs_notify_copy(n) < 0) {
		errno = errno == EBADF ? EBADF : EACCES;
		return false;
	}
	return xs_unconnected_may(n->fd, (const struct sockaddr *)&to, len,
				  NULL);
}

static bool may_send_message(struct xs_notify *n, uint64_t at)
{
	struct wide wide = { 0 };
	struct narrow narrow = { 0 };

	if (n->narrow) {
		if (xs_notify_read(n, at, &narrow, sizeof(narrow)) < 0)
			return true;
		return may_send_to(n, narrow.name, narrow.len);
	}
	if (xs_notify_read(n, at, &wide, sizeof(wide)) < 0)
		return true;
	return may_send_to(n, wide.name, wide.len);
}

/* One that may not be sent refuses all: how many come before it only the kernel
 * can tell. */
static bool may_send_list(struct xs_notify *n, uint64_t at, uint64_t count)
{
	const uint64_t step = n->narrow ? NARROW_STEP : WIDE_STEP;

	for (uint64_t i = 0; i < count && i < LIST_MAX; i++)
		if (!may_send_message(n, at + i * step))
			return false;
	return true;
}

static bool may_send(struct xs_notify *n)
{
	switch (n->call) {
	case SYS_sendto:
		return may_send_to(n, n->args[4], (uint32_t)n->args[5]);
	case SYS_sendmsg:
		return may_send_message(n, n->args[1]);
	default:
		return may_send_list(n, n->args[1], (uint32_t)n->args[2]);
	}
}

static void refuse(struct xs_notify *n, int errnum)
{
	n->pass = false;
	n->result = -1;
	n->errnum = errnum;
}

void xs_notify_send(struct xs_notify *n)
{
	const uint64_t flags = n->args[n->call == SYS_sendmsg ? 2 : 3];

	n->pass = true;
	/* By socketcall(2), where the filter cannot see the flags; the answer
	 * is the filter's. */
	if (flags & MSG_FASTOPEN)
		refuse(n, EOPNOTSUPP);
	else if (xs_config_datagrams && !may_send(n))
		refuse(n, errno);
}
