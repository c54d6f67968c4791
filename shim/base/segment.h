/* Memory that the processes of one user share by a text that they hand on.
 *
 * A System V segment (shmget(2)) that is removed as soon as it is attached: it
 * has no descriptor that a program might close, no file and no address that a
 * chroot, another network or another user would lose, and it goes with the last
 * process that has it attached.  It has mode 0600, and its number counts only
 * together with a random cookie, which another segment of that number has not.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_SEGMENT_H
#define XS_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

/* The same for programs of 32 and 64 bits. */
typedef uint64_t xs_segment_u64 __attribute__((aligned(8)));

/* What the memory begins with. */
struct xs_segment_head {
	xs_segment_u64 layout; /* of what is behind it */
	xs_segment_u64 cookie; /* it is the segment that was meant */
};

enum { XS_SEGMENT_HANDLE_MAX = 32 };

/* Makes and attaches one of zeros, and sets *number.  NULL with errno: there is
 * none to be had, because memory is short or a seccomp filter forbids it. */
void *xs_segment_make(size_t size, int *number);

/* Fills the head of the segment number, or with -1 of other memory. */
void xs_segment_sign(struct xs_segment_head *head, uint64_t layout, int number);

/* Writes "NUMBER.COOKIE" for a segment. */
void xs_segment_write_handle(const struct xs_segment_head *head, int number,
			     char handle[XS_SEGMENT_HANDLE_MAX]);

/* Attaches what the handle names, which anything from a comma on may follow,
 * and sets *number.  NULL: it is not this user's, of another size or layout, or
 * gone. */
void *xs_segment_attach(const char *handle, size_t size, uint64_t layout,
			int *number);

#endif
