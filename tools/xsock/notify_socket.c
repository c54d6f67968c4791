/* Answers to getsockname(2), getpeername(2), getsockopt(2) and setsockopt(2):
 * as a TCP socket would answer where the descriptor is a wrapped one; else the
 * kernel goes on with the call.
 */
#include "xsock/notify.h"

#include "base/descriptor.h"
#include "base/trace.h"
#include "connect/late_error.h"
#include "connect/name.h"
#include "connect/sockopt.h"
#include "connect/traced.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

/* As many bytes as an option is asked for or given. */
enum { VALUE_MAX = 4096 };

static void answer(struct xs_notify *n, int result)
{
	n->result = result;
	n->errnum = result < 0 ? errno : 0;
}

/* Is the descriptor a wrapped one?  Else the kernel goes on, and says what is
 * wrong with it. */
static bool is_pair(struct xs_notify *n, struct xs_pair_info *pair)
{
	if (xs_notify_copy(n) == 0 && xs_pair_read(n->fd, pair) &&
	    xs_notify_is_valid(n))
		return true;
	n->pass = true;
	return false;
}

/* --- names ---------------------------------------------------------------- */

/* move_addr_to_user of net/socket.c: as much as fits, and the true length. */
static int give(const struct xs_notify *n, const struct xs_address *address)
{
	int32_t room;
	uint32_t len = address->len;

	if (xs_notify_read(n, n->args[2], &room, sizeof(room)) < 0)
		return -1;
	if (room < 0) {
		errno = EINVAL;
		return -1;
	}
	if ((uint32_t)room > len)
		room = (int32_t)len;
	if (room &&
	    xs_notify_write(n, n->args[1], &address->any, (size_t)room) < 0)
		return -1;
	return xs_notify_write(n, n->args[2], &len, sizeof(len));
}

void xs_notify_getsockname(struct xs_notify *n)
{
	struct xs_pair_info pair;
	struct xs_address local;

	if (!is_pair(n, &pair))
		return;
	local = xs_name_local(n->fd, &pair);
	answer(n, give(n, &local));
}

void xs_notify_getpeername(struct xs_notify *n)
{
	struct xs_pair_info pair;

	if (!is_pair(n, &pair))
		return;
	answer(n, xs_name_peer(n->fd, &pair) < 0 ? -1 : give(n, &pair.asked));
}

/* --- options -------------------------------------------------------------- */

/* The pair's own, of which the kernel's answer is right. */
static bool is_local(int level, int option)
{
	return level == SOL_SOCKET && option != SO_ERROR &&
	       xs_sockopt_is_local(option);
}

static int get_error(int fd, const struct xs_pair_info *pair, void *value,
		     socklen_t *len)
{
	int number;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, value, len) < 0)
		return -1;
	if (*len < sizeof(number))
		return 0;
	memcpy(&number, value, sizeof(number));
	number = xs_late_error_refine(pair, number);
	if (xs_trace_is_on())
		xs_traced_outcome(fd, number);
	memcpy(value, &number, sizeof(number));
	return 0;
}

static int get(const struct xs_notify *n, const struct xs_pair_info *pair)
{
	const int level = (int)n->args[1], option = (int)n->args[2];
	char value[VALUE_MAX];
	int32_t room;
	socklen_t len;
	int result;

	if (xs_notify_read(n, n->args[4], &room, sizeof(room)) < 0)
		return -1;
	if (room < 0) {
		errno = EINVAL;
		return -1;
	}
	len = room < VALUE_MAX ? (socklen_t)room : VALUE_MAX;
	if (level == SOL_SOCKET && option == SO_ERROR)
		result = get_error(n->fd, pair, value, &len);
	else
		result =
			xs_sockopt_get(n->fd, pair, level, option, value, &len);
	if (result < 0 || (len && xs_notify_write(n, n->args[3], value, len)))
		return -1;
	return xs_notify_write(n, n->args[4], &len, sizeof(len));
}

/* Who has not waited for a connect asks in this way what came of it; reading
 * clears it, so the program gets what is read here. */
static void get_outcome(struct xs_notify *n)
{
	const int errnum = xs_socket_int(n->fd, SOL_SOCKET, SO_ERROR);
	socklen_t len = sizeof(errnum);
	int32_t room;

	xs_traced_outcome(n->fd, errnum);
	if (xs_notify_read(n, n->args[4], &room, sizeof(room)) < 0)
		return answer(n, -1);
	if (room < (int32_t)len)
		len = (socklen_t)room;
	answer(n,
	       xs_notify_write(n, n->args[3], &errnum, len) < 0 ||
			       xs_notify_write(n, n->args[4], &len, sizeof(len))
		       ? -1
		       : 0);
}

static bool is_outcome(struct xs_notify *n)
{
	struct xs_pair_info pair;
	int32_t room;
	int family;

	if (!xs_trace_is_on() || (int)n->args[1] != SOL_SOCKET ||
	    (int)n->args[2] != SO_ERROR ||
	    xs_notify_read(n, n->args[4], &room, sizeof(room)) < 0 ||
	    room < 0 || xs_notify_copy(n) < 0)
		return false;
	family = xs_socket_int(n->fd, SOL_SOCKET, SO_DOMAIN);
	return (family == AF_INET || family == AF_INET6) &&
	       !xs_pair_read(n->fd, &pair) && xs_notify_is_valid(n);
}

void xs_notify_getsockopt(struct xs_notify *n)
{
	struct xs_pair_info pair;

	if (is_outcome(n)) {
		get_outcome(n);
		return;
	}
	xs_notify_close(n);
	if (is_local((int)n->args[1], (int)n->args[2]))
		n->pass = true;
	else if (is_pair(n, &pair))
		answer(n, get(n, &pair));
}

static int set(const struct xs_notify *n, const struct xs_pair_info *pair)
{
	char value[VALUE_MAX];
	int32_t len = (int32_t)n->args[4];

	if (len < 0 || len > VALUE_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (len && xs_notify_read(n, n->args[3], value, (size_t)len) < 0)
		return -1;
	if (!xs_notify_is_valid(n)) {
		errno = EINTR;
		return -1;
	}
	return xs_sockopt_set(n->fd, pair, (int)n->args[1], (int)n->args[2],
			      value, (socklen_t)len);
}

void xs_notify_setsockopt(struct xs_notify *n)
{
	struct xs_pair_info pair;

	if (is_local((int)n->args[1], (int)n->args[2]))
		n->pass = true;
	else if (is_pair(n, &pair))
		answer(n, set(n, &pair));
}
