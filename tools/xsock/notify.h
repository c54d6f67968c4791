/* One system call of a supervised process that waits for its answer.
 *
 * notify_call.c finds out which call it is, notify_process.c reads and writes
 * that process, notify_connect.c and notify_socket.c answer, supervisor.c has
 * the threads that do it.
 */
#ifndef XS_NOTIFY_H
#define XS_NOTIFY_H

#include "connect/behalf.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct xs_notify {
	struct xs_behalf behalf; /* must be the first */
	int listener;
	uint64_t id;	  /* the call's */
	pid_t thread;	  /* who makes it */
	int call;	  /* its number, SYS_… of this program's ABI */
	uint64_t args[6]; /* its arguments */
	bool narrow;	  /* what they point to is of a program of 32 bits */
	int process;	  /* its process, a descriptor; -1: not opened */
	int fd;		  /* a copy of the descriptor args[0]; -1: none */
	ino_t inode;	  /* of what is behind args[0] now */
	bool pass; /* the answer: the kernel goes on with the call; … */
	int result, errnum;	  /* … else this, or with errnum not 0: -1 */
	struct xs_behalf_who who; /* pid 0: not asked for yet */
	/* For notify_again.c. */
	pthread_t worker; /* who answers it */
	struct xs_notify *next;
};

/* --- notify_call.c -------------------------------------------------------- */

/* Fills call and args with what the kernel has told.  A program of 32 bits has
 * other numbers, and for socketcall(2) its arguments in memory, which are read
 * once.  Where they cannot be read, call is -1, and the answer is there. */
void xs_notify_read_call(struct xs_notify *n, const struct seccomp_data *told);

/* --- notify_process.c ----------------------------------------------------- */

/* The command's process, a descriptor; -1: none.  Its standard error is for
 * lines about programs whose descriptors may not be taken. */
extern int xs_notify_command;

/* Is the call still waiting?  What was read before is of that process then. */
bool xs_notify_is_valid(const struct xs_notify *n);

/* Opens process, and copies the descriptor args[0] into fd, for which it fills
 * behalf.  Returns 0, or -1 with errno.  xs_notify_close closes both. */
int xs_notify_copy(struct xs_notify *n);
void xs_notify_close(struct xs_notify *n);

/* The calling thread answers no further call: closes what it has kept for
 * that. */
void xs_notify_forget_process(void);

/* A copy of its descriptor number, or -1 with errno. */
int xs_notify_descriptor(const struct xs_notify *n, int number);

/* Reads from, writes to its memory.  Return 0, or -1 with EFAULT; reading also
 * with EPERM, where the process may not be looked into. */
int xs_notify_read(const struct xs_notify *n, uint64_t at, void *to,
		   size_t size);
int xs_notify_write(const struct xs_notify *n, uint64_t at, const void *from,
		    size_t size);

/* notify_epoll.c: where its epoll set watches number, which fd is a copy of,
 * makes it watch socket. */
void xs_notify_move_in_set(const struct xs_notify *n, int set, int number,
			   int socket);

/* --- the answers ---------------------------------------------------------- */

/* Answers the call by pass, or by result and errnum. */
void xs_notify_answer(struct xs_notify *n);

/* May the answer wait for the network?  (A name may have to be looked up.) */
bool xs_notify_may_wait(const struct xs_notify *n);

/* The same, for each. */
void xs_notify_connect(struct xs_notify *n);
void xs_notify_getsockname(struct xs_notify *n);
void xs_notify_getpeername(struct xs_notify *n);
void xs_notify_getsockopt(struct xs_notify *n);
void xs_notify_setsockopt(struct xs_notify *n);
void xs_notify_send(struct xs_notify *n);

/* --- notify_again.c: a connect of a thread that has one which nobody waits for
 * any more ---------------------------------------------------------------- */

/* Waits until no other connect of the thread is being answered. */
void xs_notify_again_begin(struct xs_notify *n);

/* Where this one says only that there was another, its answer is that one's. */
void xs_notify_again_answer(struct xs_notify *n);

/* The answer has been given, or nobody was there any more. */
void xs_notify_again_end(const struct xs_notify *n, bool told);

#endif
