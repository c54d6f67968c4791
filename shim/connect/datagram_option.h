/* Options of a UDP socket that its pair has to know, too.
 *
 * The relay has the UDP socket, and its options (sockopt.h).  When it gives an
 * association up, the socket is gone, and a new one takes its place
 * (datagram.h).  What says how errors and times are told is asked for at that
 * very moment: so the pair's end has it in options of its own, where no dup,
 * fork or exec can make it stale.
 *
 * Any thread, any signal context.
 */
#ifndef XS_DATAGRAM_OPTION_H
#define XS_DATAGRAM_OPTION_H

#include <stdbool.h>
#include <sys/socket.h>

/* The application has set this option of the pair's end, with success.  Does
 * nothing with one that the pair need not know. */
void xs_datagram_option_set(int pair, int level, int option, const void *value,
			    socklen_t len);

/* Gives a pair's end the options of a UDP socket; and the other way round. */
void xs_datagram_option_to_pair(int udp, int pair);
void xs_datagram_option_to_udp(int pair, int udp);

/* Has the application asked for errors, by IP_RECVERR or IPV6_RECVERR? */
bool xs_datagram_option_errors(int pair);

#endif
