/* Lines for the user; see log.h. */
#include "base/log.h"

#include "base/log_line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define PAIRS	"+pairs"
#define SYSLOG	"syslog"
#define JOURNAL "journal"

const char *const xs_log_levels[] = {
	[XS_LOG_OFF] = "off",	      [XS_LOG_ERROR] = "error",
	[XS_LOG_WARNING] = "warning", [XS_LOG_INFO] = "info",
	[XS_LOG_DEBUG] = "debug",     NULL,
};

static int parse_level(struct xs_log *log, const char *name, size_t len,
		       struct xs_error *err)
{
	for (size_t i = 0; xs_log_levels[i]; i++) {
		if (strlen(xs_log_levels[i]) != len ||
		    strncmp(xs_log_levels[i], name, len) != 0)
			continue;
		log->level = (enum xs_log_level)i;
		return 0;
	}
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "XSOCK_LOG: unknown level \"%.*s\" (off, error, "
			    "warning, info or debug, then :FILE, :syslog or "
			    ":journal; +pairs may be in between)",
			    (int)(len < 40 ? len : 40), name);
}

/* Takes "+pairs" off the end of the level.  Returns the length of what is left.
 */
static size_t take_pairs(struct xs_log *log, const char *name, size_t len)
{
	const size_t behind = strlen(PAIRS);

	log->pairs = len > behind &&
		     strncmp(name + len - behind, PAIRS, behind) == 0;
	return log->pairs ? len - behind : len;
}

static bool is_no_file(const char *dest)
{
	return strcmp(dest, SYSLOG) == 0 || strcmp(dest, JOURNAL) == 0;
}

int xs_log_parse(struct xs_log *log, const char *value, const char *cwd,
		 struct xs_error *err)
{
	const char *colon;
	size_t level_len;
	int len;

	log->level = XS_LOG_DEFAULT;
	log->pairs = false;
	log->dest[0] = '\0';
	if (!value || !*value)
		return 0;
	colon = strchrnul(value, ':');
	level_len = take_pairs(log, value, (size_t)(colon - value));
	if (parse_level(log, value, level_len, err) < 0)
		return -1;
	if (!*colon)
		return 0;
	colon++;
	if (!*colon)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "XSOCK_LOG: no file name behind \":\"");
	if (*colon == '/' || is_no_file(colon))
		len = snprintf(log->dest, sizeof(log->dest), "%s", colon);
	else if (cwd)
		len = snprintf(log->dest, sizeof(log->dest), "%s/%s", cwd,
			       colon);
	else
		len = -1;
	if (len < 0 || (size_t)len >= sizeof(log->dest)) {
		log->dest[0] = '\0';
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "XSOCK_LOG: the file name is too long, or "
				    "the working directory is unknown: give an "
				    "absolute one");
	}
	return 0;
}

enum xs_log_form xs_log_form(const char *dest, bool pairs)
{
	if (strcmp(dest, JOURNAL) == 0)
		return XS_LOG_FIELDS;
	return pairs ? XS_LOG_PAIRS : XS_LOG_SENTENCE;
}

static bool write_datagram(const struct sockaddr_un *to,
			   const struct iovec *parts, int count)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool done;

	if (fd < 0)
		return false;
	done = connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 &&
	       writev(fd, parts, count) >= 0;
	close(fd);
	return done;
}

/* The socket of syslog(3) itself: its own openlog() would change that of the
 * application. */
static bool write_syslog(enum xs_log_level level, const char *line, size_t len)
{
	const struct sockaddr_un to = { .sun_family = AF_UNIX,
					.sun_path = "/dev/log" };
	char head[16];
	const struct iovec parts[2] = {
		{ .iov_base = head,
		  .iov_len = (size_t)snprintf(head, sizeof(head), "<%d>",
					      LOG_DAEMON |
						      xs_log_priority(level)) },
		{ .iov_base = (char *)line, .iov_len = len - 1 },
	};

	return write_datagram(&to, parts, 2);
}

/* The journal's native protocol: a datagram of lines NAME=value
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).
 *
 * Not by libsystemd.  Its sd_journal_sendv(3) waits where the journal does not
 * read, on a socket that blocks, and one program's line would hold up a worker
 * of the relay with the connections of all others.  It would also bring five
 * compression and cryptography libraries into every program, and into the
 * process that has the keys.  What it does besides, handing on more than a
 * datagram holds, no line of ours needs. */
static bool write_journal(const char *fields, size_t len)
{
	const struct sockaddr_un to = { .sun_family = AF_UNIX,
					.sun_path =
						"/run/systemd/journal/socket" };
	const struct iovec all = { .iov_base = (char *)fields, .iov_len = len };

	return write_datagram(&to, &all, 1);
}

static bool write_file(const char *path, const char *line, size_t len)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK |
			      O_NOCTTY,
		      0600);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, line, len) >= 0;
	close(fd);
	return done;
}

/* A seccomp filter may have refused to tell by send(2). */
static bool is_socket(int fd)
{
	struct stat file;

	return fstat(fd, &file) < 0 || S_ISSOCK(file.st_mode);
}

/* A seccomp filter may forbid one of the two. */
static int poll_at_once(struct pollfd *ready)
{
	const struct timespec none = { .tv_sec = 0 };
	int got = poll(ready, 1, 0);

	return got < 0 ? ppoll(ready, 1, &none, NULL) : got;
}

/* The descriptor may be shared and blocking.  A pipe that poll(2) calls
 * writable takes PIPE_BUF bytes at once (pipe(7)); a line is shorter.  One
 * without a reader (POLLERR) would kill us by SIGPIPE. */
static enum xs_log_result write_descriptor(int fd, const char *line, size_t len)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	ssize_t sent = send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0)
		return (size_t)sent == len ? XS_LOG_WRITTEN : XS_LOG_FULL;
	if (errno != ENOTSOCK && is_socket(fd))
		return errno == EAGAIN ? XS_LOG_FULL : XS_LOG_GONE;
	if (poll_at_once(&ready) != 1)
		return XS_LOG_FULL;
	if (ready.revents != POLLOUT)
		return XS_LOG_GONE;
	sent = write(fd, line, len);
	if (sent >= 0)
		return (size_t)sent == len ? XS_LOG_WRITTEN : XS_LOG_FULL;
	return errno == EAGAIN ? XS_LOG_FULL : XS_LOG_GONE;
}

/* The journal is not there. */
__attribute__((noinline)) static enum xs_log_result
write_elsewhere(int fd, enum xs_log_level level, const char *fields)
{
	char line[XS_LOG_LINE_MAX];

	return xs_log_write(SYSLOG, fd, level, line,
			    xs_log_message(line, fields));
}

enum xs_log_result xs_log_write(const char *dest, int fd,
				enum xs_log_level level, const char *line,
				size_t len)
{
	enum xs_log_result result = XS_LOG_GONE;
	int saved = errno;
	bool done = false;

	if (strcmp(dest, JOURNAL) == 0) {
		result = write_journal(line, len)
				 ? XS_LOG_WRITTEN
				 : write_elsewhere(fd, level, line);
		errno = saved;
		return result;
	}
	if (strcmp(dest, SYSLOG) == 0)
		done = write_syslog(level, line, len);
	else if (*dest)
		done = write_file(dest, line, len);
	/* Standard error is closed, another file by now, or /dev/null. */
	if (!done && fd < 0)
		done = write_syslog(level, line, len);
	if (done)
		result = XS_LOG_WRITTEN;
	else if (fd >= 0)
		result = write_descriptor(fd, line, len);
	errno = saved;
	return result;
}
