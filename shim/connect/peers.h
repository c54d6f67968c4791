/* The peers of a UDP socket that is not connected, of which some match a rule.
 *
 * What is sent to such a peer goes to its stand-in (base/stand_in.h), from
 * there to the relay, and through the pair of a UDP socket that was connected
 * to the peer (connect/datagram.h).  So the rules, the errors and the sizes are
 * those of a connect.  The application's socket stays what it is, and its other
 * peers notice nothing.
 *
 * It must be bound to no address, or one of IPv4, to no device, must not share
 * its port (tools/relay/client/stand_in_socket.h has the reasons), and must not
 * have a filter (base/peer_filter.h has the reason); others are refused.  One
 * that has no port yet gets one that it does not share, whatever SO_REUSEADDR,
 * SO_REUSEPORT and IPV6_V6ONLY say: they are off from then on.  One that has
 * such peers cannot be connected any more, nor to one of them: connect.c
 * refuses it.
 *
 * An error of the association is told by the next send to its peer, and by
 * those of the second after it happened; the one behind them begins anew.
 *
 * Any thread, any signal context.  The first send to a peer waits for the
 * relay, as a connect does; never for the network.
 */
#ifndef XS_PEERS_H
#define XS_PEERS_H

#include "base/address.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct xs_stand_in_table;

/* Where a datagram for a peer goes. */
struct xs_peer {
	struct xs_address stand_in; /* in the socket's family; len 0: none, the
				       datagram goes to the peer itself */
	uint32_t ip, from;	    /* the stand-in's, and from where it is
				       sent, in network order (stand_in.h) */
	uint32_t limit;		    /* the most bytes that it may have */
	struct xs_stand_in_table *table; /* the stand-in's */
	bool connected; /* the socket is connected to the peer, and
			   wrapped: it goes without the address */
};

/* The way to the peer asked, which a rule is about, from the UDP socket fd.
 * Makes it where there is none.  Returns 0, or -1 with errno; *err is set where
 * nobody has told the user yet. */
int xs_peers_find(int fd, const struct xs_address *asked, struct xs_peer *peer,
		  struct xs_error *err);

/* Sends one datagram there: by loopback alone, whatever options the socket has.
 * Of what stands beside the data only UDP_SEGMENT (udp(7)) counts.  Returns as
 * sendmsg(2). */
ssize_t xs_peers_send(int fd, const struct msghdr *msg, int flags,
		      const struct xs_peer *peer);

/* What recvfrom(2) has given: where from is a stand-in of the socket fd, it
 * becomes the peer, and true is returned.  room is what *len was before. */
bool xs_peers_tell(int fd, struct sockaddr *from, socklen_t room,
		   socklen_t *len);

/* The same for what recvmsg(2) has given, with IP_PKTINFO and IPV6_PKTINFO: the
 * local address is the one that the peer knows. */
bool xs_peers_tell_message(int fd, struct msghdr *msg, socklen_t room);

/* May xs_peers_is_forged be true of what the socket receives?  errno is kept.
 */
bool xs_peers_may_be_forged(int fd);

/* Has a datagram from there come past the relay?  True where the socket has, or
 * had, a stand-in for the sender: what that peer says comes from the stand-in,
 * and anybody in the network can write its address.  errno is kept. */
bool xs_peers_is_forged(int fd, const struct sockaddr *from, socklen_t len);

/* Has the socket a stand-in? */
bool xs_peers_has(int fd);

/* bind(2) of the UDP socket fd has failed, because somebody has the port: is it
 * worth another try?  True where it was a stand-in's, and the relay has looked
 * whether that one's socket has been closed.  Waits for the relay; errno is
 * kept. */
bool xs_peers_release(int fd, const struct sockaddr *to, socklen_t len);

#endif
