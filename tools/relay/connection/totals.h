/* What has come of the relay's connections since it was started, as numbers.
 *
 * Counted when a connection begins, is judged and ends, never on the data path.
 * Any thread.
 */
#ifndef XS_TOTALS_H
#define XS_TOTALS_H

#include "base/error.h"
#include "base/wire.h"

#include <stdbool.h>

/* A connection is there; a connection is gone. */
void xs_totals_begin(void);
void xs_totals_end(void);

/* A connect has succeeded, or failed. */
void xs_totals_succeeded(void);
void xs_totals_failed(enum xs_error_kind kind);

/* A handshake is done. */
void xs_totals_handshake(bool resumed);

/* An open connection broke; or the server cut it without close_notify, which
 * counts as both. */
void xs_totals_broken(void);
void xs_totals_cut(void);

/* All of them now. */
void xs_totals_read(struct xs_wire_totals *totals);

#endif
