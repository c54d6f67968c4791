/* One control connection: a client asks once and is answered once.  (If it asks
 * for several names, it gets an answer for each.)
 *
 * All of it happens on the worker's thread that owns the control
 * connection; the connection that a CONNECT begins stays there, too.
 */
#ifndef XS_CONTROL_H
#define XS_CONTROL_H

#include "base/wire.h"
#include "relay/loop/worker.h"

#include <stddef.h>
#include <sys/types.h>

struct xs_connection;
struct xs_control;

/* What a CONNECT leads to is not known in this layer.  These are functions of
 * the layer that makes connections (connection.h).  Both run on worker's
 * thread. */
struct xs_control_connector {
	/* Begins what a CONNECT asks for.  datagram and len are the request,
	 * decoded before with success, fds its descriptors, which this takes
	 * over in any case.  control, whose client may wait for the verdict,
	 * is attached, or has been answered.  Returns 0, or -1 when the request
	 * is not one: nothing is attached then. */
	int (*begin)(struct xs_worker *worker, struct xs_control *control,
		     const void *datagram, size_t len, const int *fds,
		     size_t nfds);
	/* The client does not wait for the verdict any more. */
	void (*client_left)(struct xs_connection *connection);
	/* Answers a LIST on fd, without waiting. */
	void (*list)(int fd, const struct xs_wire *question);
};

/* Says where a CONNECT leads to.  Once, before any control connection begins;
 * connector must last.  Without it a CONNECT is dropped like a message
 * that is no request. */
void xs_control_set_connector(const struct xs_control_connector *connector);

/* Serves fd, which has been accepted and counted (lifetime.h); it is closed and
 * taken off the count in any case. */
void xs_control_begin(struct xs_worker *worker, int fd);

/* Closes the oldest control connection of this thread's worker that has not
 * asked anything yet: descriptors are short.  False: there is none. */
bool xs_control_give_way(void);

/* The connection that will answer; NULL: none will. */
void xs_control_attach(struct xs_control *control,
		       struct xs_connection *connection);

/* The process of the client; 0 when it cannot be told. */
pid_t xs_control_pid(const struct xs_control *control);

/* Sends the answer, if the client is still there, and closes. */
void xs_control_answer(struct xs_control *control,
		       const struct xs_wire *answer);

#endif
