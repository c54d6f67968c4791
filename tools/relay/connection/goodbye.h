/* The program's goodbye: what its protocol says to end a session, or that it
 * ends its side when it has been answered.
 *
 * Many servers end TCP behind it without close_notify, or with a reset.
 * Nothing is lost then, if the goodbye is all that the program has said since
 * the server last spoke: no answer is owed but the one to the goodbye.  That
 * decides at which level the end is told, and nothing else, because what a
 * program says is known here by its bytes alone, whatever the protocol.
 *
 * Pure.  One thread at a time; all zero at first.
 */
#ifndef XS_GOODBYE_H
#define XS_GOODBYE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer goodbyes, as QUIT of IRC may be, are not recognised. */
#define XS_GOODBYE_MAX 31

struct xs_goodbye {
	uint8_t len; /* more than XS_GOODBYE_MAX: too long for one */
	uint8_t said[XS_GOODBYE_MAX];
	bool answered; /* the server spoke last */
	bool left;     /* the program ended its side then */
};

/* The program said this, in any segmentation. */
void xs_goodbye_hear(struct xs_goodbye *goodbye, const void *data, size_t len);

/* The server said something. */
void xs_goodbye_answered(struct xs_goodbye *goodbye);

/* The program has ended its side. */
void xs_goodbye_leave(struct xs_goodbye *goodbye);

/* Has the program left when no answer was owed, and nothing came since?  Or is
 * a goodbye all that it has said since the server last spoke, or what the
 * server has answered? */
bool xs_goodbye_is(const struct xs_goodbye *goodbye);

#endif
