/* What the relay has of the program that started it, put right: limits,
 * scheduling, and whatever else a child inherits.  It serves others, too.
 *
 * What cannot be put right without privileges (hard limits, a nice value above
 * 0, SCHED_IDLE) is part of the relay's key (shim/relay_client/identity.h), so
 * only programs that have the same share it.
 */
#ifndef XS_SURROUNDINGS_H
#define XS_SURROUNDINGS_H

#include <stdint.h>

/* Before the first thread, and before the relay may not be looked at.  Finds
 * out what may be called (base/allowed.h), whose conditions hold here. */
void xs_surroundings_reset(void);

/* Gives up what the relay never needs: all capabilities but those of
 * base/relay_capability.h, and new privileges by execve(2).  Returns those that
 * are left.  Before the first thread, after the relay has noted what it was
 * (client/admit.h).  What cannot be given up is noted (base/walls.h). */
uint64_t xs_surroundings_give_up(void);

/* The last step before the first thread: keys and plaintext lie in this memory,
 * so there is no core file of it, and no debugger but root's (/proc/PID is
 * root's then, which nobody here reads); and what the relay never calls is
 * refused (base/filter.h). */
void xs_surroundings_close(void);

#endif
