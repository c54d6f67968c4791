/* xsock ps without --watch: what ps_watch.c is where xsock is built without its
 * library. */
#include "xsock/ps.h"

#include <errno.h>

bool xs_ps_has_watch(void)
{
	return false;
}

int xs_ps_watch(struct xs_ps *ps, struct xs_error *err)
{
	(void)ps;
	return xs_error_set(err, XS_ERR_SYSTEM, ENOSYS, "there is no --watch");
}
