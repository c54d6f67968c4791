/* Lines for the user; see log.h. */
#include "log.h"

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

static const struct {
	const char *name;
	enum xs_log_level level;
} levels[] = {
	{ "off", XS_LOG_OFF },
	{ "error", XS_LOG_ERROR },
	{ "info", XS_LOG_INFO },
	{ "debug", XS_LOG_DEBUG },
};

static int parse_level(struct xs_log *log, const char *name, size_t len,
		       struct xs_error *err)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (strlen(levels[i].name) != len ||
		    strncmp(levels[i].name, name, len) != 0)
			continue;
		log->level = levels[i].level;
		return 0;
	}
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "XSOCK_LOG: unknown level \"%.*s\" (off, error, "
			    "info or debug, then :FILE or :syslog)",
			    (int)(len < 40 ? len : 40), name);
}

int xs_log_parse(struct xs_log *log, const char *value, const char *cwd,
		 struct xs_error *err)
{
	const char *colon;
	int len;

	log->level = XS_LOG_ERROR;
	log->dest[0] = '\0';
	if (!value || !*value)
		return 0;
	colon = strchrnul(value, ':');
	if (parse_level(log, value, (size_t)(colon - value), err) < 0)
		return -1;
	if (!*colon)
		return 0;
	colon++;
	if (!*colon)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "XSOCK_LOG: no file name behind \":\"");
	if (*colon == '/' || strcmp(colon, "syslog") == 0)
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

size_t xs_log_format(char line[XS_LOG_LINE_MAX],
		     const struct xs_log_subject *subject,
		     const char *sentence)
{
	char who[128] = "";
	size_t len;

	if (subject->program)
		snprintf(who, sizeof(who), "%.64s[%d]: ", subject->program,
			 subject->pid);
	snprintf(line, XS_LOG_LINE_MAX - 1, "xsock: %s%s%s%s%s%s", who,
		 subject->asked ? subject->asked : "",
		 subject->rule ? " by " : "",
		 subject->rule ? subject->rule : "",
		 subject->asked || subject->rule ? ": " : "", sentence);
	len = strlen(line);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	line[len] = '\0';
	return len;
}

/* The socket of syslog(3) itself: its own openlog() would change that of the
 * application. */
static bool write_syslog(enum xs_log_level level, const char *line, size_t len)
{
	const struct sockaddr_un to = { .sun_family = AF_UNIX,
					.sun_path = "/dev/log" };
	int priority = LOG_DAEMON |
		       (level == XS_LOG_ERROR ? LOG_ERR :
			level == XS_LOG_INFO  ? LOG_INFO :
						LOG_DEBUG);
	char head[16];
	struct iovec parts[2] = { { .iov_base = head },
				  { .iov_base = (char *)line,
				    .iov_len = len - 1 } };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool done;

	if (fd < 0)
		return false;
	parts[0].iov_len = (size_t)snprintf(head, sizeof(head), "<%d>",
					    priority);
	done = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
	       writev(fd, parts, 2) >= 0;
	close(fd);
	return done;
}

static bool write_file(const char *path, const char *line, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
			    O_NONBLOCK | O_NOCTTY, 0600);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, line, len) >= 0;
	close(fd);
	return done;
}

/* The descriptor may be shared and blocking.  A pipe that poll(2) calls
 * writable takes PIPE_BUF bytes at once (pipe(7)); a line is shorter.  One
 * without a reader (POLLERR) would kill us by SIGPIPE. */
static void write_descriptor(int fd, const char *line, size_t len)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	ssize_t lost;

	if (send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
	    errno != ENOTSOCK)
		return;
	if (poll(&ready, 1, 0) != 1 || ready.revents != POLLOUT)
		return;
	lost = write(fd, line, len);
	(void)lost;
}

void xs_log_write(const char *dest, int fd, enum xs_log_level level,
		  const char *line, size_t len)
{
	int saved = errno;

	bool done = false;

	if (strcmp(dest, "syslog") == 0)
		done = write_syslog(level, line, len);
	else if (*dest)
		done = write_file(dest, line, len);
	if (!done && fd >= 0)
		write_descriptor(fd, line, len);
	errno = saved;
}
