/* One control connection: a client asks once and is answered once (names that
 * it asks for are answered one by one).
 *
 * All of it happens on the worker's thread that owns the control
 * connection; the connection that a CONNECT begins stays there, too.
 */
#ifndef XS_CONTROL_H
#define XS_CONTROL_H

#include "wire.h"
#include "worker.h"

#include <sys/types.h>

struct xs_connection;
struct xs_control;

/* Serves fd, which has been accepted and counted (life.h); it is closed and
 * taken off the count in any case. */
void xs_control_begin(struct xs_worker *worker, int fd);

/* The connection that will answer; NULL: none will. */
void xs_control_attach(struct xs_control *control,
		       struct xs_connection *connection);

/* The process of the client; 0 when it cannot be told. */
pid_t xs_control_pid(const struct xs_control *control);

/* Sends an answer that is not the last.  A client that does not read them is
 * noticed by the last. */
void xs_control_tell(struct xs_control *control, const struct xs_wire *answer);

/* Sends the answer, if the client is still there, and closes. */
void xs_control_answer(struct xs_control *control,
		       const struct xs_wire *answer);

#endif
