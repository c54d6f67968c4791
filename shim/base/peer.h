/* Who is at the other end of a control connection, as the kernel tells it.
 *
 * SO_PEERCRED has the user and the PID: of who connected, or at the client's
 * end, of who called listen(2) last.  A PID may be another process's by now;
 * SO_PEERPIDFD (since Linux 6.5) cannot.  Where it is missing, the time at
 * which the process started tells two of one PID apart.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_PEER_H
#define XS_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct xs_peer {
	uid_t user;
	pid_t pid; /* in this PID namespace; 0: it is not in it */
	/* What no other process with this PID has: its pidfd's inode, or when
	 * it started; 0: cannot be told. */
	uint64_t life;
	/* Clock ticks since the machine has started (proc(5), "starttime");
	 * 0 where life is an inode. */
	uint64_t started;
};

/* Does /proc tell about the processes of this PID namespace?  Where a program
 * has made one and has not mounted /proc anew, it is another's. */
bool xs_peer_has_proc(void);

/* Asks about fd, a connected AF_UNIX socket.  False with errno when it cannot
 * be told; ESRCH: the process has ended. */
bool xs_peer_of(int fd, struct xs_peer *peer);

/* What only the process at the other end of fd has now: see xs_peer.life.
 * Called again after /proc/PID has been read, it tells whether that was about
 * the same process all the time. */
bool xs_peer_lives(int fd, const struct xs_peer *peer);

/* Reads /proc/PID/FILE into text; pid 0: of this thread.  Returns its length,
 * without blanks at the end, or -1 with errno. */
ssize_t xs_peer_read(pid_t pid, const char *file, char *text, size_t size);

#endif
