/* The steps of a swap; see swap.h. */
#include "connect/swap.h"

#include "base/descriptor.h"
#include "base/pair.h"
#include "base/pause.h"
#include "connect/late_error.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the pair ------------------------------------------------------------- */

void xs_swap_close_ends(struct xs_swap *swap)
{
	for (int i = 0; i < 2; i++) {
		if (swap->end[i] >= 0)
			close(swap->end[i]);
		swap->end[i] = -1;
	}
}

static int make_pair(struct xs_swap *swap)
{
	struct stat file;
	int type = swap->datagrams ? SOCK_SEQPACKET : SOCK_STREAM;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, swap->end) < 0) {
		swap->end[0] = swap->end[1] = -1;
		return -1;
	}
	swap->end[0] = xs_above_stdio(swap->end[0]);
	swap->end[1] = xs_above_stdio(swap->end[1]);
	if (swap->end[0] < 0 || swap->end[1] < 0 ||
	    fstat(swap->end[0], &file) < 0)
		return -1;
	swap->inode = file.st_ino;
	return 0;
}

int xs_swap_begin(struct xs_swap *swap, int fd, struct xs_error *err)
{
	*swap = (struct xs_swap){ .fd = fd, .own = -1, .end = { -1, -1 } };
	if (xs_flags_read(fd, &swap->flags) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot read the socket's flags: %s",
				    xs_error_name(errno));
	return 0;
}

int xs_swap_make_pair(struct xs_swap *swap, bool datagrams,
		      struct xs_error *err)
{
	swap->datagrams = datagrams;
	if (make_pair(swap) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot make a socket pair: %s",
				    xs_error_name(errno));
	if (xs_flags_carry(swap->fd, swap->end[0], &swap->flags) < 0 ||
	    (!datagrams && !(swap->filler = xs_pair_shut_gate(swap->end[0]))))
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot prepare the socket pair: %s",
				    xs_error_name(errno));
	return 0;
}

/* --- threads that connect the same descriptor --------------------------- */

/* Locks by descriptor, held for a few system calls that do not wait.  Whoever
 * does not get one for seconds was forked from, or interrupts, the thread that
 * holds it. */
static bool swapping[64];

static bool swap_lock(int fd)
{
	for (int tries = 0; tries < 20000; tries++) {
		if (!__atomic_exchange_n(&swapping[fd % 64], true,
					 __ATOMIC_ACQUIRE))
			return true;
		xs_pause(tries);
	}
	return false;
}

static void swap_unlock(int fd)
{
	__atomic_store_n(&swapping[fd % 64], false, __ATOMIC_RELEASE);
}

/* How many connects are between the swap and the name, by descriptor. */
static int nameless[64];

static void set_nameless(struct xs_swap *swap, bool on)
{
	if (swap->nameless == on)
		return;
	swap->nameless = on;
	__atomic_add_fetch(&nameless[swap->fd % 64], on ? 1 : -1,
			   __ATOMIC_ACQ_REL);
}

bool xs_swap_wait(int fd)
{
	int *count = &nameless[(unsigned)fd % 64];
	int tries = 0;

	/* As long as for the lock, for the same reason. */
	for (; __atomic_load_n(count, __ATOMIC_ACQUIRE) && tries < 20000;
	     tries++)
		xs_pause(tries);
	return tries < 20000;
}

void xs_swap_named(struct xs_swap *swap)
{
	set_nameless(swap, false);
}

/* --- in and back -------------------------------------------------------- */

/* What dup(2) made of the socket before. */
static int swap_shared(struct xs_swap *swap, struct xs_error *err)
{
	size_t count = xs_dup_track_find(swap->own, swap->fd, swap->shared);

	if (count > XS_DUP_TRACK_MAX)
		return xs_error_set(err, XS_ERR_SYSTEM, EMFILE,
				    "the socket has more than %d descriptors",
				    XS_DUP_TRACK_MAX);
	for (size_t i = 0; i < count; i++) {
		if (xs_flags_read(swap->shared[i], &swap->shared_flags[i]) <
			    0 ||
		    xs_replace_fd(swap->shared[i], swap->end[0],
				  &swap->shared_flags[i]) < 0)
			return xs_error_set(err, XS_ERR_SYSTEM, errno,
					    "cannot replace the socket's copy "
					    "%d: %s",
					    swap->shared[i],
					    xs_error_name(errno));
		swap->nshared = i + 1;
		xs_late_error_note(swap->shared[i]);
	}
	return 0;
}

/* Two threads that connect one descriptor must not both take its socket: the
 * one that comes second finds the pair of the first. */
static int take_socket(struct xs_swap *swap, struct xs_error *err)
{
	int family = xs_socket_int(swap->fd, SOL_SOCKET, SO_DOMAIN);

	if (family < 0 || family == AF_UNIX)
		return xs_error_set(err, XS_ERR_NETWORK, XS_SWAP_LOST,
				    "another thread connects the socket");
	swap->own = fcntl(swap->fd, F_DUPFD_CLOEXEC, 3);
	if (swap->own < 0 ||
	    xs_replace_fd(swap->fd, swap->end[0], &swap->flags) < 0)
		return xs_error_set(err,
				    errno == XS_SWAP_LOST ? XS_ERR_NETWORK
							  : XS_ERR_SYSTEM,
				    errno, "cannot replace the socket: %s",
				    xs_error_name(errno));
	swap->swapped = true;
	xs_late_error_note(swap->fd);
	return 0;
}

int xs_swap_in(struct xs_swap *swap, struct xs_error *err)
{
	if (!swap_lock(swap->fd))
		return xs_error_set(err, XS_ERR_NETWORK, EALREADY,
				    "another thread connects a socket");
	set_nameless(swap, true);
	take_socket(swap, err);
	set_nameless(swap, swap->swapped);
	swap_unlock(swap->fd);
	if (!swap->swapped)
		return -1;
	/* The kernel signals room to who found none: so the end of the connect
	 * gives its SIGIO. */
	if ((swap->flags.status & O_ASYNC) && !swap->datagrams)
		send(swap->end[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return swap_shared(swap, err);
}

/* Is the pair still behind that number?  Another thread may have closed it,
 * and opened something else. */
static bool is_pair(const struct xs_swap *swap, int fd)
{
	struct stat file;

	return fstat(fd, &file) == 0 && file.st_ino == swap->inode &&
	       S_ISSOCK(file.st_mode);
}

void xs_swap_back(struct xs_swap *swap, int socket)
{
	int saved = errno;

	if (swap->swapped && is_pair(swap, swap->fd))
		xs_replace_fd(swap->fd, socket, &swap->flags);
	for (size_t i = 0; i < swap->nshared; i++)
		if (is_pair(swap, swap->shared[i]))
			xs_replace_fd(swap->shared[i], socket,
				      &swap->shared_flags[i]);
	swap->nshared = 0;
	swap->swapped = false;
	errno = saved;
}
