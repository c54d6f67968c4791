/* The user and group IDs of this process, by the kernel's word.
 *
 * geteuid(2) and its like are functions of libc, and a library in front of it
 * may answer something else (fakeroot).  What decides about trust asks the
 * kernel itself.  System calls only; any thread, any signal context.
 */
#ifndef XS_IDS_H
#define XS_IDS_H

#include <sys/types.h>

enum { XS_ID_REAL, XS_ID_EFFECTIVE, XS_ID_SAVED, XS_IDS };

/* getresuid(2), getresgid(2).  errno is kept. */
void xs_ids_user(uid_t id[XS_IDS]);
void xs_ids_group(gid_t id[XS_IDS]);

/* The effective user. */
uid_t xs_ids_own_user(void);

#endif
