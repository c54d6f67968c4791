/* The text of a file of rules; see rule_file.h.
 *
 * Runs inside the application's connect(): system calls only, no stdio, no
 * descriptor that a child could inherit, no file that could block (a FIFO) or
 * never end (a device).
 */
#include "rules/rule_file.h"

#include "base/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_READ 4096

/* cwd "/" name, in scratch memory; NULL with the error set. */
static const char *make_path(struct xs_parse *parse, struct xs_span name,
			     const char *cwd)
{
	size_t len = xs_span_len(name);
	size_t head = *name.start == '/' ? 0 : cwd ? strlen(cwd) + 1 : 0;
	char *path;

	if (memchr(name.start, '\0', len)) {
		xs_parse_fail(parse, name.start, "%s is not a file name",
			      xs_quote(name).text);
		return NULL;
	}
	if (*name.start != '/' && !cwd) {
		xs_parse_fail(parse, name.start,
			      "%s is relative, and the working directory is "
			      "not known",
			      xs_quote(name).text);
		return NULL;
	}
	path = xs_arena_take(parse->scratch, head + len + 1);
	if (!path) {
		xs_parse_no_memory(parse);
		return NULL;
	}
	if (head > 0) {
		memcpy(path, cwd, head - 1);
		path[head - 1] = '/';
	}
	memcpy(path + head, name.start, len);
	return path;
}

/* Reads to the end, or one byte more than max.  The size that stat tells is a
 * hint: files in /proc have none.  Returns NULL, or what went wrong. */
static const char *read_all(struct xs_arena *arena, int fd, size_t hint,
			    size_t max, struct xs_span *text)
{
	size_t room = (hint < max ? hint : max) + 1, len = 0;
	char *buffer = NULL;

	if (room < FIRST_READ)
		room = FIRST_READ;
	for (;;) {
		char *bigger = xs_arena_take(arena, room);
		ssize_t got = 1;

		if (!bigger)
			return strerrordesc_np(ENOMEM);
		if (len > 0)
			memcpy(bigger, buffer, len);
		buffer = bigger;
		while (len < room && got > 0) {
			got = TEMP_FAILURE_RETRY(
				read(fd, buffer + len, room - len));
			if (got < 0)
				return strerrordesc_np(errno);
			len += (size_t)got;
		}
		*text = (struct xs_span){ buffer, buffer + len };
		if (got == 0 || len > max)
			return NULL;
		room *= 2;
	}
}

static const char *read_regular(struct xs_arena *arena, int fd, size_t max,
				struct xs_span *text)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return strerrordesc_np(errno);
	if (S_ISDIR(status.st_mode))
		return strerrordesc_np(EISDIR);
	if (!S_ISREG(status.st_mode))
		return "Not a regular file";
	return read_all(arena, fd, (size_t)status.st_size, max, text);
}

int xs_rule_file_read(struct xs_parse *parse, struct xs_span name,
		      const char *cwd, size_t max, struct xs_span *text)
{
	const char *path = make_path(parse, name, cwd);
	const char *reason;
	int fd;

	if (!path)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	reason = read_regular(parse->scratch, fd, max, text);
	if (fd >= 0)
		close(fd);
	if (reason)
		return xs_parse_fail(parse, name.start,
				     "file %s cannot be read: %s",
				     xs_quote(name).text, reason);
	if (xs_span_len(*text) > max)
		return xs_parse_fail(parse, name.start,
				     "file %s is too long: all files of rules "
				     "together have at most 16 MiB",
				     xs_quote(name).text);
	return 0;
}
