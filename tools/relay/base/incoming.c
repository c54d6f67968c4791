/* Datagrams that are read by one system call; see incoming.h. */
#include "relay/base/incoming.h"

#include "relay/base/allowed.h"

#include <errno.h>

/* The sender's address is for IPv4; of others, only that there is one. */
static void make_ready(struct xs_incoming *incoming, int at)
{
	incoming->part[at] = (struct iovec){
		.iov_base = incoming->room[at],
		.iov_len = sizeof(incoming->room[at]),
	};
	incoming->list[at].msg_hdr = (struct msghdr){
		.msg_name = &incoming->from[at],
		.msg_namelen = sizeof(incoming->from[at]),
		.msg_iov = &incoming->part[at],
		.msg_iovlen = 1,
	};
}

static int read_one(struct xs_incoming *incoming, int fd)
{
	ssize_t got = recvmsg(fd, &incoming->list->msg_hdr, MSG_DONTWAIT);

	if (got < 0)
		return -1;
	incoming->list->msg_len = (unsigned)got;
	return 1;
}

int xs_incoming_most(void)
{
	return xs_allowed(XS_CALL_MANY) ? XS_INCOMING : 1;
}

int xs_incoming_read(struct xs_incoming *incoming, int fd)
{
	int most = xs_incoming_most(), got;

	for (int i = 0; i < most; i++)
		make_ready(incoming, i);
	do
		got = most > 1 ? recvmmsg(fd, incoming->list, (unsigned)most,
					  MSG_DONTWAIT, NULL)
			       : read_one(incoming, fd);
	while (got < 0 && errno == EINTR);
	return got;
}
