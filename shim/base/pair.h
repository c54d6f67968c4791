/* The AF_UNIX pair that stands for a TCP connection: its names and its gate.
 *
 * The application's descriptor is one end of a socketpair(2).  What the hooks
 * must know about it is written where no close, dup, fork or exec can make it
 * stale: into the names of the two ends.  Both can be bound after pairing, and
 * an end keeps answering getpeername(2) with the name of an end that has been
 * closed.
 *
 *   application's end, bound by the library before it hands over:
 *       @xsock/1a2b3c4d/0123456789abcdef/192.0.2.7:443<10.0.0.1:51234
 *              id       relay's key      what the application asked for, and
 *                                        the local address where it is known
 *                                        by then (and fits)
 *   relay's end, bound by the relay when the connect has ended:
 *       @xsock/1a2b3c4d=10.0.0.1:51234>192.0.2.7:443    local > peer
 *       @xsock/1a2b3c4d!111                             failed, errno
 *   relay's end not bound yet: still connecting.
 *
 * A pair of SOCK_SEQPACKET stands for a connected UDP socket in the same way.
 * It keeps datagrams apart, carries empty ones, and tells either end that the
 * other has been closed.  Nobody else can send to it, because such a socket
 * takes nothing but from its peer; an end of SOCK_DGRAM takes datagrams of any
 * process once its peer is gone.  A UDP socket is connected at once:
 *
 *   application's end, bound by the library before it hands over:
 *       @xsock/1a2b3c4d/0123456789abcdef/dtls:1435:192.0.2.7:443<10.0.0.1:51234
 *                                        the most bytes that a datagram may
 *                                        have; "udp:" where there is no DTLS
 *   relay's end, bound by the relay when it gives up:
 *       @xsock/1a2b3c4d!111
 *   relay's end not bound: connected.
 *
 * An IPv6 address is in brackets, and the family of the asked address is the
 * family of the application's socket.  Abstract names are unique in a network
 * namespace; the id is random.
 *
 * The gate makes a connecting pair look like a connecting TCP socket: the
 * application's end is filled and its send buffer made small, so that it is
 * neither writable nor takes bytes.  The relay opens it by giving the buffer a
 * size and reading exactly the filler, in an order that wakes a waiting thread
 * only once.  If it closes its end with the filler unread, the kernel reports
 * POLLERR | POLLHUP and ECONNRESET.
 *
 * TCP_NODELAY of the real connection is always on (tools/relay/README.md).  The
 * value that the application set is kept in its end of the pair, so that
 * getsockopt(2) needs no question to the relay.
 *
 * No state here; safe in any thread and in a signal handler.
 */
#ifndef XS_PAIR_H
#define XS_PAIR_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

/* Hexadecimal digits of a relay's key, without NUL. */
#define XS_PAIR_KEY_LEN 16

enum xs_pair_state {
	XS_PAIR_CONNECTING,
	XS_PAIR_CONNECTED,
	XS_PAIR_FAILED,
};

/* What a pair stands for. */
enum xs_pair_kind {
	XS_PAIR_TCP,
	XS_PAIR_UDP,  /* a UDP socket whose datagrams go as they are */
	XS_PAIR_DTLS, /* one whose datagrams have DTLS */
};

/* The most bytes of a datagram: UDP's, by IPv4 and IPv6; what DTLS adds with
 * ciphers of today (RFC 6347, 4.1; RFC 5288, 3: 13 of the head, 8 and 16 of
 * AES-GCM); and with the worst, AES-CBC with SHA384 (RFC 5289, 3.1: 16 of the
 * IV, 48, and up to 16 of padding). */
enum {
	XS_PAIR_MOST_UDP4 = 65507,
	XS_PAIR_MOST_UDP6 = 65527,
	XS_PAIR_RECORD = 37,
	XS_PAIR_RECORD_MOST = 93,
};

struct xs_pair_info {
	uint32_t id;
	enum xs_pair_kind kind;
	uint32_t limit; /* UDP, DTLS: the most bytes of a datagram */
	char key[XS_PAIR_KEY_LEN + 1];
	struct xs_address asked; /* its family is that of the socket */
	enum xs_pair_state state;
	int errnum;		 /* FAILED */
	struct xs_address local; /* len 0: not known */
};

/* Names the application's end and gives it a new random id, which goes to
 * info->id.  Of *info, key, kind, limit, asked and local count; local is the
 * address of the TCP or UDP socket, len 0 when it has none yet.  Returns 0, or
 * -1 with errno. */
int xs_pair_name_app(int app_end, struct xs_pair_info *info);

/* Closes the gate of the application's end.  Returns the number of bytes of
 * filler, which the relay must be told, or 0 with errno. */
uint32_t xs_pair_shut_gate(int app_end);

/* Relay: opens the gate, in two steps.  The first wakes no thread: it gives the
 * application's end its buffer, by a copy of that end.  (limit is the size, as
 * for SO_SNDBUF; 0: no limit.)  Then the copy can be closed, before the
 * application is woken, so that it does not outlive the application's close(2).
 * The second step reads filler bytes from the relay's end.  They return 0, or
 * -1 with errno. */
int xs_pair_unlock_gate(int app_end, int limit);
/* Between the two: leaves a byte that the relay's end reads behind the filler.
 * As long as it lies there, closing the relay's end is ECONNRESET for the
 * application, instead of the end of the stream (unix_release_sock).  Returns
 * 0, or -1 with errno. */
int xs_pair_leave_mark(int app_end);
int xs_pair_open_gate(int relay_end, uint32_t filler);

/* Relay: names its end, "connected" or "failed".  Returns 0, or -1 with errno.
 * Call before the gate is opened or the end closed, so that a thread that is
 * woken finds the name. */
int xs_pair_name_connected(int relay_end, uint32_t id,
			   const struct xs_address *local,
			   const struct xs_address *peer);
int xs_pair_name_failed(int relay_end, uint32_t id, int errnum);

/* TCP_NODELAY as the application has set it, off at first.  Setting returns 0,
 * or -1 with errno; what is no socket has it off. */
int xs_pair_set_nodelay(int app_end, bool on);
bool xs_pair_nodelay(int app_end);

/* Who asks for the outcome of the connect: nobody any more, the next
 * connect(2) of one that was not waited for, or a thread that waits.  Kept in
 * the application's end (SO_PRIORITY, which AF_UNIX makes no use of).  Setting
 * returns 0, or -1 with errno. */
enum xs_pair_asker {
	XS_PAIR_COLLECTED,
	XS_PAIR_UNCOLLECTED,
	XS_PAIR_AWAITED,
	XS_PAIR_SHUT, /* of datagrams: the application has shut it down */
};
int xs_pair_set_asker(int app_end, enum xs_pair_asker asker);
enum xs_pair_asker xs_pair_asker(int app_end);

/* Relay: puts the TCP socket of a failed connect that is awaited into the pair.
 * Before the end is named.  The application's end has one byte to read then,
 * with the socket, in front of the error.  Returns 0, or -1 with errno. */
int xs_pair_give_socket(int relay_end, int socket);

/* Reads both names of the application's end.  True when fd is the
 * application's end of a pair; *info is then filled.  False for every other
 * descriptor; errno is left as it was. */
bool xs_pair_read(int fd, struct xs_pair_info *info);

/* Relay: what the application asked for, from the relay's end. */
bool xs_pair_read_asked(int relay_end, struct xs_address *asked);

/* Relay: the id in the name of the application's end fd that a client sent,
 * when its peer is the end that has this relay's name for it.  False when fd
 * is not such an end. */
bool xs_pair_read_id(int fd, uint32_t *id);

#endif
