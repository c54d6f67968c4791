/* The passphrase of a key; see option_private.h.
 *
 * The forms are those of OpenSSL's tools (openssl-passphrase-options(1)), but
 * that a literal needs no "pass:" in front.  What the application's process
 * has (environment, descriptors, the working directory) is asked here, when
 * the rules are read: the relay has none of it and gets the secret itself.
 * From here it goes to memory only; no message shows the value of such an
 * option, not even one about a mistake in it.
 */
#include "base/option_private.h"

#include "base/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest secret, as OpenSSL's PEM_BUFSIZE. */
#define SECRET_MAX 1024

/* How long somebody who writes it into a pipe may take. */
#define SECRET_WAIT_MS 5000

static const char *(*environment)(const char *name);

void xs_options_environment(const char *(*lookup)(const char *name))
{
	environment = lookup;
}

static int fail(struct xs_parse *parse, const struct xs_setting *setting,
		const char *form, const char *reason)
{
	return xs_parse_fail(parse, setting->written.start,
			     "passphrase=%s cannot be used: %s", form, reason);
}

/* The first line of what was read. */
static int take_line(struct xs_parse *parse, const struct xs_setting *setting,
		     const char *form, const char *text, size_t len,
		     const char **to)
{
	struct xs_span line = { text, text + len };
	const char *newline = xs_span_find(line, '\n');

	if (newline)
		line.end = newline;
	if (line.end > line.start && line.end[-1] == '\r')
		line.end--;
	if (line.start == line.end)
		return fail(parse, setting, form, "there is nothing in it");
	if (xs_span_len(line) >= SECRET_MAX)
		return fail(parse, setting, form, "it is too long");
	if (xs_span_find(line, '\0'))
		return fail(parse, setting, form, "there is a NUL in it");
	*to = xs_parse_copy(parse, line);
	return *to ? 0 : -1;
}

/* A file is read from its start, so that a child finds it, too; a pipe gives
 * what it has once.  Returns the number of bytes, or -1 with errno. */
static ssize_t read_some(int fd, char *buffer, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t used = 0;
	ssize_t got = pread(fd, buffer, size, 0);

	if (got >= 0 || errno != ESPIPE)
		return got;
	while (used < size && !memchr(buffer, '\n', used)) {
		int can = poll(&ready, 1, SECRET_WAIT_MS);

		if (can == 0)
			errno = ETIMEDOUT;
		got = can > 0 ? read(fd, buffer + used, size - used) : -1;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

static int read_fd(struct xs_parse *parse, const struct xs_setting *setting,
		   const char *form, int fd, const char **to)
{
	char buffer[SECRET_MAX + 2];
	ssize_t len = read_some(fd, buffer, sizeof(buffer));
	int result;

	if (len < 0)
		return fail(parse, setting, form, strerrordesc_np(errno));
	result = take_line(parse, setting, form, buffer, (size_t)len, to);
	explicit_bzero(buffer, sizeof(buffer));
	return result;
}

static int from_file(struct xs_parse *parse, const struct xs_setting *setting,
		     const char *name, const char **to)
{
	const char *path = xs_option_path(parse, setting, name);
	struct stat status;
	int fd, result;

	if (!path)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(parse, setting, "file:", strerrordesc_np(errno));
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		result = fail(parse, setting, "file:", "Not a regular file");
	else
		result = read_fd(parse, setting, "file:", fd, to);
	close(fd);
	return result;
}

static int from_descriptor(struct xs_parse *parse,
			   const struct xs_setting *setting, const char *number,
			   const char **to)
{
	struct xs_span digits = { number, number + strlen(number) };
	unsigned long fd = 0;

	if (xs_span_is_number(digits))
		fd = xs_span_number(digits, 1 << 20);
	if (fd <= STDERR_FILENO || fd > 1 << 20)
		return fail(parse, setting, "fd:",
			    "it takes the number of a descriptor from 3 on");
	return read_fd(parse, setting, "fd:", (int)fd, to);
}

static int from_environment(struct xs_parse *parse,
			    const struct xs_setting *setting, const char *name,
			    const char **to)
{
	const char *value = environment ? environment(name) : NULL;

	if (!value)
		return fail(parse, setting,
			    "env:", "the environment has no such variable");
	return take_line(parse, setting, "env:", value, strlen(value), to);
}

static const char *behind(const char *value, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(value, prefix, len) == 0 ? value + len : NULL;
}

int xs_option_set_secret(struct xs_parse *parse,
			 const struct xs_setting *setting, const char **to)
{
	const char *value = setting->value, *rest;

	if ((rest = behind(value, "env:")))
		return from_environment(parse, setting, rest, to);
	if ((rest = behind(value, "file:")))
		return from_file(parse, setting, rest, to);
	if ((rest = behind(value, "fd:")))
		return from_descriptor(parse, setting, rest, to);
	rest = behind(value, XS_SECRET_LITERAL);
	*to = rest ? rest : value;
	if (strlen(*to) >= SECRET_MAX)
		return fail(parse, setting, "...", "it is too long");
	return 0;
}
