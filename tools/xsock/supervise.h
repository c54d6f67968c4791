/* "xsock run --supervise": a second process that sees each connect of the
 * command and of all that it starts, also where no library is loaded.
 *
 * It is no parent of the command, holds none of its descriptors, and ends with
 * its last process.  If it is killed, the kernel answers ENOSYS to what it was
 * asked, so that nothing is connected.
 */
#ifndef XS_SUPERVISE_H
#define XS_SUPERVISE_H

#include "base/error.h"

/* Can this process have a supervisor?  Tries it in a child.  Returns 0, or -1
 * with *err set, which says what is missing. */
int xs_supervise_check(struct xs_error *err);

/* Starts the supervisor and puts this process under it.  The environment has
 * what the library needs; library is the path of one, beside which the relay
 * may be, and stays.  Without CAP_SYS_ADMIN the process has no_new_privs
 * afterwards.  Returns 0, or -1 with *err set: then it must end. */
int xs_supervise_begin(const char *library, struct xs_error *err);

#endif
