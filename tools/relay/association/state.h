/* The states of an association, which association.h draws. */
#ifndef XS_ASSOCIATION_STATE_H
#define XS_ASSOCIATION_STATE_H

enum xs_association_state {
	XS_ASSOCIATION_IDLE,
	XS_ASSOCIATION_LOAD,
	XS_ASSOCIATION_RESOLVE,
	XS_ASSOCIATION_HANDSHAKE,
	XS_ASSOCIATION_OPEN,
	XS_ASSOCIATION_OVER
};
enum { XS_ASSOCIATION_STATES = XS_ASSOCIATION_OVER + 1 };

/* "OPEN", for messages. */
const char *xs_association_state_name(enum xs_association_state state);

#endif
