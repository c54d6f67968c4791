/* One file that a rule or the environment names, whole and in memory.
 *
 * OpenSSL's own readers open with fopen(3): that waits for the writer of a
 * FIFO, reads /dev/zero without end, and what made it fail is hard to tell from
 * an empty file.  Here only a regular file is opened, its length is bounded,
 * and each error has its errno.
 *
 * Any thread but a worker: a dead file system holds it until it answers
 * (tls_reading.c).
 */
#include "relay/tls/tls_private.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Lists of revoked certificates may be long. */
enum { LONGEST = 64 * 1024 * 1024 };

/* Linux's devices.txt: /dev/null, which stands for an empty file. */
static bool is_null(const struct stat *file)
{
	return S_ISCHR(file->st_mode) && file->st_rdev == makedev(1, 3);
}

/* Sets errno for what is no file to read. */
static bool is_file(const struct stat *file)
{
	if (S_ISREG(file->st_mode) || is_null(file))
		return true;
	errno = S_ISDIR(file->st_mode) ? EISDIR : ESPIPE;
	return false;
}

/* To open some devices is to do something, so it is looked at before. */
static int open_file(const char *path)
{
	struct stat file;
	int fd;

	if (stat(path, &file) < 0 || !is_file(&file))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (fstat(fd, &file) == 0 && is_file(&file))
		return fd;
	close(fd);
	return -1;
}

/* 1: goes on; 0: the end; -1 with errno. */
static int read_some(int fd, BIO *to, size_t *len)
{
	unsigned char buffer[16384];
	ssize_t got = read(fd, buffer, sizeof(buffer));

	if (got < 0)
		return errno == EINTR ? 1 : -1;
	*len += (size_t)got;
	if (*len > LONGEST) {
		errno = EFBIG;
		got = -1;
	} else if (got > 0 && BIO_write(to, buffer, (int)got) != got) {
		errno = ENOMEM;
		got = -1;
	}
	/* It may be a key. */
	OPENSSL_cleanse(buffer, sizeof(buffer));
	return got > 0 ? 1 : (int)got;
}

static BIO *read_whole(const char *path)
{
	int fd = open_file(path), more = 1, saved;
	BIO *to;
	size_t len = 0;

	if (fd < 0)
		return NULL;
	/* Its memory is cleansed when it grows and when it is freed. */
	to = BIO_new(BIO_s_mem());
	if (!to)
		errno = ENOMEM;
	while (to && more > 0)
		more = read_some(fd, to, &len);
	saved = errno;
	close(fd);
	if (to && more == 0) {
		BIO_set_mem_eof_return(to, 0);
		return to;
	}
	BIO_free(to);
	errno = saved;
	return NULL;
}

BIO *xs_tls_file_open(const char *path)
{
	BIO *file;

	xs_tls_reading_note(path, NULL);
	file = read_whole(path);
	xs_tls_reading_done();
	return file;
}

bool xs_tls_file_is_short(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM;
}

static const char *reason_of(int errnum)
{
	switch (errnum) {
	case ESPIPE:
		return "it is a pipe or a device, not a file";
	case EFBIG:
		return "it has more than 64 MiB";
	default:
		return xs_error_name(errnum);
	}
}

int xs_tls_file_fail(struct xs_error *err, const char *what, const char *by,
		     const char *path, int errnum)
{
	if (xs_tls_file_is_short(errnum))
		return xs_error_set(
			err, XS_ERR_SYSTEM, errnum,
			"%s in %s=%.200s: %s (%s: the relay is short of it, so "
			"this connect is refused; the next one tries again)",
			what, by, path, reason_of(errnum),
			strerrorname_np(errnum));
	return xs_error_set(err, XS_ERR_RULES, 0, "%s in %s=%.200s: %s", what,
			    by, path, reason_of(errnum));
}
