/* User and group IDs; see ids.h. */
#include "base/ids.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where these are, the calls without a number have IDs of 16 bits. */
#ifdef SYS_getresuid32
#define GETRESUID SYS_getresuid32
#define GETRESGID SYS_getresgid32
#else
#define GETRESUID SYS_getresuid
#define GETRESGID SYS_getresgid
#endif

/* A seccomp filter may refuse the one and let the others pass. */
void xs_ids_user(uid_t id[XS_IDS])
{
	int saved = errno;

	if (syscall(GETRESUID, &id[XS_ID_REAL], &id[XS_ID_EFFECTIVE],
		    &id[XS_ID_SAVED]) < 0) {
		id[XS_ID_REAL] = getuid();
		id[XS_ID_EFFECTIVE] = id[XS_ID_SAVED] = geteuid();
	}
	errno = saved;
}

void xs_ids_group(gid_t id[XS_IDS])
{
	int saved = errno;

	if (syscall(GETRESGID, &id[XS_ID_REAL], &id[XS_ID_EFFECTIVE],
		    &id[XS_ID_SAVED]) < 0) {
		id[XS_ID_REAL] = getgid();
		id[XS_ID_EFFECTIVE] = id[XS_ID_SAVED] = getegid();
	}
	errno = saved;
}

uid_t xs_ids_own_user(void)
{
	uid_t id[XS_IDS];

	xs_ids_user(id);
	return id[XS_ID_EFFECTIVE];
}
