/* The time after the application: until the server has taken everything.
 *
 * close(2) on a TCP socket with unread data sends RST, and RST makes the
 * server's kernel throw away what it has received but not handed out: the last
 * bytes that the application wrote.  So what the server still says is read and
 * thrown away until it ends its side, or has acknowledged everything.
 *
 * Under TLS that goes on for a while even when everything is acknowledged, so
 * that a server that answers close_notify gets no RST.  Without TLS the server
 * must find out at once that its data are not read any more, as it does when an
 * application closes its own socket.
 */
#ifndef XS_LINGER_H
#define XS_LINGER_H

#include "relay/base/buffers.h"

#include <stdbool.h>
#include <stddef.h>

/* How often xs_linger_overdue is asked, in milliseconds. */
#define XS_LINGER_MS 10000

struct xs_linger {
	bool polite;	  /* reads what comes when all is acknowledged, too */
	size_t discarded; /* bytes */
	int unsent;	  /* bytes not acknowledged, when last looked at */
	int stalled;	  /* looks since the last progress */
};

/* True when the application asked for close(2) to abort the connection:
 * SO_LINGER with a time of 0. */
bool xs_linger_aborts(int fd);

/* True when the server has acknowledged everything that was sent. */
bool xs_linger_is_acknowledged(int fd);

/* Reads and throws away what has come.  True when fd can be closed. */
bool xs_linger_read(struct xs_linger *linger, int fd,
		    struct xs_buffers *buffers);

/* XS_LINGER_MS have passed.  True when fd can be closed, or must be. */
bool xs_linger_overdue(struct xs_linger *linger, int fd);

/* Makes close(2) abort the connection. */
void xs_linger_abort(int fd);

/* Closes a TCP socket without waiting, whatever SO_LINGER says. */
void xs_linger_close(int fd);

#endif
