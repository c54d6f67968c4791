/* Where libxsock.so is, seen from this program. */
#ifndef XS_LIBRARY_H
#define XS_LIBRARY_H

#include "error.h"

#include <limits.h>

/* Writes the absolute path of libxsock.so: beside xsock (as it is built), in
 * ../lib, ../lib64 or ../lib/TRIPLET from there (as it is installed), or in the
 * LIBDIR that it was built for.  Returns 0, or -1 with *err set. */
int xs_library_find(char path[PATH_MAX], struct xs_error *err);

#endif
