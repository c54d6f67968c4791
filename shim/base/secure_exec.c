/* Programs whose loader ignores the library; see secure_exec.h. */
#include "base/secure_exec.h"

#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/* Where a program cannot get more rights than this one has, its set-ID bits and
 * capabilities mean nothing (execve(2)). */
static bool gives_no_rights(int fd)
{
	struct statvfs system;

	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
	       (fstatvfs(fd, &system) == 0 && (system.f_flag & ST_NOSUID));
}

enum xs_secure_exec xs_secure_exec_judge(int fd)
{
	struct stat file;
	uid_t user[XS_IDS];
	gid_t group[XS_IDS];

	xs_ids_user(user);
	xs_ids_group(group);
	if (user[XS_ID_EFFECTIVE] != user[XS_ID_REAL] ||
	    group[XS_ID_EFFECTIVE] != group[XS_ID_REAL])
		return XS_SECURE_EXEC_IDS;
	if (fstat(fd, &file) < 0 || gives_no_rights(fd))
		return XS_SECURE_EXEC_NONE;
	if ((file.st_mode & S_ISUID) && file.st_uid != user[XS_ID_EFFECTIVE])
		return XS_SECURE_EXEC_SET_USER;
	if ((file.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    file.st_gid != group[XS_ID_EFFECTIVE])
		return XS_SECURE_EXEC_SET_GROUP;
	/* Root has them already. */
	if (user[XS_ID_REAL] != 0 &&
	    fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return XS_SECURE_EXEC_CAPABILITIES;
	return XS_SECURE_EXEC_NONE;
}
