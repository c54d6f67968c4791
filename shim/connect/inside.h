/* A connect that libc makes inside of another function, such as rexec(3), past
 * the hook of connect.
 *
 * What a rule says cannot be done there.  So before such a function runs, it is
 * asked what the rules say about each address that it may connect to.  Any
 * thread; not for a signal handler, as those functions are not.
 */
#ifndef XS_INSIDE_H
#define XS_INSIDE_H

#include "base/address.h"

#include <stdbool.h>

/* May function() connect to that address, by TCP?  True where no rule is about
 * it, or one that leaves it alone.  Else false with EACCES, and a line says
 * why; without a line where the rules themselves are unusable, which has been
 * told. */
bool xs_inside_may(const struct xs_address *to, const char *function);

/* Refuses function(), because what host it would connect to cannot be looked
 * up: false with EACCES, and a line. */
bool xs_inside_unknown(const char *host, const char *function);

#endif
