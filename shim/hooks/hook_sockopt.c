/* Hooks: getsockopt, setsockopt.
 *
 * A wrapped descriptor is an AF_UNIX socket, whose kernel refuses options of
 * IP and TCP with EOPNOTSUPP; so for those libc is asked first and only its
 * refusal makes us look.  The options of SOL_SOCKET would succeed on the
 * pair, and mean the wrong socket: there we look first.
 */
#include "connect/clone_socket.h"
#include "base/readable.h"
#include "base/trace.h"
#include "connect/config.h"
#include "connect/datagram.h"
#include "connect/late_error.h"
#include "connect/peers.h"
#include "connect/sockopt.h"
#include "connect/traced.h"
#include "hooks/libc.h"

#include <errno.h>

static void refine_error(int fd, int *value)
{
	struct xs_pair_info pair;

	if (xs_config_datagrams && xs_datagram_is_closed(fd))
		*value = xs_datagram_error(fd);
	else if (*value == ECONNRESET && xs_pair_read(fd, &pair))
		*value = xs_late_error_refine(&pair, *value);
	if (xs_trace_is_on())
		xs_traced_outcome(fd, *value);
}

/* True when the option belongs to the TCP socket behind a pair. */
static bool is_remote_socket_option(int fd, int level, int option,
				    struct xs_pair_info *pair)
{
	return level == SOL_SOCKET && !xs_sockopt_is_local(option) &&
	       xs_pair_read(fd, pair);
}

static bool is_refused_by_pair(int fd, int result, int level,
			       struct xs_pair_info *pair)
{
	return result < 0 && level != SOL_SOCKET &&
	       (errno == EOPNOTSUPP || errno == ENOPROTOOPT) &&
	       xs_pair_read(fd, pair);
}

/* errno of a call that succeeds stays what it was, also when libc refused
 * first. */
static int with_errno(int result, int before)
{
	if (result == 0)
		errno = before;
	return result;
}

static int get(__typeof__(getsockopt) *libc, int fd, int level, int option,
	       void *value, socklen_t *len)
{
	struct xs_pair_info pair;
	int result, saved = errno;

	if (!xs_config_active())
		return libc(fd, level, option, value, len);
	if (!xs_readable(len, sizeof(*len))) {
		result = libc(fd, level, option, value, len);
		if (is_refused_by_pair(fd, result, level, &pair))
			errno = EFAULT;
		return result;
	}
	if (is_remote_socket_option(fd, level, option, &pair))
		return with_errno(
			xs_sockopt_get(fd, &pair, level, option, value, len),
			saved);
	result = libc(fd, level, option, value, len);
	if (is_refused_by_pair(fd, result, level, &pair))
		return with_errno(
			xs_sockopt_get(fd, &pair, level, option, value, len),
			saved);
	if (result == 0 && level == SOL_SOCKET && option == SO_ERROR &&
	    *len >= sizeof(int))
		refine_error(fd, value);
	return result;
}

/* What protects a socket that has stand-ins (peers.h): nobody else has its
 * port, and it has a filter. */
static bool protects_peers(int level, int option)
{
	return level == SOL_SOCKET &&
	       (option == SO_REUSEADDR || option == SO_REUSEPORT ||
		option == SO_ATTACH_FILTER || option == SO_ATTACH_BPF ||
		option == SO_DETACH_FILTER);
}

static int set(__typeof__(setsockopt) *libc, int fd, int level, int option,
	       const void *value, socklen_t len)
{
	struct xs_pair_info pair;
	int result, saved = errno;

	if (!xs_config_active())
		return libc(fd, level, option, value, len);
	xs_clone_socket_note(level, option);
	if (is_remote_socket_option(fd, level, option, &pair))
		return with_errno(
			xs_sockopt_set(fd, &pair, level, option, value, len),
			saved);
	if (__builtin_expect(xs_config_datagrams, 0) &&
	    protects_peers(level, option) && xs_peers_has(fd)) {
		errno = EACCES;
		return -1;
	}
	result = libc(fd, level, option, value, len);
	if (is_refused_by_pair(fd, result, level, &pair))
		return with_errno(
			xs_sockopt_set(fd, &pair, level, option, value, len),
			saved);
	return result;
}

#define GETSOCKOPT(name)                                                       \
	int name(int fd, int level, int option, void *value, socklen_t *len);  \
	XS_EXPORT int name(int fd, int level, int option, void *value,         \
			   socklen_t *len)                                     \
	{                                                                      \
		xs_libc_need();                                                \
		return get(xs_libc.name, fd, level, option, value, len);       \
	}
#define SETSOCKOPT(name)                                                       \
	int name(int fd, int level, int option, const void *value,             \
		 socklen_t len);                                               \
	XS_EXPORT int name(int fd, int level, int option, const void *value,   \
			   socklen_t len)                                      \
	{                                                                      \
		xs_libc_need();                                                \
		return set(xs_libc.name, fd, level, option, value, len);       \
	}

GETSOCKOPT(getsockopt)
SETSOCKOPT(setsockopt)
#if defined(__GLIBC__) && __TIMESIZE == 32
GETSOCKOPT(__getsockopt64)
SETSOCKOPT(__setsockopt64)
#endif
