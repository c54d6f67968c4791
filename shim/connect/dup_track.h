/* Descriptors that share one socket: dup(2) before connect(2).
 *
 * When a connect is wrapped, every descriptor of the socket must become the
 * pair's end, not only the one that connect was called with: another would
 * still be the TCP socket under the TLS connection.  Looking through all
 * descriptors at each connect would be slow, so the hooks of dup and fcntl
 * remember which sockets were duplicated; only for those we look.
 *
 * What is remembered is the inode of the socket: a hint that can only cost a
 * search in vain.  Not known: duplicates made by another process, or before
 * exec(2).
 */
#ifndef XS_DUP_TRACK_H
#define XS_DUP_TRACK_H

#include <stddef.h>

enum { XS_DUP_TRACK_MAX = 64 };

/* The dup hooks: fd has just been duplicated.  errno is kept. */
void xs_dup_track_note(int fd);

/* Finds the other descriptors of the socket fd, except that number and not.
 * Writes at most XS_DUP_TRACK_MAX into found and returns how many there are;
 * more than fit: XS_DUP_TRACK_MAX + 1. */
size_t xs_dup_track_find(int fd, int not, int found[XS_DUP_TRACK_MAX]);

#endif
