/* One connection: from the request until the server has the last byte. */
#ifndef XS_CONNECTION_H
#define XS_CONNECTION_H

#include "control.h"
#include "worker.h"

#include <stddef.h>

struct xs_connection;

/* Begins what a CONNECT asks for, on worker's thread: datagram and len are the
 * request, decoded before with success, fds its descriptors, which this takes
 * over in any case.  control, whose client may wait for the verdict, is
 * attached.  Returns 0, or -1 when the request is not one: nothing is
 * attached then. */
int xs_connection_begin(struct xs_worker *worker, struct xs_control *control,
			const void *datagram, size_t len, const int *fds,
			size_t nfds);

/* The client does not wait for the verdict any more. */
void xs_connection_forget_control(struct xs_connection *connection);

#endif
