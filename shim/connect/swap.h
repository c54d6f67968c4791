/* The pair and the descriptor that it takes over.
 *
 * A pair is made, its gate is shut, and its application's end is put behind the
 * application's descriptor and behind every copy that dup(2) has made of it.
 * The socket that was there is kept.  If the connect fails, a socket goes back
 * to all of these places.
 *
 * Two threads may connect one descriptor at the same time.  One of them takes
 * the socket, and the other is told so.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_SWAP_H
#define XS_SWAP_H

#include "base/error.h"
#include "connect/dup_track.h"
#include "connect/replace_fd.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One swap.  The caller may read the first five, and closes own. */
struct xs_swap {
	int fd;		 /* the application's descriptor */
	int own;	 /* a copy of its TCP socket; -1: not taken yet */
	int end[2];	 /* the pair: the application's end, the relay's */
	uint32_t filler; /* bytes that shut the gate */
	struct xs_flags flags;
	bool datagrams; /* the pair keeps them apart, and has no gate */
	/* The rest is for swap.c. */
	ino_t inode;		      /* of the application's end */
	bool swapped;		      /* fd is the pair's end now */
	int shared[XS_DUP_TRACK_MAX]; /* other descriptors of the socket … */
	struct xs_flags shared_flags[XS_DUP_TRACK_MAX];
	size_t nshared; /* … that are the pair's end too, now */
	bool nameless;	/* swapped, and the pair has no name yet */
};

/* errno for the thread that comes second. */
#define XS_SWAP_LOST ECANCELED

/* Fills *swap for the descriptor fd, also when it fails, and reads the flags of
 * the socket.  Returns 0, or -1 with *err set. */
int xs_swap_begin(struct xs_swap *swap, int fd, struct xs_error *err);

/* Makes the pair, gives its application's end these flags, and shuts the gate.
 * A pair for datagrams has none: its gate is open.  The application notices
 * nothing yet.  Returns 0, or -1 with *err set. */
int xs_swap_make_pair(struct xs_swap *swap, bool datagrams,
		      struct xs_error *err);

/* Puts the application's end behind the descriptor and its copies.  Returns 0,
 * or -1 with *err set; even then the caller must undo what has been done, by
 * xs_swap_back, if swap->own is a socket. */
int xs_swap_in(struct xs_swap *swap, struct xs_error *err);

/* The pair has its name now, or will never get one: lets go the threads that
 * are in xs_swap_wait. */
void xs_swap_named(struct xs_swap *swap);

/* Puts socket where the pair's end is, as far as it is still there.  errno is
 * kept. */
void xs_swap_back(struct xs_swap *swap, int socket);

/* Closes the ends that the library itself has; errno may change. */
void xs_swap_close_ends(struct xs_swap *swap);

/* Another thread has put a pair behind fd that has no name yet, so that the
 * hooks do not recognise it: waits until it has one.  True when it is worth to
 * look again. */
bool xs_swap_wait(int fd);

#endif
