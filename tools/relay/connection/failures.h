/* The last failures, for whoever asks later: connects that failed, and
 * connections that broke.
 *
 * Each has the sentence that the log had.  A bounded number of them is kept,
 * until the relay leaves.  Any thread.
 */
#ifndef XS_FAILURES_H
#define XS_FAILURES_H

#include "base/wire.h"
#include "relay/connection/log_words.h"

#include <stdbool.h>
#include <stdint.h>

enum { XS_FAILURES_MAX = 64 };

/* Remembers one, in place of the oldest.  errnum is 0 where no connect had
 * one; late: the connect had succeeded.  Where memory is short it is
 * forgotten. */
void xs_failures_add(const struct xs_log_words *log_words, int errnum,
		     bool late, const char *sentence);

/* Calls visit with a ROW for each, the oldest first, from the one numbered
 * *from on, moving *from behind it, until visit returns false: that one does
 * not count.  True: there are no more. */
bool xs_failures_each(uint32_t *from,
		      bool (*visit)(const struct xs_wire *row, void *with),
		      void *with);

#endif
