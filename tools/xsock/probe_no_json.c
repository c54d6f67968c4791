/* xsock probe without --json: what probe_json.c is where xsock is built
 * without its library. */
#include "xsock/probe.h"

bool xs_probe_has_json(void)
{
	return false;
}

int xs_probe_print_json(const struct xs_probe *probe)
{
	(void)probe;
	return -1;
}
