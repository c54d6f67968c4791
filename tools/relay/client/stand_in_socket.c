/* The socket of a stand-in; see stand_in_socket.h. */
#include "relay/client/stand_in_socket.h"

#include "base/descriptor.h"
#include "base/peer_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* Another address may be taken by a program of this user. */
enum { TRIES = 16 };

/* --- the application's ---------------------------------------------------- */

static int refuse(struct xs_error *err, const char *why)
{
	return xs_error_set(err, XS_ERR_RULES, EACCES,
			    "datagrams of an unconnected socket cannot be "
			    "carried when %s (a program that connects its "
			    "socket has another way)",
			    why);
}

/* What would let another socket have its port, or keeps loopback away. */
static const struct {
	int level, option;
	const char *why;
} unfit[] = {
	{ SOL_SOCKET, SO_REUSEPORT, "it has SO_REUSEPORT" },
	{ SOL_SOCKET, SO_BINDTOIFINDEX, "it is bound to a device" },
};

static bool is_unspecified(const struct xs_address *local)
{
	return local->any.sa_family == AF_INET
		       ? local->v4.sin_addr.s_addr == INADDR_ANY
		       : IN6_IS_ADDR_UNSPECIFIED(&local->v6.sin6_addr);
}

/* The address of IPv4 that it is bound to, in network order; 0: another one. */
static uint32_t address_of(const struct xs_address *local)
{
	struct xs_address four = *local;

	if (!xs_address_to_family(&four, AF_INET) ||
	    IN_MULTICAST(ntohl(four.v4.sin_addr.s_addr)))
		return 0;
	return four.v4.sin_addr.s_addr;
}

static bool is_connected(int application)
{
	struct xs_address peer = { .len = sizeof(peer.v6) };

	return getpeername(application, &peer.any, &peer.len) == 0;
}

static int judge(int application, struct xs_address *local,
		 struct xs_error *err)
{
	local->len = sizeof(local->v6);
	if (getsockname(application, &local->any, &local->len) < 0 ||
	    (local->any.sa_family != AF_INET &&
	     local->any.sa_family != AF_INET6) ||
	    xs_socket_int(application, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM ||
	    !xs_address_port(local))
		return refuse(err, "it is no UDP socket with a port");
	if (is_connected(application))
		return refuse(err, "it is connected to another address");
	if (!is_unspecified(local) && !address_of(local))
		return refuse(err, "it is bound to an address of IPv6, or to "
				   "one of a group");
	if (local->any.sa_family == AF_INET6 &&
	    xs_socket_int(application, IPPROTO_IPV6, IPV6_V6ONLY) != 0)
		return refuse(err, "it has IPV6_V6ONLY");
	if (xs_peer_filter_is_other(application))
		return refuse(err, "it has a filter (SO_ATTACH_FILTER)");
	for (size_t i = 0; i < sizeof(unfit) / sizeof(*unfit); i++)
		if (xs_socket_int(application, unfit[i].level,
				  unfit[i].option) > 0)
			return refuse(err, unfit[i].why);
	return 0;
}

/* --- the stand-in's ------------------------------------------------------- */

static int attach(int fd, struct sock_filter *code, unsigned short len)
{
	const struct sock_fprog program = { .len = len, .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program));
}

/* The application's comes by the loopback device.  By another one anybody in
 * the network can send from its address and port. */
static int take_loopback_only(int made)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)SKF_AD_OFF + SKF_AD_IFINDEX),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, XS_STAND_IN_DEVICE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return attach(made, code, sizeof(code) / sizeof(*code));
}

static void set_reuse(int fd, int on)
{
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

/* The port is the application's, so it takes SO_REUSEPORT of both.  made keeps
 * it, for the next one. */
static int bind_beside(int application, int made, const struct sockaddr *to,
		       socklen_t len)
{
	int result;

	set_reuse(application, 1);
	set_reuse(made, 1);
	result = bind(made, to, len);
	set_reuse(application, 0);
	return result;
}

/* --- the guard ------------------------------------------------------------ */

/* Nothing comes in, because nobody reads it. */
static int shut(int guard)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach(guard, &nothing, 1);
}

/* Keeps the port on all addresses.  What has SO_REUSEADDR, or is of another
 * user, cannot have it beside this one. */
static int make_guard(int application, const struct xs_address *local)
{
	struct xs_address to = { .v4 = { .sin_family = AF_INET },
				 .len = sizeof(to.v4) };
	const int off = 0;
	int made;

	if (is_unspecified(local))
		to = *local;
	xs_address_set_port(&to, xs_address_port(local));
	made = socket(to.any.sa_family,
		      SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made >= 0 && to.any.sa_family == AF_INET6)
		setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (made >= 0 && shut(made) == 0 &&
	    bind_beside(application, made, &to.any, to.len) == 0)
		return made;
	if (made >= 0)
		close(made);
	return -1;
}

static void set_shared(int application, int on)
{
	setsockopt(application, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/* Nobody else has the port from now on. */
static int keep_port(int application, int *guard,
		     const struct xs_address *local, struct xs_error *err)
{
	bool shared = xs_socket_int(application, SOL_SOCKET, SO_REUSEADDR) != 0;
	bool bound = !is_unspecified(local);
	int made;

	if (!shared && (!bound || *guard >= 0))
		return 0;
	if (shared)
		set_shared(application, 0);
	made = make_guard(application, local);
	if (made < 0) {
		if (shared)
			set_shared(application, 1);
		return refuse(err, shared ? "it has SO_REUSEADDR, and another "
					    "socket has its port"
					  : "it is bound to an address, and "
					    "another socket has its port on "
					    "another one");
	}
	if (bound && *guard < 0)
		*guard = made;
	else
		close(made);
	return 0;
}

/* --- the whole ------------------------------------------------------------ */

static int bind_somewhere(int application, int made, int place,
			  struct xs_stand_in *entry)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)entry->port) };
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) < 0)
		return -1;
	for (uint32_t i = 0; i < TRIES; i++) {
		entry->ip = xs_stand_in_address(place, number + i);
		to.sin_addr.s_addr = xs_stand_in_to(entry);
		if (bind_beside(application, made, (const struct sockaddr *)&to,
				sizeof(to)) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -1;
	}
	return -1;
}

static struct sockaddr_in at(const struct xs_stand_in *entry, uint32_t ip)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)entry->port),
		.sin_addr.s_addr = ip,
	};
}

/* What it sends leaves by the loopback device, as what the library sends, so
 * the kernel delivers it here, whatever routes say. */
static int keep_here(int made)
{
	const uint32_t loopback = htonl(XS_STAND_IN_DEVICE);

	return setsockopt(made, IPPROTO_IP, IP_UNICAST_IF, &loopback,
			  sizeof(loopback));
}

static int connect_back(int made, const struct xs_stand_in *entry)
{
	const struct sockaddr_in to = at(entry, xs_stand_in_from(entry));

	return connect(made, (const struct sockaddr *)&to, sizeof(to));
}

/* The kernel does not send from a broadcast address, and takes another one. */
static bool is_own_address(int made, const struct xs_stand_in *entry)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	socklen_t len = sizeof(own);

	return getsockname(made, (struct sockaddr *)&own, &len) == 0 &&
	       own.sin_addr.s_addr == xs_stand_in_to(entry);
}

int xs_stand_in_socket(int application, int *guard, int place,
		       struct xs_stand_in *entry, struct xs_error *err)
{
	struct xs_address local;
	int made;

	if (judge(application, &local, err) < 0 ||
	    keep_port(application, guard, &local, err) < 0)
		return -1;
	entry->port = xs_address_port(&local);
	entry->bound = address_of(&local);
	made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made >= 0 && take_loopback_only(made) == 0 &&
	    keep_here(made) == 0 &&
	    bind_somewhere(application, made, place, entry) == 0 &&
	    connect_back(made, entry) == 0) {
		if (is_own_address(made, entry))
			return made;
		close(made);
		return refuse(err, "it is bound to a broadcast address");
	}
	xs_error_set(err, XS_ERR_SYSTEM, EACCES,
		     "the relay cannot bind a socket of 127.0.0.0/8 to the "
		     "program's port: %s (does the program's socket belong to "
		     "another user?)",
		     xs_error_name(errno));
	if (made >= 0)
		close(made);
	return -1;
}

bool xs_stand_in_is_from(const struct xs_stand_in *entry,
			 const struct sockaddr_in *from)
{
	return from->sin_addr.s_addr == xs_stand_in_from(entry) &&
	       from->sin_port == htons((uint16_t)entry->port);
}

static void add_source(struct msghdr *msg, uint32_t ip)
{
	const struct in_pktinfo info = { .ipi_spec_dst.s_addr = ip };
	struct cmsghdr *part = CMSG_FIRSTHDR(msg);

	part->cmsg_level = IPPROTO_IP;
	part->cmsg_type = IP_PKTINFO;
	part->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(part), &info, sizeof(info));
}

/* From an address to which no stand-in is connected, so the application's own
 * socket gets it. */
static void send_to_bound(int stand_in, const struct xs_stand_in *entry,
			  const void *data, size_t len)
{
	struct sockaddr_in to = at(entry, entry->bound);
	struct iovec whole = { (void *)data, len };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = { .bytes = { 0 } };
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &whole,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};

	add_source(&msg, entry->ip);
	sendmsg(stand_in, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_all(int stand_in, struct xs_outgoing *outgoing)
{
	bool segments = true;

	xs_outgoing_send(outgoing, stand_in, &segments, xs_outgoing_drop, NULL);
}

void xs_stand_in_send(int stand_in, const struct xs_stand_in *entry,
		      const struct xs_incoming *datagrams, int count,
		      struct xs_outgoing *outgoing)
{
	for (int i = 0; i < count; i++) {
		const void *data = xs_incoming_data(datagrams, i);
		size_t len = xs_incoming_len(datagrams, i);

		if (entry->bound) {
			send_to_bound(stand_in, entry, data, len);
			continue;
		}
		if (!xs_outgoing_has_room(outgoing, len))
			send_all(stand_in, outgoing);
		xs_outgoing_put(outgoing, data, len, 0);
	}
	send_all(stand_in, outgoing);
}

uint64_t xs_stand_in_dropped(int stand_in)
{
	uint32_t facts[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(facts);

	return getsockopt(stand_in, SOL_SOCKET, SO_MEMINFO, facts, &len) == 0
		       ? facts[SK_MEMINFO_DROPS]
		       : UINT64_MAX;
}
