/* Another socket behind the same number; see replace_fd.h. */
#include "connect/replace_fd.h"

#include "connect/behalf.h"
#include "connect/epoll_track.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

__thread const struct xs_behalf *xs_behalf;

int xs_flags_read(int fd, struct xs_flags *flags)
{
	flags->descriptor = fcntl(fd, F_GETFD);
	flags->status = fcntl(fd, F_GETFL);
	return flags->descriptor < 0 || flags->status < 0 ? -1 : 0;
}

/* Carries the option.  Where it has its usual value, that of a new socket, to
 * has it, too; without a usual value it is carried in any case. */
static int carry_option(int from, int to, int option, const void *usual,
			socklen_t size)
{
	char value[sizeof(struct timeval)];
	socklen_t len = size;

	if (getsockopt(from, SOL_SOCKET, option, value, &len) < 0)
		return -1;
	if (len == size && usual && memcmp(value, usual, size) == 0)
		return 0;
	return setsockopt(to, SOL_SOCKET, option, value, len);
}

static int carry_owner(int from, int to)
{
	struct f_owner_ex owner;
	int number;

	if (fcntl(from, F_GETOWN_EX, &owner) < 0)
		return -1;
	if (owner.pid == 0)
		return 0;
	number = fcntl(from, F_GETSIG);
	if (number < 0 || fcntl(to, F_SETSIG, number) < 0)
		return -1;
	return fcntl(to, F_SETOWN_EX, &owner);
}

int xs_flags_carry(int from, int to, const struct xs_flags *flags)
{
	static const struct timeval never;
	static const int one = 1;

	/* The relay may have set SO_OOBINLINE of a TCP socket. */
	if (carry_owner(from, to) < 0 ||
	    carry_option(from, to, SO_RCVTIMEO, &never, sizeof(never)) < 0 ||
	    carry_option(from, to, SO_SNDTIMEO, &never, sizeof(never)) < 0 ||
	    carry_option(from, to, SO_RCVLOWAT, &one, sizeof(one)) < 0 ||
	    carry_option(from, to, SO_OOBINLINE, NULL, sizeof(int)) < 0)
		return -1;
	return flags->status & O_NONBLOCK ? fcntl(to, F_SETFL, O_NONBLOCK) : 0;
}

int xs_replace_fd(int fd, int socket, const struct xs_flags *flags)
{
	struct xs_epoll_track left[XS_EPOLL_TRACK_MAX];
	size_t count;
	int cloexec = flags->descriptor & FD_CLOEXEC ? O_CLOEXEC : 0;
	int done;

	if (xs_behalf && xs_behalf->put(xs_behalf, socket) < 0)
		return -1;
	count = xs_epoll_track_leave(fd, left);
	do
		done = dup3(socket, fd, cloexec);
	while (done < 0 && (errno == EINTR || errno == EBUSY));
	/* The signal tells the number with which it was asked for. */
	if (done >= 0 && (flags->status & O_ASYNC))
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
	xs_epoll_track_join(fd, left, count);
	return done < 0 ? -1 : 0;
}
