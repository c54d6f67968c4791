/* What a process may do: groups, capabilities, and what confines it.
 *
 * From /proc/PID/status, which everybody may read.
 */
#ifndef XS_RIGHTS_H
#define XS_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct xs_rights {
	uint64_t group;	       /* effective */
	uint64_t groups;       /* a hash of the others */
	uint64_t capabilities; /* permitted; as bits */
	unsigned no_new_privs;
	unsigned seccomp; /* mode: 0, 1 or 2 */
	unsigned filters; /* of seccomp; 0 before Linux 5.10 */
	bool nested;	  /* in a PID namespace below that of /proc */
};

/* Those of process pid; 0: of this thread.  False with errno. */
bool xs_rights_of(pid_t pid, struct xs_rights *rights);

/* Why one with rights may not have what another with needed can do: "it has
 * fewer capabilities".  NULL: it may. */
const char *xs_rights_lack(const struct xs_rights *rights,
			   const struct xs_rights *needed);

#endif
