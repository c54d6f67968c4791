/* Tests: tools/relay/connection/state.c.
 *
 * Which state of a connection may follow which: the drawing in state.h, once
 * more and by hand. */
#include "relay/connection/state.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const drawn[XS_CONNECTION_STATES] = {
	[LOAD] = "RESOLVE CONNECT GONE",
	[RESOLVE] = "CONNECT GONE",
	[CONNECT] = "CONNECT DIALOGUE HANDSHAKE OPEN GONE",
	[DIALOGUE] = "HANDSHAKE OPEN GONE",
	[HANDSHAKE] = "DIALOGUE OPEN GONE",
	[OPEN] = "HANDSHAKE AWAIT LINGER GONE",
	[AWAIT] = "HANDSHAKE OPEN GONE",
	[LINGER] = "GONE",
	[GONE] = "",
};

Test(relay_state, follow_as_drawn)
{
	for (int from = 0; from < XS_CONNECTION_STATES; from++)
		for (int to = 0; to < XS_CONNECTION_STATES; to++) {
			const char *name = xs_connection_state_name(to);

			cr_assert_eq(xs_connection_state_follows(from, to),
				     strstr(drawn[from], name) != NULL,
				     "from %s to %s",
				     xs_connection_state_name(from), name);
		}
}

/* Whatever happens, a connection can end, and only once. */
Test(relay_state, each_ends_once)
{
	for (int from = 0; from < XS_CONNECTION_STATES; from++)
		cr_assert_eq(xs_connection_state_follows(from, GONE),
			     from != GONE);
}
