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

#include "control.h"

struct xs_lookups;

/* Begins to look up names, with a blank between two.  Each is told to the
 * control connection when it is known; the last one ends that.  Returns NULL
 * when there is no name, too many, or memory is short. */
struct xs_lookups *xs_lookups_begin(struct xs_control *control,
				    struct xs_worker *worker,
				    const char *names);

/* The client has gone, or has every answer.  Frees them. */
void xs_lookups_end(struct xs_lookups *lookups);

#endif
