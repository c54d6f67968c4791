/* A port that a program wants: stand-ins whose socket has been closed are
 * closed now, and not when the relay looks the next time (bridge.h).
 *
 * Any thread.
 */
#ifndef XS_RELEASE_H
#define XS_RELEASE_H

#include <stdint.h>

/* Has every worker look at its stand-ins with this port.  When the last one has
 * done so, RELEASED is sent on control, of which this makes a copy.  Where
 * memory or descriptors are short, nothing happens: the client sees the control
 * connection end. */
void xs_release_begin(int control, uint16_t port);

#endif
