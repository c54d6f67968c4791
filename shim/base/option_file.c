/* Options that name a file; see option_private.h.
 *
 * A file is opened only to see that it can be read: the library does not
 * parse certificates, the relay does, and looks at the file again for every
 * connection.  "file:/x" is /x; any other URI is for a provider of OpenSSL's
 * that only the relay can ask.
 */
#include "base/option_private.h"

#include "base/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file must be there and readable now. */
static int check_input(struct xs_parse *parse, const struct xs_setting *setting,
		       const char *path)
{
	bool dir = setting->row->type == XS_OPTION_DIR;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
				    (dir ? O_DIRECTORY : 0));
	const char *reason = NULL;
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		reason = strerrordesc_np(errno);
	else if (!dir && !S_ISREG(status.st_mode))
		reason = S_ISDIR(status.st_mode) ? "Is a directory"
						 : "Not a regular file";
	if (fd >= 0)
		close(fd);
	if (!reason)
		return 0;
	return xs_parse_fail(parse, setting->written.start,
			     "%s %s cannot be read: %s", setting->row->name,
			     xs_quote(setting->written).text, reason);
}

/* The file is replaced by renaming, so its folder must be writable. */
static int check_output(struct xs_parse *parse,
			const struct xs_setting *setting, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = xs_arena_copy(
		parse->arena, path, slash == path ? 1 : (size_t)(slash - path));
	const char *reason = NULL;
	struct stat status;

	if (!folder)
		return xs_parse_no_memory(parse);
	if (access(folder, W_OK | X_OK) < 0)
		reason = strerrordesc_np(errno);
	else if (slash[1] == '\0')
		reason = "Is a directory";
	else if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
		reason = S_ISDIR(status.st_mode) ? "Is a directory"
						 : "Not a regular file";
	if (!reason)
		return 0;
	return xs_parse_fail(parse, setting->written.start,
			     "%s %s cannot be written: %s", setting->row->name,
			     xs_quote(setting->written).text, reason);
}

const char *xs_option_path(struct xs_parse *parse,
			   const struct xs_setting *setting, const char *name)
{
	size_t head = setting->cwd ? strlen(setting->cwd) : 0;
	size_t len = strlen(name);
	char *path;

	if (name[0] == '/')
		return name;
	if (head == 0) {
		xs_option_bad_value(parse, setting,
				    "an absolute path (the working directory "
				    "is not known)");
		return NULL;
	}
	path = xs_arena_take(parse->arena, head + 1 + len + 1);
	if (!path) {
		xs_parse_no_memory(parse);
		return NULL;
	}
	memcpy(path, setting->cwd, head);
	path[head] = '/';
	/* The arena gives zeroes.
	 * NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(path + head + 1, name, len);
	return path;
}

/* "pkcs11:token=x": a scheme of RFC 3986, 3.1, with at least two letters. */
static bool is_uri(const char *value)
{
	const char *at = value;

	if (xs_is_digit(*at))
		return false;
	while (xs_is_alnum(*at) || (at > value && (*at == '+' || *at == '-')))
		at++;
	return *at == ':' && at - value >= 2;
}

/* The path in "file:/x", "file:///x" and "file:x" (RFC 8089). */
static const char *path_of_uri(const char *value)
{
	if (strncmp(value, "file:", 5) != 0)
		return value;
	value += 5;
	return strncmp(value, "///", 3) == 0 ? value + 2 : value;
}

int xs_option_set_file(struct xs_parse *parse, const struct xs_setting *setting,
		       const char **to)
{
	const char *value = setting->value;

	if (setting->row->type == XS_OPTION_STORE) {
		value = path_of_uri(value);
		if (value == setting->value && is_uri(value)) {
			*to = value;
			return 0;
		}
		if (!*value)
			return xs_option_bad_value(parse, setting, "a file");
	}
	*to = xs_option_path(parse, setting, value);
	if (!*to)
		return -1;
	/* To OpenSSL it would be a list of folders. */
	if (setting->row->type == XS_OPTION_DIR && strchr(*to, ':'))
		return xs_option_bad_value(parse, setting,
					   "one folder, without \":\"");
	if (!setting->check_files)
		return 0;
	return setting->row->type == XS_OPTION_OUTPUT
		       ? check_output(parse, setting, *to)
		       : check_input(parse, setting, *to);
}
