/* Where libxsock.so is, seen from this program. */
#ifndef XS_LIBRARY_H
#define XS_LIBRARY_H

#include "base/elf_file.h"
#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

/* The folder of the running program; "": the root.  False when /proc does not
 * tell. */
bool xs_library_own_folder(char folder[PATH_MAX]);

/* Writes the absolute path of a libxsock.so: beside this program (as it is
 * built), in ../lib, ../lib64 or ../lib/TRIPLET from there (as it is
 * installed), or in or beside the LIBDIR that it was built for.  Returns 0, or
 * -1 with *err set. */
int xs_library_find(char path[PATH_MAX], struct xs_error *err);

/* The same, of the one that fits a program (any, if program is NULL).  False
 * when there is none. */
bool xs_library_find_for(const struct xs_elf *program, char path[PATH_MAX]);

/* What LD_PRELOAD must have for the program and, as far as several libraries
 * are installed, for its children of another architecture: a path, or one with
 * "$LIB".  False when no library fits. */
bool xs_library_preload(const struct xs_elf *program, char entry[PATH_MAX]);

#endif
