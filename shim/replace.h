/* Putting another socket behind a descriptor number, unnoticed.
 *
 * dup3(2) does it, but two things hang on the old socket: the status flags
 * and time-outs that the application set, and its registrations in epoll
 * sets, which belong to the open file and not to the number (epoll(7)).  The
 * flags are read and set again; the registrations are moved, from hints that
 * the epoll_ctl hook leaves here.  A hint is never believed: the kernel
 * confirms it when the old registration is deleted.
 */
#ifndef XS_REPLACE_H
#define XS_REPLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* A descriptor of the library's own must not take the place of a standard one
 * that the application has closed.  Takes over fd (-1: stays -1) and returns
 * one above 2, or -1 with errno. */
int xs_above_stdio(int fd);

/* Maps the table of hints.  Without it (memory short) registrations are not
 * moved. */
void xs_replace_prepare(void);

/* The epoll_ctl hook: fd was added to, or changed in, the set. */
void xs_replace_note(int set, int fd, const struct epoll_event *event);

/* What the application set on its socket. */
struct xs_flags {
	int status;	/* F_GETFL */
	int descriptor; /* F_GETFD */
};

/* Reads the flags of fd.  Returns 0, or -1 with errno. */
int xs_flags_read(int fd, struct xs_flags *flags);

/* Gives to the status flags, owner, signal, SO_RCVTIMEO, SO_SNDTIMEO and
 * SO_RCVLOWAT of from.  Returns 0, or -1 with errno. */
int xs_flags_carry(int from, int to, const struct xs_flags *flags);

/* The number fd becomes a copy of socket; close-on-exec as the flags say.
 * Returns 0, or -1 with errno and fd unchanged. */
int xs_replace(int fd, int socket, const struct xs_flags *flags);

#endif
