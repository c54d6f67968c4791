/* Walls that are missing; see walls.h. */
#include "relay/base/walls.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

static char missing[256];

void xs_walls_note(const char *wall, int errnum)
{
	size_t used = strlen(missing);

	if (errnum)
		snprintf(missing + used, sizeof(missing) - used, "%s%s (%s)",
			 used ? ", " : "the relay goes on without ", wall,
			 xs_error_name(errnum));
}

const char *xs_walls_missing(void)
{
	return missing[0] ? missing : NULL;
}
