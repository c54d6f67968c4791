/* What TLS writes to files of the user: key log and captured certificates.
 *
 * Both are the user's own wish and readable for the user only.  The key log
 * (SSLKEYLOGFILE) is opened for each line, so that it may be moved away at any
 * time; one write with O_APPEND keeps lines of several processes apart.  A
 * captured chain appears under its name at once and whole, by rename(2).
 */
#include "relay/tls/tls_private.h"

#include "relay/base/allowed.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Keys go to a file of this user's own that nobody else may read or write, and
 * that is named by no link: another user may have put that there, or the file.
 * O_NONBLOCK: a FIFO without a reader is not opened, and waits for nobody. */
static int open_key_log(const char *file)
{
	int fd = open(file,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK |
			      O_NOCTTY | O_NOFOLLOW,
		      0600);
	struct stat found;

	if (fd < 0)
		return -1;
	if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
	    found.st_uid == geteuid() && found.st_nlink == 1 &&
	    !(found.st_mode & (S_IRWXG | S_IRWXO)))
		return fd;
	close(fd);
	return -1;
}

void xs_tls_output_key(const char *file, const char *line)
{
	struct iovec parts[] = {
		{ .iov_base = (void *)line, .iov_len = strlen(line) },
		{ .iov_base = (void *)"\n", .iov_len = 1 },
	};
	int fd = open_key_log(file);

	if (fd < 0)
		return;
	/* A key log that cannot be written is not worth a connection. */
	if (writev(fd, parts, 2) < 0)
		errno = 0;
	close(fd);
}

static bool write_chain(int fd, STACK_OF(X509) * chain)
{
	BIO *out = BIO_new_fd(fd, BIO_NOCLOSE);
	bool good = out;

	for (int i = 0; good && i < sk_X509_num(chain); i++)
		good = PEM_write_bio_X509(out, sk_X509_value(chain, i));
	BIO_free(out);
	ERR_clear_error();
	return good;
}

/* mkostemp creates with 0600. */
int xs_tls_output_chain(const char *file, STACK_OF(X509) * chain,
			struct xs_error *err)
{
	char *draft = NULL;
	int fd = -1, saved;

	if (asprintf(&draft, "%s.XXXXXX", file) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "out of memory");
	errno = EPERM; /* what a seccomp filter would kill us for */
	if (xs_allowed(XS_CALL_NAMES))
		fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0)
		goto fail;
	if (!write_chain(fd, chain) || rename(draft, file) < 0) {
		saved = errno;
		unlink(draft);
		errno = saved;
		goto fail;
	}
	close(fd);
	free(draft);
	return 0;
fail:
	xs_error_set(err, XS_ERR_RULES, 0,
		     "capture_peer_cert_chain=%.200s cannot be written: %s",
		     file, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(draft);
	return -1;
}
