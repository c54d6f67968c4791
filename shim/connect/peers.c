/* The peers of an unconnected UDP socket; see peers.h. */
#include "connect/peers.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/pair.h"
#include "base/readable.h"
#include "base/stand_in.h"
#include "base/wire.h"
#include "connect/config.h"
#include "connect/connect.h"
#include "connect/datagram.h"
#include "connect/decide.h"
#include "connect/undisturbed.h"
#include "relay_client/find_relay.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The table of the relay; the one of a relay that has ended stays attached,
 * because a thread may be reading it. */
static struct xs_stand_in_table *attached;

static struct xs_stand_in_table *table(void)
{
	struct xs_stand_in_table *now =
		__atomic_load_n(&attached, __ATOMIC_ACQUIRE);

	return now && xs_stand_in_is_alive(now) ? now : NULL;
}

/* 0: the kernel does not tell. */
static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0
		       ? cookie
		       : 0;
}

static bool read_local(int fd, struct xs_address *local)
{
	local->len = sizeof(local->v6);
	return getsockname(fd, &local->any, &local->len) == 0 &&
	       (local->any.sa_family == AF_INET ||
		local->any.sa_family == AF_INET6);
}

static bool is_unspecified(const struct xs_address *local)
{
	return local->any.sa_family == AF_INET
		       ? local->v4.sin_addr.s_addr == INADDR_ANY
		       : IN6_IS_ADDR_UNSPECIFIED(&local->v6.sin6_addr);
}

/* --- asking the relay ----------------------------------------------------- */

/* How long the answer may take; the relay makes it at once. */
enum { ANSWER_MS = 5000 };

/* Each answer names the table; most name the one that is there. */
static bool is_attached(const char *handle)
{
	const struct xs_stand_in_table *now = table();
	const char *cookie = strchr(handle, '.');

	return now && cookie &&
	       strtoull(cookie + 1, NULL, 16) == now->head.cookie;
}

static int attach(const char *handle, struct xs_error *err)
{
	int number;
	struct xs_stand_in_table *made = xs_segment_attach(
		handle, sizeof(*made), XS_STAND_IN_LAYOUT, &number);

	if (!made)
		return xs_error_set(err, XS_ERR_RELAY, EACCES,
				    "the relay's table of stand-ins cannot be "
				    "attached (does a seccomp filter forbid "
				    "shmat(2)?)");
	__atomic_store_n(&attached, made, __ATOMIC_RELEASE);
	return 0;
}

static int fail(struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_RELAY, EACCES,
			    "the relay does not make a stand-in for this peer "
			    "(was it killed, or stopped?)");
}

enum { ANSWER_SIZE = 1536 };

/* *answer points into datagram.  False: it is not one of that type. */
static bool await_answer(int control, enum xs_wire_type type,
			 char datagram[ANSWER_SIZE], struct xs_wire *answer)
{
	struct pollfd ready = { .fd = control, .events = POLLIN };
	size_t nfds;
	ssize_t got;
	int polled;

	do
		polled = poll(&ready, 1, ANSWER_MS);
	while (polled < 0 && errno == EINTR);
	got = polled == 1 ? xs_wire_receive(control, datagram, ANSWER_SIZE,
					    NULL, 0, &nfds, MSG_DONTWAIT)
			  : -1;
	return got > 0 &&
	       xs_wire_decode(answer, datagram, (size_t)got, NULL) == 0 &&
	       answer->head.type == type;
}

static int take_answer(int control, struct xs_error *err)
{
	char datagram[ANSWER_SIZE];
	struct xs_wire answer;

	if (!await_answer(control, XS_WIRE_BRIDGED, datagram, &answer))
		return fail(err);
	if (answer.head.errnum)
		return xs_error_set(err, XS_ERR_RULES, answer.head.errnum, "%s",
				    answer.string[XS_WIRE_SENTENCE]);
	return is_attached(answer.string[XS_WIRE_SENTENCE])
		       ? 0
		       : attach(answer.string[XS_WIRE_SENTENCE], err);
}

/* On a control connection, which this closes.  pair -1: only the table is
 * wanted. */
static int ask(int control, int fd, int pair, struct xs_error *err)
{
	const int fds[] = { fd, pair };
	struct xs_wire question;
	int result;

	xs_wire_init(&question, XS_WIRE_BRIDGE);
	question.head.idle = xs_relay_settings.idle;
	result = xs_wire_send(control, &question, fds, pair < 0 ? 1 : 2) == 0
			 ? take_answer(control, err)
			 : fail(err);
	close(control);
	return result;
}

/* --- a way to a peer ------------------------------------------------------ */

/* What a socket that is bound to nothing may have: the kernel chooses a port
 * that nobody has, and afterwards nobody else gets it.  On a socket with a port
 * the same options would say that somebody may have it already. */
static const struct {
	int level, option;
} shared[] = {
	{ SOL_SOCKET, SO_REUSEADDR },
	{ SOL_SOCKET, SO_REUSEPORT },
	{ IPPROTO_IPV6, IPV6_V6ONLY },
};

static void make_exclusive(int fd)
{
	const int off = 0;

	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++)
		if (xs_socket_int(fd, shared[i].level, shared[i].option) > 0)
			setsockopt(fd, shared[i].level, shared[i].option, &off,
				   sizeof(off));
}

/* The kernel would do it with the first datagram, and the stand-in needs the
 * port before. */
static int bind_first(int fd, struct xs_error *err)
{
	struct xs_address local;

	if (!read_local(fd, &local))
		return -1;
	if (xs_address_port(&local))
		return 0;
	make_exclusive(fd);
	if (bind(fd, &local.any, local.len) == 0)
		return 0;
	/* Another thread was faster. */
	if (errno == EINVAL && read_local(fd, &local) &&
	    xs_address_port(&local))
		return 0;
	return xs_error_set(err, XS_ERR_SYSTEM, errno,
			    "cannot bind the socket: %s", xs_error_name(errno));
}

/* What is bound to an address sends from there alone. */
static int take_address(int fd, int made)
{
	struct xs_address local;

	if (!read_local(fd, &local))
		return -1;
	if (is_unspecified(&local))
		return 0;
	xs_address_set_port(&local, 0);
	return bind(made, &local.any, local.len);
}

/* A UDP socket that is connected to the peer by the rule: the pair. */
static int connect_pair(int fd, const struct xs_address *asked)
{
	struct xs_pair_info pair;
	int made = xs_above_stdio(
		socket(asked->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	if (made < 0)
		return -1;
	if (take_address(fd, made) == 0 &&
	    xs_connect(made, &asked->any, asked->len) == 0) {
		if (xs_datagram_is(made, &pair))
			return made;
		/* The rule is not the one that it was. */
		errno = EACCES;
	}
	close(made);
	return -1;
}

static int make_way(int fd, const struct xs_address *asked,
		    struct xs_error *err)
{
	struct xs_undisturbed before;
	char key[XS_PAIR_KEY_LEN + 1];
	int result = -1, control, pair;

	xs_undisturbed_begin(&before);
	pair = bind_first(fd, err) == 0 ? connect_pair(fd, asked) : -1;
	if (pair >= 0) {
		control = xs_find_relay(key, err);
		if (control >= 0)
			result = ask(control, fd, pair, err);
		close(pair);
	}
	if (result < 0 && err->errnum)
		errno = err->errnum;
	xs_undisturbed_end(&before);
	return result;
}

/* The stand-in that there is, and its table. */
static bool find(int fd, const struct xs_address *asked,
		 struct xs_stand_in *entry, struct xs_peer *peer)
{
	uint64_t cookie;

	peer->table = table();
	cookie = peer->table ? cookie_of(fd) : 0;
	return cookie && xs_stand_in_find(peer->table, cookie, asked, entry) &&
	       !entry->errnum;
}

/* The error that has to be told of the way that there was; 0: none.  A relay
 * may have told why the association failed, and have ended since. */
static int error_of(int fd, const struct xs_address *asked,
		    struct xs_stand_in *entry, struct xs_error *err)
{
	const struct xs_stand_in_table *last =
		__atomic_load_n(&attached, __ATOMIC_ACQUIRE);
	uint64_t cookie = last ? cookie_of(fd) : 0;

	if (!cookie || !xs_stand_in_find(last, cookie, asked, entry))
		return 0;
	if (!entry->errnum && !xs_stand_in_is_alive(last)) {
		xs_error_set(err, XS_ERR_NETWORK, ECONNREFUSED,
			     "the relay ended, and what was on the way is lost "
			     "(was it killed?)");
		return ECONNREFUSED;
	}
	return entry->errnum;
}

static bool is_connected(int fd)
{
	struct xs_address peer = { .len = sizeof(peer.v6) };

	return getpeername(fd, &peer.any, &peer.len) == 0;
}

/* Is it bound as it was when the stand-in was made?  A connect gives an address
 * to one that has none. */
static bool is_as_before(int fd, const struct xs_stand_in *entry)
{
	struct xs_address local;

	if (!read_local(fd, &local) || xs_address_port(&local) != entry->port)
		return false;
	if (!entry->bound)
		return is_unspecified(&local);
	return xs_address_to_family(&local, AF_INET) &&
	       local.v4.sin_addr.s_addr == entry->bound && !is_connected(fd);
}

static int check_local(int fd, const struct xs_stand_in *entry,
		       struct xs_error *err)
{
	if (is_as_before(fd, entry))
		return 0;
	return xs_error_set(err, XS_ERR_RULES, EACCES,
			    "the socket was connected meanwhile, so the "
			    "datagram has no way to the relay");
}

/* An address of the other family has other bytes. */
static void note_unread(const struct xs_address *asked,
			const struct xs_stand_in *entry, struct xs_peer *peer)
{
	if (asked->any.sa_family == entry->asked.any.sa_family)
		xs_stand_in_set_unread(peer->table, entry->ip,
				       xs_address_unread(&asked->any));
}

static int fill(int fd, const struct xs_address *asked,
		const struct xs_stand_in *entry, struct xs_peer *peer,
		struct xs_error *err)
{
	note_unread(asked, entry, peer);
	peer->limit = entry->limit;
	peer->ip = entry->ip;
	peer->from = xs_stand_in_from(entry);
	peer->stand_in = (struct xs_address){
		.v4 = { .sin_family = AF_INET,
			.sin_port = htons((uint16_t)entry->port),
			.sin_addr.s_addr = xs_stand_in_to(entry) },
		.len = sizeof(struct sockaddr_in),
	};
	if (entry->asked.any.sa_family == AF_INET6)
		xs_address_to_family(&peer->stand_in, AF_INET6);
	return check_local(fd, entry, err);
}

/* A program that sends without end must not begin a handshake with each
 * datagram. */
enum { FAILURE_HOLDS_MS = 1000 };

static bool is_fresh(const struct xs_stand_in *entry)
{
	return (uint64_t)xs_clock_coarse_ms() - entry->ended_ms <
	       FAILURE_HOLDS_MS;
}

int xs_peers_find(int fd, const struct xs_address *asked, struct xs_peer *peer,
		  struct xs_error *err)
{
	struct xs_address peer_asked = xs_decide_meant(asked);
	struct xs_error why = { .kind = XS_ERR_NONE };
	struct xs_stand_in entry;
	int error;

	if (!xs_address_to_family(&peer_asked,
				  xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN))) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (find(fd, &peer_asked, &entry, peer))
		return fill(fd, asked, &entry, peer, err);
	error = error_of(fd, &peer_asked, &entry, &why);
	/* Where it has just happened, it is told again, and nothing begins. */
	if (!error || xs_error_is_set(&why) || !is_fresh(&entry)) {
		if (make_way(fd, &peer_asked, err) < 0)
			return -1;
	}
	if (error) {
		*err = why;
		errno = error;
		return -1;
	}
	if (find(fd, &peer_asked, &entry, peer))
		return fill(fd, asked, &entry, peer, err);
	return fail(err);
}

/* --- sending -------------------------------------------------------------- */

/* The kernel sends it out of the loopback device, and from the address that the
 * stand-in listens to, whatever SO_BINDTODEVICE, IP_UNICAST_IF and routes say.
 */
static void add_info(struct cmsghdr *part, uint32_t from)
{
	const struct in_pktinfo info = {
		.ipi_ifindex = XS_STAND_IN_DEVICE,
		.ipi_spec_dst.s_addr = from,
	};

	part->cmsg_level = IPPROTO_IP;
	part->cmsg_type = IP_PKTINFO;
	part->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(part), &info, sizeof(info));
}

/* Without it, many datagrams would become one.  False: there is none. */
static bool find_segment(const struct msghdr *msg, uint16_t *size)
{
	struct cmsghdr *part;

	if (!msg->msg_controllen ||
	    !xs_readable(msg->msg_control, msg->msg_controllen))
		return false;
	for (part = CMSG_FIRSTHDR(msg); part;
	     part = CMSG_NXTHDR((struct msghdr *)msg, part))
		if (part->cmsg_level == IPPROTO_UDP &&
		    part->cmsg_type == UDP_SEGMENT &&
		    part->cmsg_len >= CMSG_LEN(sizeof(*size))) {
			memcpy(size, CMSG_DATA(part), sizeof(*size));
			return true;
		}
	return false;
}

static void add_segment(struct cmsghdr *part, uint16_t size)
{
	part->cmsg_level = IPPROTO_UDP;
	part->cmsg_type = UDP_SEGMENT;
	part->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(part), &size, sizeof(size));
}

/* How many the kernel makes of it; segment 0: one. */
static uint64_t datagrams_of(size_t sent, uint16_t segment)
{
	return segment && sent ? (sent + segment - 1) / segment : 1;
}

ssize_t xs_peers_send(int fd, const struct msghdr *msg, int flags,
		      const struct xs_peer *peer)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) +
			   CMSG_SPACE(sizeof(uint16_t))];
	} control = { .bytes = { 0 } };
	struct msghdr there = {
		.msg_name = (void *)&peer->stand_in.any,
		.msg_namelen = peer->stand_in.len,
		.msg_iov = msg->msg_iov,
		.msg_iovlen = msg->msg_iovlen,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo)),
	};
	uint16_t size = 0;
	ssize_t sent;

	add_info(CMSG_FIRSTHDR(&there), peer->from);
	if (find_segment(msg, &size)) {
		there.msg_controllen = sizeof(control.bytes);
		add_segment(CMSG_NXTHDR(&there, CMSG_FIRSTHDR(&there)), size);
	}
	sent = sendmsg(fd, &there, flags & ~MSG_DONTROUTE);
	if (sent >= 0)
		xs_stand_in_count(peer->table, peer->ip,
				  datagrams_of((size_t)sent, size));
	return sent;
}

/* --- receiving ------------------------------------------------------------ */

/* Is it an address that a stand-in may have? */
static bool may_be_stand_in(const struct xs_address *from)
{
	struct xs_address four = *from;

	return xs_address_to_family(&four, AF_INET) &&
	       ntohl(four.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* A program that was executed, or was sent the socket, has no table yet.  Where
 * there is no relay, there is no stand-in. */
static const struct xs_stand_in_table *table_for(int fd)
{
	const struct xs_stand_in_table *now = table();
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_undisturbed before;
	int saved = errno, control;

	/* It may have decided nothing yet. */
	if (now || !xs_config_rules())
		return now;
	xs_undisturbed_begin(&before);
	if (xs_find_relay_noted(&control, &err) == 1)
		ask(control, fd, -1, &err);
	xs_undisturbed_end(&before);
	errno = saved;
	return table();
}

/* The guard of a bound socket goes with its last stand-in, and others may send
 * from that address then (tools/relay/client/stand_in_socket.h). */
static bool is_guarded(const struct xs_stand_in *entry)
{
	return !entry->bound || !entry->errnum;
}

/* The entry of the stand-in that a datagram came from. */
static bool find_sender(int fd, const struct xs_address *from,
			struct xs_stand_in *entry)
{
	const struct xs_stand_in_table *now;
	struct xs_address local;
	int saved = errno;
	bool found;

	if (!may_be_stand_in(from) || !read_local(fd, &local) ||
	    xs_address_port(&local) != xs_address_port(from)) {
		errno = saved;
		return false;
	}
	now = table_for(fd);
	found = now && xs_stand_in_of(now, from, entry) &&
		entry->cookie == cookie_of(fd) && is_guarded(entry);
	if (found)
		xs_address_set_unread(&entry->asked.any,
				      xs_stand_in_unread(now, entry->ip));
	errno = saved;
	return found;
}

static bool sender_of(int fd, const struct sockaddr *from, socklen_t len,
		      struct xs_stand_in *entry)
{
	struct xs_address address;

	return xs_address_from(&address, from, len) &&
	       find_sender(fd, &address, entry);
}

static void put_peer(const struct xs_stand_in *entry, struct sockaddr *from,
		     socklen_t room, socklen_t *len)
{
	memcpy(from, &entry->asked.any,
	       room < entry->asked.len ? room : entry->asked.len);
	*len = entry->asked.len;
}

bool xs_peers_tell(int fd, struct sockaddr *from, socklen_t room,
		   socklen_t *len)
{
	struct xs_stand_in entry;

	if (!sender_of(fd, from, *len < room ? *len : room, &entry))
		return false;
	put_peer(&entry, from, room, len);
	return true;
}

/* A datagram that is sent back with this goes to the peer from where it came;
 * the device is left open. */
static void put_local(const struct xs_stand_in *entry, struct cmsghdr *part)
{
	struct xs_address local = entry->local;
	struct in_pktinfo four = { .ipi_ifindex = 0 };
	struct in6_pktinfo six = { .ipi6_ifindex = 0 };

	if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO &&
	    part->cmsg_len >= CMSG_LEN(sizeof(four)) &&
	    xs_address_to_family(&local, AF_INET)) {
		four.ipi_addr = four.ipi_spec_dst = local.v4.sin_addr;
		memcpy(CMSG_DATA(part), &four, sizeof(four));
	}
	if (part->cmsg_level == IPPROTO_IPV6 &&
	    part->cmsg_type == IPV6_PKTINFO &&
	    part->cmsg_len >= CMSG_LEN(sizeof(six)) &&
	    xs_address_to_family(&local, AF_INET6)) {
		six.ipi6_addr = local.v6.sin6_addr;
		memcpy(CMSG_DATA(part), &six, sizeof(six));
	}
}

bool xs_peers_tell_message(int fd, struct msghdr *msg, socklen_t room)
{
	struct xs_stand_in entry;
	socklen_t len = msg->msg_namelen < room ? msg->msg_namelen : room;
	struct cmsghdr *part;

	if (!msg->msg_name || !sender_of(fd, msg->msg_name, len, &entry))
		return false;
	put_peer(&entry, msg->msg_name, room, &msg->msg_namelen);
	for (part = CMSG_FIRSTHDR(msg); part && entry.local.len;
	     part = CMSG_NXTHDR(msg, part))
		put_local(&entry, part);
	return true;
}

bool xs_peers_may_be_forged(int fd)
{
	int saved = errno, family;

	if (!__atomic_load_n(&attached, __ATOMIC_ACQUIRE))
		return false;
	family = xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN);
	errno = saved;
	return family == AF_INET || family == AF_INET6;
}

bool xs_peers_is_forged(int fd, const struct sockaddr *from, socklen_t len)
{
	const struct xs_stand_in_table *last =
		__atomic_load_n(&attached, __ATOMIC_ACQUIRE);
	struct xs_stand_in entry;
	struct xs_address sender;
	int saved = errno;
	uint64_t cookie;

	if (!last || !xs_address_from(&sender, from, len))
		return false;
	cookie = cookie_of(fd);
	errno = saved;
	return cookie && xs_stand_in_find(last, cookie, &sender, &entry);
}

bool xs_peers_has(int fd)
{
	const struct xs_stand_in_table *now;
	struct xs_address local;
	int saved = errno;
	uint64_t cookie;

	if (!xs_socket_is_udp(fd) || !read_local(fd, &local) ||
	    !xs_address_port(&local)) {
		errno = saved;
		return false;
	}
	now = table_for(fd);
	cookie = now ? cookie_of(fd) : 0;
	errno = saved;
	for (int i = 0; cookie && i < XS_STAND_INS; i++)
		if (__atomic_load_n(&now->slot[i].entry.cookie,
				    __ATOMIC_RELAXED) == cookie)
			return true;
	return false;
}

/* --- releasing ------------------------------------------------------------ */

static bool has_port(const struct xs_stand_in_table *now, uint32_t port)
{
	for (int i = 0; i < XS_STAND_INS; i++) {
		const struct xs_stand_in *entry = &now->slot[i].entry;

		if (__atomic_load_n(&entry->port, __ATOMIC_RELAXED) == port &&
		    __atomic_load_n(&entry->cookie, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

/* On a control connection, which this closes. */
static bool ask_release(int control, uint16_t port)
{
	char datagram[ANSWER_SIZE];
	struct xs_wire question, answer;
	bool done;

	xs_wire_init(&question, XS_WIRE_RELEASE);
	question.head.port = port;
	done = xs_wire_send(control, &question, NULL, 0) == 0 &&
	       await_answer(control, XS_WIRE_RELEASED, datagram, &answer);
	close(control);
	return done;
}

bool xs_peers_release(int fd, const struct sockaddr *to, socklen_t len)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	const struct xs_stand_in_table *now = NULL;
	struct xs_undisturbed before;
	struct xs_address address;
	int saved = errno, control;
	bool done = false;

	if (xs_socket_is_udp(fd) && xs_address_from(&address, to, len) &&
	    xs_address_port(&address))
		now = table_for(fd);
	if (now && has_port(now, xs_address_port(&address))) {
		xs_undisturbed_begin(&before);
		done = xs_find_relay_noted(&control, &err) == 1 &&
		       ask_release(control, xs_address_port(&address));
		xs_undisturbed_end(&before);
	}
	errno = saved;
	return done;
}
