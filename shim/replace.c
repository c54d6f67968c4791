/* Another socket behind the same number; see replace.h. */
#include "replace.h"

#include "libc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	HINTS_MAX = 1 << 16, /* descriptors; untouched pages cost nothing */
	SETS = 4,	     /* epoll sets that one descriptor may be in */
};

struct hint {
	int32_t set; /* number of the epoll set + 1; 0: none */
	uint32_t events;
	uint64_t data;
};

static struct hint (*hints)[SETS];

void xs_replace_prepare(void)
{
	void *map = mmap(NULL, sizeof(*hints) * HINTS_MAX,
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map != MAP_FAILED)
		hints = map;
}

void xs_replace_note(int set, int fd, const struct epoll_event *event)
{
	struct hint *hint;
	int i;

	if (!hints || fd < 0 || fd >= HINTS_MAX)
		return;
	hint = hints[fd];
	/* The same set's, a free one, else the first. */
	for (i = 0; i < SETS && hint[i].set != set + 1; i++)
		;
	if (i == SETS)
		for (i = SETS - 1; i > 0 && hint[i].set; i--)
			;
	hint[i].events = event->events;
	memcpy(&hint[i].data, &event->data, sizeof(hint[i].data));
	hint[i].set = set + 1;
}

/* Takes fd out of the sets that have it.  moved[] gets what to put back. */
static void leave_sets(int fd, struct hint moved[SETS])
{
	memset(moved, 0, sizeof(*moved) * SETS);
	if (!hints || fd >= HINTS_MAX)
		return;
	for (int i = 0; i < SETS; i++) {
		struct epoll_event unused = { .events = 0 };
		struct hint hint = hints[fd][i];

		if (hint.set && xs_libc.epoll_ctl(hint.set - 1, EPOLL_CTL_DEL,
						  fd, &unused) == 0)
			moved[i] = hint;
	}
}

static void join_sets(int fd, const struct hint moved[SETS])
{
	for (int i = 0; i < SETS; i++) {
		struct epoll_event event = { .events = moved[i].events };

		if (!moved[i].set)
			continue;
		memcpy(&event.data, &moved[i].data, sizeof(event.data));
		xs_libc.epoll_ctl(moved[i].set - 1, EPOLL_CTL_ADD, fd, &event);
	}
}

int xs_above_stdio(int fd)
{
	int above, saved;

	if (fd < 0 || fd > 2)
		return fd;
	above = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	saved = errno;
	close(fd);
	errno = saved;
	return above;
}

int xs_flags_read(int fd, struct xs_flags *flags)
{
	flags->descriptor = fcntl(fd, F_GETFD);
	flags->status = fcntl(fd, F_GETFL);
	return flags->descriptor < 0 || flags->status < 0 ? -1 : 0;
}

static int carry_option(int from, int to, int option, void *value,
			socklen_t len)
{
	static const struct timeval zero;

	if (getsockopt(from, SOL_SOCKET, option, value, &len) < 0)
		return -1;
	/* A new socket has these at zero. */
	if (len == sizeof(zero) && memcmp(value, &zero, len) == 0)
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
	struct timeval time;
	int low;

	if (carry_owner(from, to) < 0 ||
	    carry_option(from, to, SO_RCVTIMEO, &time, sizeof(time)) < 0 ||
	    carry_option(from, to, SO_SNDTIMEO, &time, sizeof(time)) < 0 ||
	    carry_option(from, to, SO_RCVLOWAT, &low, sizeof(low)) < 0)
		return -1;
	if (!(flags->status & (O_NONBLOCK | O_ASYNC)))
		return 0;
	return fcntl(to, F_SETFL, flags->status & (O_NONBLOCK | O_ASYNC));
}

int xs_replace(int fd, int socket, const struct xs_flags *flags)
{
	struct hint moved[SETS];
	int cloexec = flags->descriptor & FD_CLOEXEC ? O_CLOEXEC : 0;
	int done;

	leave_sets(fd, moved);
	do
		done = dup3(socket, fd, cloexec);
	while (done < 0 && (errno == EINTR || errno == EBUSY));
	join_sets(fd, moved);
	return done < 0 ? -1 : 0;
}
