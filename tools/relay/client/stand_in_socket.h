/* The socket of a stand-in (bridge.h). */
#ifndef XS_STAND_IN_SOCKET_H
#define XS_STAND_IN_SOCKET_H

#include "base/error.h"
#include "base/stand_in.h"

#include <sys/types.h>

/* Makes the socket for the entry at that place, beside the application's, and
 * fills entry->ip and entry->port.  Not in two threads at once.  Returns it, or
 * -1 with *err set: the application's is not one that can have stand-ins. */
int xs_stand_in_socket(int application, int place, struct xs_stand_in *entry,
		       struct xs_error *err);

/* Receives a datagram of the application's, whose port this is, without
 * waiting, or returns -1 with errno.  XS_STAND_IN_STRANGER: one came from
 * elsewhere, before the socket was connected. */
enum { XS_STAND_IN_STRANGER = -2 };
ssize_t xs_stand_in_receive(int stand_in, uint32_t port, void *data,
			    size_t size);

/* How many datagrams found no room in the socket. */
uint64_t xs_stand_in_dropped(int stand_in);

#endif
