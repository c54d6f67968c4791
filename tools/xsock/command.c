/* What both programs of xsock know of a command line. */
#include "xsock/command.h"

error_t xs_command_parse_rest(int key, struct argp_state *state, int *command)
{
	switch (key) {
	case ARGP_KEY_ARG:
		*command = state->next - 1;
		/* The rest is the command's own. */
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}
