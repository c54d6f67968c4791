/* The states of a connection, and which of them follows which.
 *
 *   LOAD       the rule's files are being read         establish.c
 *   RESOLVE    a name is being looked up               establish.c
 *   CONNECT    TCP is connecting, to one address
 *              after the other                         establish.c
 *   DIALOGUE   STARTTLS, before TLS and behind it      upgrade.c
 *   HANDSHAKE  TLS; ends with a verified certificate   handshake.c
 *   OPEN       bytes go both ways (pump.h)             connection.c
 *   AWAIT      the server agreed to the application's
 *              STARTTLS: does it bring its own TLS?    upgrade.c
 *   LINGER     the application is gone, the server
 *              reads what it wrote                     connection.c
 *   GONE       nothing is left but to be freed         connection.c
 *
 *      LOAD -----1-----.
 *       0              |
 *       v              v
 *     RESOLVE --1--> CONNECT <---.
 *                    | | | |     |
 *           .----4---' | | '--2--'
 *           |          3 |
 *           v          | '----------5----------.
 *       DIALOGUE       v                       |
 *         | | '--6--> HANDSHAKE <---12---.     |
 *         | ^           | | ^            |     |
 *         | '-----7-----' | |            |     |
 *         8               9 10         AWAIT   |
 *         |               v |          ^   |   |
 *         '------------> OPEN ----11---'   |   |
 *                        | ^ ^             |   |
 *                        | | '-----13------'   |
 *                       14 '-------------------'
 *                        v
 *                      LINGER --15--> GONE <--15-- any other
 *
 *    0      the context is there, and a name must be looked up (begin_resolve)
 *    1, 2   the first address, the next one: dial_next, or begin_dial where
 *           the library has begun to connect
 *    3      TCP stands, TLS is from the first byte (xs_handshake_begin)
 *    4      TCP stands, STARTTLS comes first (xs_upgrade_begin)
 *    5      TCP stands, and TLS never comes, or only after the first command
 *           as with FTP's data connections (xs_connection_resume)
 *    6, 10  the dialogue wants TLS (xs_upgrade_shake, xs_handshake_begin): 10
 *           where the application has spoken before, as MySQL's
 *    7      TLS stands, and the dialogue goes on behind it (shaken)
 *    8, 9   the connect has succeeded, or TLS stands on a connection that was
 *           open before (xs_connection_resume)
 *    11     the server agreed to what the application asked for (begin_await)
 *    12     the application has no TLS of its own (xs_upgrade_shake)
 *    13     it has (leave_alone, xs_connection_resume)
 *    14     the application has left (begin_linger)
 *    15     the end, good or bad (xs_connection_end)
 *
 * A connection begins in LOAD, also where no file has to be read.  What is not
 * in the drawing is a fault of the relay's own.
 */
#ifndef XS_STATE_H
#define XS_STATE_H

#include <stdbool.h>

enum xs_connection_state {
	LOAD,
	RESOLVE,
	CONNECT,
	DIALOGUE,
	HANDSHAKE,
	OPEN,
	AWAIT,
	LINGER,
	GONE
};
enum { XS_CONNECTION_STATES = GONE + 1 };

/* May a connection go from one state to the other? */
bool xs_connection_state_follows(enum xs_connection_state from,
				 enum xs_connection_state to);

/* "OPEN", for messages. */
const char *xs_connection_state_name(enum xs_connection_state state);

#endif
