/* Who is let in: a client must have at least the rights of this relay.
 *
 * A relay opens files that its clients name, and holds what others have given
 * to it.  So the same user is not enough.  A client has the user, groups,
 * namespaces and root of the relay, no fewer capabilities than the relay keeps,
 * and no confinement (no_new_privs, without which nobody but root can use
 * seccomp or Landlock; seccomp filters; the label of a security module) that
 * the relay's starter had not.
 *
 * The kernel tells it, not the client, for each control connection anew: a
 * process may have locked itself up since the last.  Where nobody may look into
 * the client (a daemon that has changed its user), its descriptors do
 * (base/spaces.h).
 */
#ifndef XS_ADMIT_H
#define XS_ADMIT_H

#include "base/spaces.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Takes note of what this process is, before it gives up anything.  starter is
 * the process that started it; 0: not known.  Where alone is set it is the only
 * one that is let in.  label is its security label; NULL: there is none.  Once,
 * before the first thread. */
void xs_admit_prepare(pid_t starter, bool alone, const char *label);

/* Takes note of the capabilities that are left. */
void xs_admit_keep(uint64_t capabilities);

/* What a client may see of this relay: where it lives.  NULL: cannot be told.
 */
const int *xs_admit_proof(void);

/* May the client behind control, which was accepted at this time
 * (CLOCK_BOOTTIME, in ms), share this relay?  shown is what it has shown of
 * itself; NULL: nothing.  NULL, or why not. */
const char *xs_admit_refuse(int control, int64_t accepted_ms,
			    const struct xs_spaces *shown);

/* The same for a client that only wants to look (LIST in wire.h): root may,
 * too, wherever it lives, if it could trace this relay anyway. */
const char *xs_admit_refuse_look(int control, int64_t accepted_ms,
				 const struct xs_spaces *shown);

#endif
