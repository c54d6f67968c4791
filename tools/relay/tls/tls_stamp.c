/* Has a file changed?  See tls_private.h. */
#include "relay/tls/tls_private.h"

#include "base/hash.h"
#include "relay/base/allowed.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Zeroes for what does not exist: its appearance is a change, too. */
struct xs_tls_stamp xs_tls_stamp(const char *path)
{
	struct xs_tls_stamp stamp = { 0 };
	struct stat now;

	if (path)
		xs_tls_reading_note(path, NULL);
	if (path && stat(path, &now) == 0) {
		stamp.device = now.st_dev;
		stamp.inode = now.st_ino;
		stamp.size = now.st_size;
		/* ctime moves also when somebody sets mtime back. */
		stamp.modified = now.st_mtim;
		stamp.changed = now.st_ctim;
		stamp.waits = S_ISFIFO(now.st_mode) || S_ISSOCK(now.st_mode);
	}
	xs_tls_reading_done();
	return stamp;
}

/* "5ed36f99.0", "5ed36f99.r0": what X509_LOOKUP_hash_dir(3) reads. */
bool xs_tls_stamp_is_hashed(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.';
}

/* Entries are often links to other folders. */
static void note_system(struct xs_tls_stamp *stamp, const char *folder,
			const char *name, dev_t device)
{
	char path[4096 + 256];

	if (device == stamp->last_device)
		return;
	stamp->last_device = device;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (!xs_tls_is_local(path))
		stamp->elsewhere = true;
}

static void add_entry(struct xs_tls_stamp *stamp, int folder, const char *path,
		      const char *name)
{
	uint64_t hash = xs_hash(XS_HASH_START, name, strlen(name));
	struct stat now;

	xs_tls_reading_note(path, name);
	if (fstatat(folder, name, &now, 0) < 0)
		return;
	note_system(stamp, path, name, now.st_dev);
	hash = xs_hash(hash, &now.st_dev, sizeof(now.st_dev));
	hash = xs_hash(hash, &now.st_ino, sizeof(now.st_ino));
	hash = xs_hash(hash, &now.st_size, sizeof(now.st_size));
	hash = xs_hash(hash, &now.st_mtim, sizeof(now.st_mtim));
	hash = xs_hash(hash, &now.st_ctim, sizeof(now.st_ctim));
	/* A sum, because the order of entries means nothing. */
	stamp->content += hash;
	stamp->entries++;
	stamp->certificates += name[9] != 'r';
}

static void add_folder(struct xs_tls_stamp *stamp, const char *path)
{
	DIR *folder = NULL;
	const struct dirent *entry;

	xs_tls_reading_note(path, NULL);
	if (xs_allowed(XS_CALL_FOLDERS))
		folder = opendir(path);
	if (!xs_tls_is_local(path))
		stamp->elsewhere = true;
	if (!folder)
		return;
	while ((entry = readdir(folder)))
		if (xs_tls_stamp_is_hashed(entry->d_name))
			add_entry(stamp, dirfd(folder), path, entry->d_name);
	closedir(folder);
}

struct xs_tls_stamp xs_tls_stamp_folders(const char *list)
{
	struct xs_tls_stamp stamp = { 0 };
	char path[4096];

	for (const char *at = list; at && *at;) {
		size_t len = strcspn(at, ":");

		if (len > 0 && len < sizeof(path)) {
			memcpy(path, at, len);
			path[len] = '\0';
			add_folder(&stamp, path);
		}
		at += len + (at[len] == ':');
	}
	xs_tls_reading_done();
	return stamp;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool xs_tls_stamp_same(const struct xs_tls_stamp *a,
		       const struct xs_tls_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->content == b->content &&
	       a->entries == b->entries &&
	       same_time(&a->modified, &b->modified) &&
	       same_time(&a->changed, &b->changed);
}
