/* What a program's dynamic loader makes of "$LIB". */
#ifndef XS_LOADER_H
#define XS_LOADER_H

#include "base/elf_file.h"

#include <limits.h>
#include <stdbool.h>

/* Writes an entry for LD_PRELOAD that the loaders of several architectures
 * read each in its own way: "/usr/local/$LIB/libxsock.so", if that means the
 * file library to the loader of this program.  prefix is where xsock is
 * installed.  False when there is no such entry. */
bool xs_loader_spell(const struct xs_elf *program, const char *prefix,
		     const char *library, char entry[PATH_MAX]);

#endif
