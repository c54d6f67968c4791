/* Whether the relay runs out of descriptors.
 *
 * When none is left, the kernel drops those that a client sends along
 * (MSG_CTRUNC, unix(7)), and with them the only way to tell it why.  So the
 * last ones are for requests that are refused.
 *
 * Any thread.
 */
#ifndef XS_SHORTAGE_H
#define XS_SHORTAGE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Is one of these, which have just come, among the last?  (The kernel gives the
 * lowest number that is free.)  Then sets *err, with EMFILE. */
bool xs_shortage_meets(const int *fds, size_t nfds, struct xs_error *err);

#endif
