/* What must agree before two processes may share a relay, as a key.
 *
 * A relay acts with the rights and within the limits of whoever started it.
 * So the key is a hash of user, groups, capabilities, confinement, namespaces,
 * root directory, limits and scheduling, control group (so that stopping one
 * service does not stop the relay of another), the variables that the relay has
 * of the environment (relay_variable.h), the relay's file, and the version of
 * the messages.
 *
 * The key leads honest processes to the right relay.  It keeps nobody out: the
 * relay looks at its clients itself (tools/relay/client/peer.h), and the
 * library at whoever listens (verify_relay.h).
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_IDENTITY_H
#define XS_IDENTITY_H

#include "base/pair.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Makes the key of this process as it is now.  relay is the relay's file,
 * variables as in find_relay.h.  False when it cannot be told where this
 * process lives, as in a root directory without /proc: then it shares no relay.
 */
bool xs_identity_key(const struct stat *relay, const char *const *variables,
		     char key[XS_PAIR_KEY_LEN + 1]);

/* The permitted capabilities of a process; 0: of this thread. */
uint64_t xs_identity_capabilities(int pid);

/* The label that the security module of the kernel has given to this thread;
 * false: there is none, or it cannot be told. */
bool xs_identity_label(char *label, size_t size);

#endif
