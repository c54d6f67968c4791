/* The functions of the libraries behind this one.
 *
 * What dlsym(3) with RTLD_NEXT gives, for many names at once: every program
 * that is started waits until the library has found its originals.  A call of
 * dlsym(3) for each takes several times as long, and for a name that is
 * nowhere the loader also allocates memory for a message.
 */
#ifndef XS_SYMBOLS_H
#define XS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

/* Writes to found[i] the function that the i-th of count names has in the first
 * library behind this one that has it, or NULL.  The names stand one behind the
 * other, each with its NUL.  Another copy of this library is passed over.  As
 * dlsym(3), not for signal handlers.
 *
 * False: only the loader can tell.  A library has no DT_GNU_HASH, or one of the
 * functions is chosen at run time (STT_GNU_IFUNC), or this library was not
 * found among those that are loaded. */
bool xs_symbols_find(const char *names, size_t count, void **found);

/* Is a library's file named as this one's? */
bool xs_symbols_is_our_name(const char *file);

#endif
