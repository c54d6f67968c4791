/* The states of a connection; see state.h, where they are drawn. */
#include "relay/connection/state.h"

#define TO(state) (1u << (state))

/* A bit for each state that may follow. */
static const unsigned followers[XS_CONNECTION_STATES] = {
	[LOAD] = TO(RESOLVE) | TO(CONNECT) | TO(GONE),
	[RESOLVE] = TO(CONNECT) | TO(GONE),
	[CONNECT] = TO(CONNECT) | TO(DIALOGUE) | TO(HANDSHAKE) | TO(OPEN) |
		    TO(GONE),
	[DIALOGUE] = TO(HANDSHAKE) | TO(OPEN) | TO(GONE),
	[HANDSHAKE] = TO(DIALOGUE) | TO(OPEN) | TO(GONE),
	[OPEN] = TO(HANDSHAKE) | TO(AWAIT) | TO(LINGER) | TO(GONE),
	[AWAIT] = TO(HANDSHAKE) | TO(OPEN) | TO(GONE),
	[LINGER] = TO(GONE),
	[GONE] = 0,
};

bool xs_connection_state_follows(enum xs_connection_state from,
				 enum xs_connection_state to)
{
	return followers[from] & TO(to);
}

const char *xs_connection_state_name(enum xs_connection_state state)
{
	static const char *const names[XS_CONNECTION_STATES] = {
		[LOAD] = "LOAD",	   [RESOLVE] = "RESOLVE",
		[CONNECT] = "CONNECT",	   [DIALOGUE] = "DIALOGUE",
		[HANDSHAKE] = "HANDSHAKE", [OPEN] = "OPEN",
		[AWAIT] = "AWAIT",	   [LINGER] = "LINGER",
		[GONE] = "GONE",
	};

	return names[state];
}
