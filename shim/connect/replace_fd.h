/* Putting another socket behind a descriptor number, unnoticed.
 *
 * dup3(2) does it, but two things hang on the old socket: the status flags
 * and time-outs that the application set, which are read and set again, and
 * its registrations in epoll sets, which are moved (epoll_track.h).
 */
#ifndef XS_REPLACE_FD_H
#define XS_REPLACE_FD_H

/* What the application set on its socket. */
struct xs_flags {
	int status;	/* F_GETFL */
	int descriptor; /* F_GETFD */
};

/* Reads the flags of fd.  Returns 0, or -1 with errno. */
int xs_flags_read(int fd, struct xs_flags *flags);

/* Gives to, which has its own time-outs and SO_RCVLOWAT as a new socket has
 * them, the status flags, owner, signal, SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT
 * and SO_OOBINLINE of from; O_ASYNC is for xs_replace_fd.  Returns 0, or -1
 * with errno. */
int xs_flags_carry(int from, int to, const struct xs_flags *flags);

/* The number fd becomes a copy of socket; close-on-exec and O_ASYNC as the
 * flags say.
 * Returns 0, or -1 with errno and fd unchanged. */
int xs_replace_fd(int fd, int socket, const struct xs_flags *flags);

#endif
