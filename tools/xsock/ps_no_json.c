/* xsock ps without --json: what ps_json.c is where xsock is built without its
 * library. */
#include "xsock/ps.h"

bool xs_ps_has_json(void)
{
	return false;
}

int xs_ps_print_json(const struct xs_ps *ps)
{
	(void)ps;
	return -1;
}
