/* Socket options of the real TCP socket, for a process that holds the
 * application's end of the pair. */
#ifndef XS_SOCKOPT_H
#define XS_SOCKOPT_H

#include "base/wire.h"

#include <stdbool.h>

/* Answers GETOPT or SETOPT into *answer, with its value in value.  app_fd is
 * the descriptor that came with it.  privileged: the client may do what only
 * root may.  False when the pair's connection is not known yet. */
bool xs_sockopt_serve(const struct xs_wire *question, int app_fd,
		      bool privileged, struct xs_wire *answer,
		      char value[XS_WIRE_VALUE_MAX]);

#endif
