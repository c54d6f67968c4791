/* The time after the application; see linger.h.
 *
 * The one surprising thing: close(2) blocks on a socket with SO_LINGER even
 * when it is non-blocking (inet_release), so the option is taken off first.
 */
#include "relay/connection/linger.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* A server that has acknowledged everything and goes on talking is
	 * not waited for beyond this. */
	DISCARD_MAX = 256 * 1024,
	/* Looks without progress: two minutes, as long as the kernel itself
	 * keeps an orphan whose peer does not answer. */
	STALLED_MAX = 12,
};

static struct linger get_linger(int fd)
{
	struct linger value = { 0 };
	socklen_t len = sizeof(value);

	getsockopt(fd, SOL_SOCKET, SO_LINGER, &value, &len);
	return value;
}

bool xs_linger_aborts(int fd)
{
	struct linger value = get_linger(fd);

	return value.l_onoff && value.l_linger == 0;
}

/* Bytes, and the FIN, that the server has not acknowledged. */
static int unsent_bytes(int fd)
{
	int bytes = 0;

	if (ioctl(fd, SIOCOUTQ, &bytes) < 0)
		return 0;
	return bytes;
}

bool xs_linger_is_acknowledged(int fd)
{
	return !unsent_bytes(fd);
}

bool xs_linger_read(struct xs_linger *linger, int fd,
		    struct xs_buffers *buffers)
{
	for (;;) {
		ssize_t got;

		if (!linger->polite && !unsent_bytes(fd))
			return true;
		got = recv(fd, buffers->cipher_in, sizeof(buffers->cipher_in),
			   MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return false;
		if (got <= 0)
			return true;
		linger->discarded += (size_t)got;
		if (linger->discarded > DISCARD_MAX && !unsent_bytes(fd))
			return true;
	}
}

bool xs_linger_overdue(struct xs_linger *linger, int fd)
{
	int unsent = unsent_bytes(fd);

	if (!unsent)
		return true;
	linger->stalled = unsent == linger->unsent ? linger->stalled + 1 : 0;
	linger->unsent = unsent;
	return linger->stalled >= STALLED_MAX;
}

void xs_linger_abort(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

void xs_linger_close(int fd)
{
	const struct linger off = { 0 };
	struct linger value = get_linger(fd);

	if (value.l_onoff && value.l_linger > 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
	close(fd);
}
