/* Plain TCP to another host or port (tcp:// without the relay): libc's connect
 * with another address.
 */
#ifndef XS_REDIRECT_H
#define XS_REDIRECT_H

#include "base/error.h"
#include "connect/destination.h"

/* Connects fd to the destination, which is aimed.  Where that is a name, the
 * relay looks it up, and each address is tried in turn.  Returns as connect(2);
 * *err is set when the name could not be looked up.  (A function of its own,
 * for what it has on the stack.) */
int xs_redirect(int fd, const struct xs_destination *where,
		struct xs_error *err);

#endif
