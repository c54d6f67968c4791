/* The program's side of an association: the pair that stands for its connected
 * UDP socket (base/pair.h).
 *
 * The association lasts as long as a process holds the other end of the pair.
 * When it fails, this end is named after the errno and closed, so that the next
 * call on the program's socket finds it (connect/datagram.h).
 */
#ifndef XS_CONNECTED_H
#define XS_CONNECTED_H

#include "relay/client/control.h"

#include <stdbool.h>
#include <stddef.h>

/* Is this CONNECT, which has been decoded with success, about datagrams? */
bool xs_connected_is(const void *datagram, size_t len);

/* As begin of struct xs_control_connector.  The answer is that the datagrams
 * have been taken over, whatever comes of them. */
int xs_connected_begin(struct xs_worker *worker, struct xs_control *control,
		       const void *datagram, size_t len, const int *fds,
		       size_t nfds);

#endif
