/* The states of an association; see state.h. */
#include "relay/association/state.h"

const char *xs_association_state_name(enum xs_association_state state)
{
	static const char *const names[XS_ASSOCIATION_STATES] = {
		[XS_ASSOCIATION_IDLE] = "IDLE",
		[XS_ASSOCIATION_LOAD] = "LOAD",
		[XS_ASSOCIATION_RESOLVE] = "RESOLVE",
		[XS_ASSOCIATION_HANDSHAKE] = "HANDSHAKE",
		[XS_ASSOCIATION_OPEN] = "OPEN",
		[XS_ASSOCIATION_OVER] = "OVER",
	};

	return names[state];
}
