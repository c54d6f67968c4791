/* System calls that a seccomp filter may punish by death.
 *
 * The relay has the filter of the program that started it.  A call that the
 * program never makes may be missing there, and the filter may kill for it
 * (systemd's SystemCallFilter= does, unless the unit says otherwise): that
 * would end the connections of all programs.  What each connection needs shows
 * at the first one.  What is needed rarely is in this table, and is tried at
 * the start by a child that is thrown away.
 *
 * A new call that is made only now and then gets a row in allowed.c.
 */
#ifndef XS_ALLOWED_H
#define XS_ALLOWED_H

#include <stdbool.h>

enum xs_call {
	XS_CALL_PIDFD,	 /* pidfd_open, pidfd_getfd: a reset (reset.h) */
	XS_CALL_LINKS,	 /* readlink, access: app_alive.h */
	XS_CALL_FOLDERS, /* getdents64 */
	XS_CALL_NAMES,	 /* rename, unlink: a captured chain */
	XS_CALL_YIELD,	 /* sched_yield: spin.h */
	XS_CALL_STATFS,	 /* statfs: whether a file is local */
	XS_CALL_MANY,	 /* recvmmsg, sendmmsg: incoming.h, outgoing.h */
	/* At the start: surroundings.h and filter.h. */
	XS_CALL_SCHEDULING, /* sched_setscheduler and the like */
	XS_CALL_CAPSET,
	XS_CALL_SECCOMP,
	XS_CALLS
};

/* In main, before the first thread; SIGALRM and SIGSYS must be at their
 * default, and SIGCHLD ignored. */
void xs_allowed_find_out(void);

/* Can it be made without harm?  True where nobody has found out: in programs
 * that have no filter but their own.  Any thread. */
bool xs_allowed(enum xs_call call);

#endif
