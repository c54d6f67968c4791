/* An association: the datagrams between one program and one server, as they are
 * or by DTLS.
 *
 * Where the program's datagrams come from and go to is not known here.  That
 * side (connected.h) gives whole datagrams to xs_association_send, and gets
 * whole datagrams and the end by the functions of a struct
 * xs_association_side.
 *
 *     IDLE       nothing is known, nothing is open: no datagram has come yet,
 *                or the last association has ended
 *     LOAD       the rule's files are being read
 *     RESOLVE    the name of the rule is being looked up
 *     HANDSHAKE  of DTLS; ends with a verified certificate
 *     OPEN       datagrams go both ways
 *     OVER       failed, or finished: the side has been told
 *
 *     IDLE ──> LOAD ──> RESOLVE ──> HANDSHAKE ──> OPEN ──> IDLE
 *
 * The first datagram begins it.  A handshake that fails with the session of an
 * earlier association is tried once more in full.  Until the server is
 * verified, datagrams wait (waiting.h).  Without DTLS it is OPEN from the
 * beginning, but for a name to be looked up.  It goes back to IDLE when the
 * server has said goodbye, when nothing has come from it for the rule's idle
 * time, and when it has answered before and does not any more: it may have been
 * started anew, and an answer to a handshake is the only way to find out.
 *
 * An association belongs to one worker, and is touched by its thread only.
 */
#ifndef XS_ASSOCIATION_H
#define XS_ASSOCIATION_H

#include "base/error.h"
#include "relay/client/registry.h"
#include "relay/connection/request.h"
#include "relay/loop/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct xs_association;

/* What an association tells the side that the program is on.  None of them may
 * free the association before it has returned to its caller;
 * xs_association_free itself takes care of that. */
struct xs_association_side {
	/* Datagrams of the server's; one may be empty.  The side sends them. */
	void (*deliver)(void *side, struct xs_outgoing *datagrams);
	/* The longest datagram that goes by DTLS now: the cipher is known, or
	 * the path has changed. */
	void (*sized)(void *side, size_t largest);
	/* It has failed, which has been logged.  What waited is dropped. */
	void (*failed)(void *side, const struct xs_error *err);
	/* What xs_association_finish asked for is done. */
	void (*finished)(void *side);
};

struct xs_association_setup {
	struct xs_worker *worker;
	struct xs_request *request; /* taken over */
	int udp_fd; /* non-blocking, of the application's settings; connected if
		       the request says so; taken over */
	int log_fd; /* the application's standard error, or -1; taken over */
	pid_t pid;  /* whose; 0: cannot be told */
	/* By which others find it, as long as it is not freed; what it shows
	 * them (list.h) gets in there. */
	struct xs_registered *registered;
	const struct xs_association_side *functions;
	void *side;
};

/* Makes one that has said nothing.  NULL when memory is short: nothing has been
 * taken over then. */
struct xs_association *
xs_association_new(const struct xs_association_setup *setup);

/* So many datagrams of the program's, in order: sends each, or lets it wait, or
 * drops it, which a line of the log tells once. */
void xs_association_send(struct xs_association *association,
			 const struct xs_incoming *datagrams, int count);

/* The program has closed its side: what waits is sent still, then comes
 * close_notify, and finished is called, perhaps before this returns. */
void xs_association_finish(struct xs_association *association);

/* Ends it at once; nothing is called any more.  Its memory is freed after the
 * events at hand. */
void xs_association_free(struct xs_association *association);

/* Its UDP socket, for who is asked about it. */
int xs_association_socket(const struct xs_association *association);

#endif
