/* The error queue of a wrapped UDP socket; see error_queue.h. */
#include "connect/error_queue.h"

#include "base/readable.h"
#include "connect/datagram.h"
#include "connect/datagram_option.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <time.h>
/* (It names a struct of <time.h>.) */
#include <linux/errqueue.h>

/* What stands beside the error, and who it is from (struct errhdr in
 * net/ipv4/ip_sockglue.c). */
struct told {
	struct sock_extended_err error;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} offender;
};

static bool is_ipv6(const struct xs_pair_info *pair)
{
	return pair->asked.any.sa_family == AF_INET6;
}

static void put_origin(struct told *told, const struct xs_pair_info *pair)
{
	struct xs_address four = pair->asked;
	bool by_four = xs_address_to_family(&four, AF_INET);

	told->error.ee_origin =
		by_four ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6;
	told->error.ee_type = by_four ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH;
	told->error.ee_code =
		by_four ? ICMP_PORT_UNREACH : ICMP6_DST_UNREACH_NOPORT;
	memcpy(&told->offender, &pair->asked.any,
	       is_ipv6(pair) ? sizeof(told->offender.v6)
			     : sizeof(told->offender.v4));
	/* The port, in the same place. */
	told->offender.v4.sin_port = 0;
}

static size_t make(struct told *told, const struct xs_pair_info *pair,
		   int errnum)
{
	memset(told, 0, sizeof(*told));
	told->error.ee_errno = (uint32_t)errnum;
	told->error.ee_origin = SO_EE_ORIGIN_LOCAL;
	if (errnum == ECONNREFUSED)
		put_origin(told, pair);
	return offsetof(struct told, offender) +
	       (is_ipv6(pair) ? sizeof(told->offender.v6)
			      : sizeof(told->offender.v4));
}

/* put_cmsg of net/core/scm.c, but for a part that is cut. */
static void put_beside(struct msghdr *msg, const struct xs_pair_info *pair,
		       const struct told *told, size_t size)
{
	struct cmsghdr *part = msg->msg_control;

	msg->msg_flags = MSG_ERRQUEUE;
	if (!part || msg->msg_controllen < CMSG_LEN(size) ||
	    !xs_readable(part, CMSG_LEN(size))) {
		msg->msg_flags |= MSG_CTRUNC;
		msg->msg_controllen = 0;
		return;
	}
	part->cmsg_level = is_ipv6(pair) ? IPPROTO_IPV6 : IPPROTO_IP;
	part->cmsg_type = is_ipv6(pair) ? IPV6_RECVERR : IP_RECVERR;
	part->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(part), told, size);
	if (msg->msg_controllen > CMSG_SPACE(size))
		msg->msg_controllen = CMSG_SPACE(size);
}

static int put_name(struct msghdr *msg, const struct xs_pair_info *pair)
{
	size_t size = msg->msg_namelen < pair->asked.len ? msg->msg_namelen
							 : pair->asked.len;

	if (!msg->msg_name)
		return 0;
	if (size && !xs_readable(msg->msg_name, size)) {
		errno = EFAULT;
		return -1;
	}
	memcpy(msg->msg_name, &pair->asked.any, size);
	msg->msg_namelen = pair->asked.len;
	return 0;
}

ssize_t xs_error_queue_read(int fd, const struct xs_pair_info *pair,
			    struct msghdr *msg)
{
	int error = xs_datagram_option_errors(fd) ? xs_datagram_error(fd) : 0;
	struct told told;
	size_t size;

	if (!error) {
		errno = EAGAIN;
		return -1;
	}
	size = make(&told, pair, error);
	put_beside(msg, pair, &told, size);
	return put_name(msg, pair);
}
