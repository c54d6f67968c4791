/* The error of a wrapped connection, as TCP would tell it to who reads or
 * writes.
 *
 * A TCP socket looks for its error before it looks whether it may send: the
 * first write after a reset says ECONNRESET, the first after a failed connect
 * the reason, and only the next EPIPE, with SIGPIPE.  An AF_UNIX socket looks
 * for its end first.  So the hooks write to a descriptor that may be a pair
 * without the signal, and ask here what the failure means.
 *
 * Which descriptors may be pairs is a hint: numbers that this process has
 * wrapped.  All numbers that the table does not have share its last entry.  The
 * hint may say yes to another socket, which costs a system call in a failure;
 * it may say no to a pair that came by exec(2) or SCM_RIGHTS, which has the
 * kernel's errors then.
 *
 * Any thread, any signal context.
 */
#ifndef XS_LATE_ERROR_H
#define XS_LATE_ERROR_H

#include "base/pair.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Entries; the last one is for all numbers that have none. */
enum { XS_LATE_ERROR_HINTS = 16384 };

extern uint64_t xs_late_error_hints[XS_LATE_ERROR_HINTS / 64];

static inline unsigned xs_late_error_entry(int fd)
{
	return (unsigned)fd < XS_LATE_ERROR_HINTS ? (unsigned)fd
						  : XS_LATE_ERROR_HINTS - 1;
}

/* May fd be a pair? */
static inline bool xs_late_error_may(int fd)
{
	unsigned entry = xs_late_error_entry(fd);

	return __atomic_load_n(&xs_late_error_hints[entry / 64],
			       __ATOMIC_RELAXED) >>
		       entry % 64 &
	       1;
}

/* fd is a pair now; fd is none. */
void xs_late_error_note(int fd);
void xs_late_error_forget(int fd);

/* errno of a failed connect in place of the kernel's ECONNRESET (pair.h).  A
 * relay that ended without a word has not reported either: its line is written
 * here, and EACCES returned. */
int xs_late_error_refine(const struct xs_pair_info *pair, int errnum);

/* What a send to fd has given that raised no signal.  True: this counts, with
 * errno, which may be the error that TCP tells.  False: it was EPIPE and there
 * was no error to tell, so the call is to be made again, for the signal; errno
 * is before. */
bool xs_late_error_of_send(int fd, ssize_t sent, int before);

/* A read of fd failed with ECONNRESET: errno becomes the reason why the connect
 * failed, if it did. */
void xs_late_error_of_read(int fd);

#endif
