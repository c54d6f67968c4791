/* The relay's own seccomp filter: what whoever has broken into it cannot call.
 *
 * A list of what is refused, not of what is allowed: name services (NSS) and
 * PKCS#11 modules run inside the relay, and nobody knows all that they call.
 * A refused call fails with an errno, as on a kernel without it, and never
 * kills.  Calls newer than those that were judged here fail with ENOSYS: every
 * library can do without them, because it runs on older kernels.
 *
 * What is refused: other programs and processes (execve, fork, ptrace, signals
 * to others), other users, groups and namespaces, mounts, what changes the
 * kernel or is a well-known way into it (bpf, io_uring, userfaultfd, keyctl,
 * modules …), owners and modes of files, links, and sockets of families that
 * are of no use here.
 *
 * What is not: files, which rules name, and /proc/PID, which shows who a client
 * is.  client/admit.h looks at clients, so Landlock, which forbids that, cannot
 * be used (README.md).
 */
#ifndef XS_FILTER_H
#define XS_FILTER_H

#include <stdint.h>

/* Puts it in front of this thread and those that it makes from now on, for
 * ever.  Needs no_new_privs.  Returns 0 or an errno: ENOSYS also where nobody
 * has made one for this processor. */
int xs_filter_install(void);

#endif
