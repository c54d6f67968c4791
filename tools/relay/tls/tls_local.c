/* Can a look at a file wait for another machine, or for another process?
 *
 * A worker looks at the files of each connection.  Where they are on this
 * machine's own disks and in its memory, the kernel answers from its cache, and
 * that is much cheaper than to ask another thread.  Every other file system may
 * be dead: one that is not in the table counts as such.
 *
 * What is on the way to a file is not looked at: a link that lies elsewhere.
 *
 * Any thread.
 */
#include "relay/tls/tls_private.h"

#include "relay/base/allowed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

/* As in linux/magic.h, which does not have all of them. */
static const unsigned long local[] = {
	0xef53,	    /* ext2, ext3, ext4 */
	0x58465342, /* xfs */
	0x9123683e, /* btrfs */
	0x01021994, /* tmpfs */
	0x858458f6, /* ramfs */
	0x794c7630, /* overlayfs */
	0x73717368, /* squashfs */
	0xe0f5e1e2, /* erofs */
	0xf2f52010, /* f2fs */
	0x2fc12fc1, /* zfs */
	0xca451a4e, /* bcachefs */
	0x3153464a, /* jfs */
	0x52654973, /* reiserfs */
	0x3434,	    /* nilfs */
	0x24051905, /* ubifs */
	0x72b6,	    /* jffs2 */
	0x4d44,	    /* vfat */
	0x2011bab0, /* exfat */
	0x7366746e, /* ntfs3 */
	0x9660,	    /* iso9660 */
	0x9fa0,	    /* proc */
	0x62656572, /* sysfs */
};

/* Of what does not exist, the folder that is there counts. */
static bool find_system(const char *path, struct statfs *found)
{
	char at[4096];
	char *slash;

	if ((size_t)snprintf(at, sizeof(at), "%s", path) >= sizeof(at))
		return false;
	while (statfs(at, found) < 0) {
		slash = strrchr(at, '/');
		if ((errno != ENOENT && errno != ENOTDIR) || !slash ||
		    !slash[1])
			return false;
		slash[slash == at] = '\0';
	}
	return true;
}

bool xs_tls_is_local(const char *path)
{
	struct statfs found;

	if (*path != '/') /* a URI, of which no file is looked at */
		return true;
	if (!xs_allowed(XS_CALL_STATFS) || !find_system(path, &found))
		return false;
	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		if ((unsigned long)found.f_type == local[i])
			return true;
	return false;
}
