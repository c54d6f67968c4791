/* Names for the library: which addresses do they have now?
 *
 * The library must know that to decide whether a rule's name is meant, and
 * cannot look it up itself: connect(2) is called in signal handlers and in
 * forked children, where getaddrinfo(3) may wait for ever for a lock.
 *
 * All of it happens on the thread of the control connection's worker.
 */
#ifndef XS_LOOKUPS_H
#define XS_LOOKUPS_H

#include "base/wire.h"
#include "relay/loop/worker.h"

#include <stdbool.h>

struct xs_control;
struct xs_lookups;

/* Takes one answer for the client of control.  The last one ends them all:
 * xs_lookups_end is called before it returns. */
typedef void xs_lookups_tell(struct xs_control *control,
			     const struct xs_wire *answer, bool last);

/* Begins to look up names, with a blank between two.  Each is told when it is
 * known.  Returns NULL when there is no name, too many, or memory is short. */
struct xs_lookups *xs_lookups_begin(struct xs_control *control,
				    struct xs_worker *worker, const char *names,
				    xs_lookups_tell *tell);

/* The client has gone, or has every answer.  Frees them. */
void xs_lookups_end(struct xs_lookups *lookups);

#endif
