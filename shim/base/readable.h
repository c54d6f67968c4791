/* Can the memory behind a pointer of the application be read?
 *
 * The kernel answers a bad pointer with EFAULT.  A hook that looks at the
 * memory first must do the same, and not crash.
 */
#ifndef XS_READABLE_H
#define XS_READABLE_H

#include <stdbool.h>
#include <stddef.h>

/* True when the bytes at [at, at + len) can be read; of a length of more than
 * two pages only the first and the last are looked at.  errno is kept.  Any
 * thread, any signal context. */
bool xs_readable(const void *at, size_t len);

#endif
