/* Datagrams that are read by one system call, recvmmsg(2).
 *
 * The room belongs to a worker, as its buffers do: nothing may stay there
 * between two events.  Each datagram has room for the largest that there is, of
 * which only the pages are used that something was written to.
 *
 * Where a filter forbids the call, each call reads one datagram.
 */
#ifndef XS_INCOMING_H
#define XS_INCOMING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	XS_INCOMING = 16,
	/* No datagram is longer (udp(7), 65,507 bytes), and none is cut.  Not
	 * a power of two, so that the beginnings of all find a place in the
	 * processor's cache. */
	XS_INCOMING_ROOM = 64 * 1024 + 33 * 64,
};

struct xs_incoming {
	struct mmsghdr list[XS_INCOMING];
	struct iovec part[XS_INCOMING];
	struct sockaddr_in from[XS_INCOMING];
	uint8_t room[XS_INCOMING][XS_INCOMING_ROOM];
};

/* Reads what is there, without waiting.  Returns how many, in order; fewer than
 * XS_INCOMING have emptied the socket, unless only one can be read at a time.
 * -1 with errno. */
int xs_incoming_read(struct xs_incoming *incoming, int fd);

/* How many xs_incoming_read returns at most. */
int xs_incoming_most(void);

static inline const void *xs_incoming_data(const struct xs_incoming *incoming,
					   int at)
{
	return incoming->room[at];
}

static inline size_t xs_incoming_len(const struct xs_incoming *incoming, int at)
{
	return incoming->list[at].msg_len;
}

/* The sender's address, of a socket of IPv4. */
static inline const struct sockaddr_in *
xs_incoming_from(const struct xs_incoming *incoming, int at)
{
	return &incoming->from[at];
}

/* Of a SOCK_SEQPACKET whose other end has a name: is it the end, and no empty
 * datagram?  The end has no sender. */
static inline bool xs_incoming_is_end(const struct xs_incoming *incoming,
				      int at)
{
	return !incoming->list[at].msg_len &&
	       !incoming->list[at].msg_hdr.msg_namelen;
}

#endif
