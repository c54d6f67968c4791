/* A connected UDP socket that is wrapped: what its pair does not do by itself.
 *
 * Its datagrams go through the pair and the relay (wrap.h).  When the relay
 * gives an association up, it says why in the name of its end, and closes it
 * (pair.h).  A UDP socket tells such an error once, to whichever call comes
 * next, and stays connected: so the call that finds the end closed tells the
 * error, and puts a new pair, with an association that has not begun yet, in
 * the place of the old one.  Where that cannot be had, the old pair stays, and
 * the next call tries again.  Never does anything else than a pair come into
 * its place.
 *
 * A relay that was killed is told in the same way, as ECONNREFUSED.
 *
 * Any thread, any signal context.
 */
#ifndef XS_DATAGRAM_H
#define XS_DATAGRAM_H

#include "base/pair.h"
#include "connect/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Up to so many bytes fit in any case: nobody has to look at the pair. */
enum { XS_DATAGRAM_SMALL = 400 };

/* Is fd a pair of datagrams?  Fills *pair if so; errno is kept. */
bool xs_datagram_is(int fd, struct xs_pair_info *pair);

/* Has the relay closed its end of the pair of datagrams fd?  Returns the errno
 * that the call at hand has to tell, and has put a new pair in its place if it
 * could; 0: nothing has happened, or fd is something else.  errno is kept. */
int xs_datagram_error(int fd);

/* Has the relay closed its end of fd?  False where fd is something else. */
bool xs_datagram_is_closed(int fd);

/* Can a datagram of so many bytes go by fd?  True also where fd is something
 * else.  False with errno. */
bool xs_datagram_fits(int fd, size_t size);

/* What a send has given, or a read: where it means that the relay has closed
 * its end, -1 with the errno to tell. */
ssize_t xs_datagram_refine(int fd, ssize_t result);

static inline ssize_t xs_datagram_sent(int fd, ssize_t sent)
{
	return __builtin_expect(sent < 0 && xs_config_datagrams, 0)
		       ? xs_datagram_refine(fd, sent)
		       : sent;
}

static inline ssize_t xs_datagram_got(int fd, ssize_t got)
{
	return __builtin_expect(got <= 0 && xs_config_datagrams, 0)
		       ? xs_datagram_refine(fd, got)
		       : got;
}

#endif
