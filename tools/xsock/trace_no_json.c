/* xsock trace without --json: what trace_json.c is where xsock is built without
 * its library. */
#include "xsock/trace.h"

#include <errno.h>

bool xs_trace_has_json(void)
{
	return false;
}

int xs_trace_print_json(FILE *out, const struct xs_book *book,
			const struct xs_advice *advice, const char *command,
			int status)
{
	(void)out;
	(void)book;
	(void)advice;
	(void)command;
	(void)status;
	errno = ENOSYS;
	return -1;
}
