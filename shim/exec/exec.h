/* What happens when this program starts another one, which would lose the
 * library while rules exist: its connections would follow no rule, and nothing
 * would say so.
 *
 * XSOCK_EXEC says what is done: warn writes one line, refuse lets the start
 * fail with EACCES, keep puts the variables back that are missing.  Where the
 * file itself is the reason, nothing can be put back, and keep warns.
 *
 * A program is told of once, also where many children of one process start it
 * (a table in shared memory).
 *
 * Any thread, any signal context, a vfork child.
 */
#ifndef XS_EXEC_H
#define XS_EXEC_H

#include <sys/types.h>

/* Before anything is judged; once, by the constructor, in a process that has
 * rules. */
void xs_exec_prepare(void);

/* Judge the start of a file with the environment envp: path from the folder
 * dirfd; fd; or a command that libc finds in PATH.  Return 0 to go on with
 * envp; the bytes of room for an environment in which what is missing is put
 * back, and which hands on what names are known (names_hand_on.h); or -1 with
 * errno: EACCES, and a line says why, or E2BIG. */
ssize_t xs_exec_judge(int dirfd, const char *path, char *const envp[]);
ssize_t xs_exec_judge_fd(int fd, char *const envp[]);
ssize_t xs_exec_judge_command(const char *name, char *const envp[]);

/* The same of a file that a child starts after file actions of posix_spawn(3),
 * which may have led it to another folder. */
ssize_t xs_exec_judge_moved(const char *path, char *const envp[]);

/* This process makes a file action that changes the folder. */
void xs_exec_note_move(void);

/* Makes that environment in room (aligned as malloc aligns), and returns it. */
char **xs_exec_restore(void *room, char *const envp[]);

/* Puts what is missing into this process's own environment, for functions that
 * take no other.  Not in a signal handler, as setenv(3).  Returns 0, or -1 with
 * errno. */
int xs_exec_restore_own(void);

/* This process has given its user up (names_memory.h): what others have told is
 * not known here any more. */
void xs_exec_follow_user(void);

/* Tells, if this very program is one that passes the library by. */
void xs_exec_judge_own(void);

#endif
