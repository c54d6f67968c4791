/* Hooks: write, writev, send, read, readv, and what else glibc calls them.
 *
 * They are called for every file, so all that a call pays which is not about a
 * wrapped connection is one look at a bit.  A write to what may be one is sent
 * without SIGPIPE.  When it fails, late_error.h says what TCP would have told;
 * where that is EPIPE, it is written again, for the signal.
 *
 * Their originals are found when the library is loaded, also without rules,
 * because they are called in signal handlers, where dlsym(3) should not be.
 */
#include "base/readable.h"
#include "base/trace.h"
#include "connect/datagram.h"
#include "connect/late_error.h"
#include "connect/peers.h"
#include "connect/traced.h"
#include "hooks/hook_receive.h"
#include "hooks/libc.h"

#include <errno.h>
#include <limits.h>
#include <sys/uio.h>

/* True when the result of a quiet send counts; errno is set then.  False:
 * libc's function is to be called, with errno as it was. */
static bool counts(int fd, ssize_t sent, int before)
{
	if (sent >= 0 || errno != ENOTSOCK)
		return xs_late_error_of_send(fd, sent, before);
	xs_late_error_forget(fd);
	errno = before;
	return false;
}

/* (Not in the way of everybody.) */
__attribute__((noinline)) static bool
send_quietly(int fd, const void *data, size_t size, int flags, ssize_t *sent)
{
	int before = errno;

	if (xs_trace_is_on())
		xs_traced_write(fd, data, size);
	*sent = xs_datagram_sent(
		fd, xs_libc.send(fd, data, size, flags | MSG_NOSIGNAL));
	return counts(fd, *sent, before);
}

__attribute__((noinline)) static bool
send_parts_quietly(int fd, const struct iovec *parts, int count, ssize_t *sent)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)parts,
			      .msg_iovlen = (size_t)count };
	int before = errno;

	/* What writev(2) refuses is its own to refuse. */
	if (count < 0)
		return false;
	if (xs_trace_is_on())
		xs_traced_writev(fd, parts, (size_t)count);
	*sent = xs_datagram_sent(fd, xs_libc.sendmsg(fd, &msg, MSG_NOSIGNAL));
	return counts(fd, *sent, before);
}

static inline void need(const void *function)
{
	if (__builtin_expect(!function, 0))
		xs_libc_resolve();
}

/* False with errno where this is too much for one datagram. */
static inline bool fits(int fd, size_t size)
{
	return __builtin_expect(!xs_config_datagrams, 1) ||
	       size <= XS_DATAGRAM_SMALL || xs_datagram_fits(fd, size);
}

static size_t size_of(const struct iovec *parts, int count)
{
	size_t size = 0;

	if (count < 0 || count > IOV_MAX ||
	    !xs_readable(parts, (size_t)count * sizeof(*parts)))
		return 0;
	for (int i = 0; i < count; i++)
		size += parts[i].iov_len;
	return size;
}

XS_EXPORT ssize_t send(int fd, const void *data, size_t size, int flags)
{
	ssize_t sent;

	need((void *)xs_libc.send);
	if (!fits(fd, size))
		return -1;
	if (__builtin_expect(xs_late_error_may(fd), 0) &&
	    send_quietly(fd, data, size, flags, &sent))
		return sent;
	return xs_datagram_sent(fd, xs_libc.send(fd, data, size, flags));
}

#define WRITE(name)                                                            \
	ssize_t name(int fd, const void *data, size_t size);                   \
	XS_EXPORT ssize_t name(int fd, const void *data, size_t size)          \
	{                                                                      \
		ssize_t sent;                                                  \
                                                                               \
		need((void *)xs_libc.name);                                    \
		if (!fits(fd, size))                                           \
			return -1;                                             \
		if (__builtin_expect(xs_late_error_may(fd), 0) &&              \
		    send_quietly(fd, data, size, 0, &sent))                    \
			return sent;                                           \
		return xs_datagram_sent(fd, xs_libc.name(fd, data, size));     \
	}

WRITE(write)
#ifdef __GLIBC__
WRITE(__write)
#endif

XS_EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t sent;

	need((void *)xs_libc.writev);
	if (__builtin_expect(xs_config_datagrams, 0) &&
	    !fits(fd, size_of(parts, count)))
		return -1;
	if (__builtin_expect(xs_late_error_may(fd), 0) &&
	    send_parts_quietly(fd, parts, count, &sent))
		return sent;
	return xs_datagram_sent(fd, xs_libc.writev(fd, parts, count));
}

static inline ssize_t told(int fd, ssize_t got)
{
	got = xs_datagram_got(fd, got);
	if (__builtin_expect(got < 0 && errno == ECONNRESET, 0))
		xs_late_error_of_read(fd);
	return got;
}

/* What a socket with many peers reads may be forged (hook_receive.c).  A read
 * of nothing takes nothing. */
static inline bool is_checked(int fd, size_t size)
{
	return __builtin_expect(xs_config_datagrams, 0) && size &&
	       xs_peers_may_be_forged(fd);
}

static ssize_t receive_true(int fd, void *data, size_t size)
{
	const struct iovec part = { .iov_base = data, .iov_len = size };

	return xs_receive_true(fd, &part, 1);
}

#define READ(name)                                                             \
	ssize_t name(int fd, void *data, size_t size);                         \
	XS_EXPORT ssize_t name(int fd, void *data, size_t size)                \
	{                                                                      \
		need((void *)xs_libc.name);                                    \
		if (is_checked(fd, size))                                      \
			return receive_true(fd, data, size);                   \
		return told(fd, xs_libc.name(fd, data, size));                 \
	}

READ(read)
#ifdef __GLIBC__
READ(__read)

XS_EXPORT ssize_t __read_chk(int fd, void *data, size_t size, size_t room)
{
	need((void *)xs_libc.__read_chk);
	if (size <= room && is_checked(fd, size))
		return receive_true(fd, data, size);
	return told(fd, xs_libc.__read_chk(fd, data, size, room));
}
#endif

XS_EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
	need((void *)xs_libc.readv);
	if (__builtin_expect(xs_config_datagrams, 0) &&
	    is_checked(fd, size_of(parts, count)))
		return xs_receive_true(fd, parts, count);
	return told(fd, xs_libc.readv(fd, parts, count));
}
