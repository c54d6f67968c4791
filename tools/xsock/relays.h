/* The relays that run here, and what they tell of their connections (LIST in
 * base/wire.h). */
#ifndef XS_RELAYS_H
#define XS_RELAYS_H

#include "base/error.h"
#include "base/pair.h"
#include "base/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct xs_relay {
	char key[XS_PAIR_KEY_LEN + 1];
	uid_t user;
	pid_t pid;
	bool told; /* the totals are known, and all rows are there */
	struct xs_wire_totals totals;
	char problem[XS_ERROR_TEXT_MAX]; /* why it was not told; "": it was */
};

/* One connection or association, or one failure. */
struct xs_relay_row {
	size_t relay; /* which */
	uint32_t id;
	pid_t pid;
	struct xs_wire_row row;
	double sent_rate, received_rate; /* bytes in a second; for others to
					    fill */
	char *text[XS_WIRE_STRINGS];	 /* fit for a terminal; never NULL */
};

struct xs_relays {
	struct xs_relay *relay;
	size_t relays;
	struct xs_relay_row *row;
	size_t rows;
	bool incomplete; /* some were not asked: no descriptor was left */
};

/* Asks the relays of this user, or those of all users where this one is root.
 * None is started.  Waits a few seconds for those that do not answer. Free it
 * with xs_relays_free.  Returns 0, or -1 with *err set when it cannot be told
 * which there are. */
int xs_relays_ask(struct xs_relays *relays, enum xs_wire_list what,
		  struct xs_error *err);

void xs_relays_free(struct xs_relays *relays);

#endif
