/* The relay's table of stand-ins (base/stand_in.h): who may write to it.
 *
 * Any thread.
 */
#ifndef XS_STAND_INS_H
#define XS_STAND_INS_H

#include "base/error.h"
#include "base/segment.h"
#include "base/stand_in.h"

/* Makes the table if there is none yet, and writes its handle.  Returns 0, or
 * -1 with *err set. */
int xs_stand_ins_handle(char handle[XS_SEGMENT_HANDLE_MAX],
			struct xs_error *err);

/* Between these two nobody else writes. */
void xs_stand_ins_lock(void);
void xs_stand_ins_unlock(void);

/* Locked: a free place for the peer of the socket.  XS_STAND_INS_THERE: it has
 * a stand-in; -1 with *err set: there is no room. */
enum { XS_STAND_INS_THERE = -2 };
int xs_stand_ins_place(uint64_t cookie, const struct xs_address *asked,
		       struct xs_error *err);

/* Locked: writes an entry. */
void xs_stand_ins_begin(int place, const struct xs_stand_in *entry);

/* Locked: the peers for which the socket has or had a stand-in, at most so
 * many. Returns how many. */
size_t xs_stand_ins_peers(uint64_t cookie, struct xs_address *peers,
			  size_t most);

/* So many datagrams the library has sent to the stand-in.  Not locked. */
uint64_t xs_stand_ins_sent(int place);

/* The most bytes of a datagram are so many now.  Not locked. */
void xs_stand_ins_limit(int place, uint32_t limit);

/* The stand-in goes.  errnum is what the next send tells; 0: the socket is
 * gone.  Not locked. */
void xs_stand_ins_end(int place, int errnum);

#endif
