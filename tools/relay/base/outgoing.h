/* Datagrams that are collected, and sent by one system call, sendmmsg(2).
 *
 * They leave in order, each by itself, whatever the system calls are.  Where
 * the socket is one of UDP, those of the same length go through the kernel in
 * one piece, which it cuts into datagrams at the end (UDP_SEGMENT, udp(7),
 * since Linux 4.18): that is most of the time of a send.  Where the kernel or a
 * device cannot do that, they are sent one by one.
 *
 * The room is a buffer of the worker's (buffers.h), so what is collected must
 * be sent before the event's handler returns.  One thread at a time.
 */
#ifndef XS_OUTGOING_H
#define XS_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { XS_OUTGOING = 16 };

struct xs_outgoing {
	uint8_t *room;
	size_t size, used;
	unsigned count;
	size_t len[XS_OUTGOING];
	size_t asked[XS_OUTGOING];
};

/* Collects into size bytes at room. */
void xs_outgoing_begin(struct xs_outgoing *outgoing, void *room, size_t size);

/* Is there room for a datagram of so many bytes?  If not, what is collected is
 * to be sent first. */
bool xs_outgoing_has_room(const struct xs_outgoing *outgoing, size_t len);

/* Adds a copy of a datagram, and a number that is told with it.  False: there
 * is no room. */
bool xs_outgoing_put(struct xs_outgoing *outgoing, const void *data, size_t len,
		     size_t asked);

/* What became of a datagram, in order: error is 0 or an errno.  Returns false
 * to drop all that are behind it. */
typedef bool xs_outgoing_told(void *user, size_t asked, int error);

/* What is lost is lost, as by UDP, and the next one is sent all the same. */
bool xs_outgoing_drop(void *user, size_t asked, int error);

/* Sends all to the peer of fd, without waiting, and has collected nothing then.
 * *segments says whether UDP_SEGMENT may be used, and becomes false where that
 * turns out to be impossible. */
void xs_outgoing_send(struct xs_outgoing *outgoing, int fd, bool *segments,
		      xs_outgoing_told *told, void *user);

#endif
