/* The buffers of a worker: bytes that are in flight this very moment.
 *
 * All connections of a worker share them, because it serves one at a time; an
 * idle connection has none.  Nothing may stay here between two events.
 */
#ifndef XS_BUFFERS_H
#define XS_BUFFERS_H

#include "relay/base/incoming.h"
#include "relay/base/outgoing.h"
#include "relay/base/tls_room.h"

#include <stddef.h>
#include <stdint.h>

/* What one read takes at most: several TLS records in one system call.  From
 * the application three, because more leave the processor's cache before they
 * are encrypted, and because three are sent in one piece of TCP (64 KiB)
 * without a small rest: uploads are 10 % faster than with four. */
#define XS_READ_MAX	(128 * 1024)
#define XS_APP_READ_MAX (48 * 1024)

struct xs_buffers {
	size_t moved; /* bytes read since the worker last waited */
	uint8_t plain[XS_TLS_PLAIN_ROOM(XS_READ_MAX)];
	uint8_t cipher_in[XS_READ_MAX];
	uint8_t cipher_out[XS_TLS_OUT_ROOM(XS_READ_MAX)];
	struct xs_incoming incoming; /* datagrams */
	struct xs_outgoing up, down; /* the same, in cipher_out and plain */
};

#endif
