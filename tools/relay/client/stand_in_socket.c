/* The socket of a stand-in; see stand_in_socket.h. */
#include "relay/client/stand_in_socket.h"

#include "base/descriptor.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
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
	{ SOL_SOCKET, SO_REUSEADDR, "it has SO_REUSEADDR" },
	{ SOL_SOCKET, SO_REUSEPORT, "it has SO_REUSEPORT" },
	{ SOL_SOCKET, SO_BINDTOIFINDEX, "it is bound to a device" },
};

static bool is_unspecified(const struct xs_address *local)
{
	return local->any.sa_family == AF_INET
		       ? local->v4.sin_addr.s_addr == INADDR_ANY
		       : IN6_IS_ADDR_UNSPECIFIED(&local->v6.sin6_addr);
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
	if (!is_unspecified(local))
		return refuse(err, "it is bound to an address");
	if (local->any.sa_family == AF_INET6 &&
	    xs_socket_int(application, IPPROTO_IPV6, IPV6_V6ONLY) != 0)
		return refuse(err, "it has IPV6_V6ONLY");
	for (size_t i = 0; i < sizeof(unfit) / sizeof(*unfit); i++)
		if (xs_socket_int(application, unfit[i].level,
				  unfit[i].option) > 0)
			return refuse(err, unfit[i].why);
	return 0;
}

/* --- the stand-in's ------------------------------------------------------- */

static void set_reuse(int fd, int on)
{
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

/* The port is the application's, so it takes SO_REUSEPORT of both. */
static int bind_beside(int application, int made, const struct sockaddr_in *to)
{
	int result;

	set_reuse(application, 1);
	set_reuse(made, 1);
	result = bind(made, (const struct sockaddr *)to, sizeof(*to));
	set_reuse(application, 0);
	set_reuse(made, 0);
	return result;
}

static int bind_somewhere(int application, int made, int place,
			  struct xs_stand_in *entry)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)entry->port) };
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) < 0)
		return -1;
	for (uint32_t i = 0; i < TRIES; i++) {
		to.sin_addr.s_addr = xs_stand_in_address(place, number + i);
		if (bind_beside(application, made, &to) == 0) {
			entry->ip = to.sin_addr.s_addr;
			return 0;
		}
		if (errno != EADDRINUSE)
			return -1;
	}
	return -1;
}

static int connect_back(int made, uint32_t port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return connect(made, (const struct sockaddr *)&to, sizeof(to));
}

int xs_stand_in_socket(int application, int place, struct xs_stand_in *entry,
		       struct xs_error *err)
{
	struct xs_address local;
	int made;

	if (judge(application, &local, err) < 0)
		return -1;
	entry->port = xs_address_port(&local);
	made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made >= 0 && bind_somewhere(application, made, place, entry) == 0 &&
	    connect_back(made, entry->port) == 0)
		return made;
	xs_error_set(err, XS_ERR_SYSTEM, EACCES,
		     "the relay cannot bind a socket of 127.0.0.0/8 to the "
		     "program's port: %s (does the program's socket belong to "
		     "another user?)",
		     xs_error_name(errno));
	if (made >= 0)
		close(made);
	return -1;
}

ssize_t xs_stand_in_receive(int stand_in, uint32_t port, void *data,
			    size_t size)
{
	struct sockaddr_in from = { .sin_family = AF_UNSPEC };
	socklen_t len = sizeof(from);
	ssize_t got = recvfrom(stand_in, data, size, MSG_DONTWAIT,
			       (struct sockaddr *)&from, &len);

	if (got >= 0 && (from.sin_addr.s_addr != htonl(INADDR_LOOPBACK) ||
			 from.sin_port != htons((uint16_t)port)))
		return XS_STAND_IN_STRANGER;
	return got;
}

uint64_t xs_stand_in_dropped(int stand_in)
{
	uint32_t facts[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(facts);

	return getsockopt(stand_in, SOL_SOCKET, SO_MEMINFO, facts, &len) == 0
		       ? facts[SK_MEMINFO_DROPS]
		       : UINT64_MAX;
}
