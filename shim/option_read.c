/* Reads "a=b&c=d" into the structure; see option.h.
 *
 * The table in option.c drives it: find the row, decode the value, and one
 * setter for each type.  Whatever is not understood is an error with its
 * place, never a guess.  Files are opened only to see that they can be read:
 * the library does not parse certificates.
 */
#include "option.h"

#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_MAX 86400

/* One "name=value" on its way into the structure. */
struct setting {
	const struct xs_option *row;
	struct xs_span written; /* the value as it stands in the text */
	const char *value;	/* the value decoded, in the arena */
	const char *cwd;
	bool check_files;
};

static int bad_value(struct xs_parse *parse, const struct setting *setting,
		     const char *takes)
{
	return xs_parse_fail(
		parse, setting->written.start, "option \"%s\" takes %s, not %s",
		setting->row->name, takes, xs_quote(setting->written).text);
}

static int hex_digit(char c)
{
	if (xs_is_digit(c))
		return c - '0';
	c = xs_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes "%2f" (RFC 3986, 2.1) into a string in the arena. */
static int decode(struct xs_parse *parse, struct setting *setting)
{
	char *to = xs_parse_copy(parse, setting->written);

	if (!to)
		return -1;
	setting->value = to;
	for (const char *at = setting->written.start; at < setting->written.end;
	     at++) {
		int high = -1, low = -1;

		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return xs_parse_fail(parse, at,
					     "a blank or control character in "
					     "a value is percent-encoded");
		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		if (setting->written.end - at > 2) {
			high = hex_digit(at[1]);
			low = hex_digit(at[2]);
		}
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return xs_parse_fail(parse, at,
					     "\"%%\" takes two hexadecimal "
					     "digits, not 00, behind it; "
					     "itself it is written %%25");
		*to++ = (char)(high << 4 | low);
		at += 2;
	}
	*to = '\0';
	return 0;
}

static int set_bool(struct xs_parse *parse, const struct setting *setting,
		    bool *to)
{
	static const char *const words[][2] = {
		{ "0", "1" },
		{ "no", "yes" },
		{ "off", "on" },
		{ "false", "true" },
	};
	struct xs_span value = { setting->value,
				 setting->value + strlen(setting->value) };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int truth = 0; truth < 2; truth++) {
			if (xs_span_is(value, words[i][truth])) {
				*to = truth;
				return 0;
			}
		}
	}
	return bad_value(parse, setting, "0 or 1 (no, yes, off, on, ...)");
}

/* "2.5": no strtod, whose decimal point is the locale's.  What is beyond
 * thousandths is cut off. */
static int set_seconds(struct xs_parse *parse, const struct setting *setting,
		       double *to)
{
	const char *end = setting->value + strlen(setting->value);
	const char *dot = strchr(setting->value, '.');
	struct xs_span whole = { setting->value, dot ? dot : end };
	struct xs_span part = { dot ? dot + 1 : end, end };
	unsigned long milli;

	if (!xs_span_is_number(whole) || (dot && !xs_span_is_number(part)))
		return bad_value(parse, setting, "seconds such as 10 or 2.5");
	milli = xs_span_number(whole, TIMEOUT_MAX) * 1000;
	for (unsigned long worth = 100; worth > 0 && part.start < part.end;
	     worth /= 10)
		milli += worth * (unsigned long)(*part.start++ - '0');
	if (milli == 0 || milli > TIMEOUT_MAX * 1000ul)
		return bad_value(parse, setting, "seconds from 0.001 to 86400");
	*to = (double)milli / 1000;
	return 0;
}

static int set_host(struct xs_parse *parse, const struct setting *setting,
		    const char **to)
{
	struct xs_span host = { setting->value,
				setting->value + strlen(setting->value) };
	struct xs_address address;
	char text[XS_ADDRESS_TEXT_MAX];

	if (xs_host_address(host, &address)) {
		xs_address_format_ip(&address, text, sizeof(text));
		*to = xs_arena_copy(parse->arena, text, strlen(text));
		return *to ? 0 : xs_parse_no_memory(parse);
	}
	if (xs_host_name(parse, host, false, to) < 0) {
		/* Found in the decoded value, shown where it is written. */
		parse->wrong = setting->written.start;
		return -1;
	}
	return 0;
}

/* The file must be there and readable now; its content is judged by the
 * relay. */
static int check_path(struct xs_parse *parse, const struct setting *setting,
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

static int set_path(struct xs_parse *parse, const struct setting *setting,
		    const char **to)
{
	size_t head = setting->cwd ? strlen(setting->cwd) : 0;
	size_t len = strlen(setting->value);
	char *path;

	if (setting->value[0] == '/') {
		*to = setting->value;
	} else if (head == 0) {
		return bad_value(parse, setting,
				 "an absolute path (the working directory is "
				 "not known)");
	} else {
		path = xs_arena_take(parse->arena, head + 1 + len + 1);
		if (!path)
			return xs_parse_no_memory(parse);
		memcpy(path, setting->cwd, head);
		path[head] = '/';
		memcpy(path + head + 1, setting->value, len);
		*to = path;
	}
	return setting->check_files ? check_path(parse, setting, *to) : 0;
}

static int set(struct xs_parse *parse, struct xs_options *options,
	       struct setting *setting)
{
	void *to = (char *)options + setting->row->offset;

	if (setting->written.start == setting->written.end)
		return xs_parse_fail(parse, setting->written.start,
				     "option \"%s\" has no value: %s=%s",
				     setting->row->name, setting->row->name,
				     setting->row->value);
	if (decode(parse, setting) < 0)
		return -1;
	switch (setting->row->type) {
	case XS_OPTION_BOOL:
		return set_bool(parse, setting, to);
	case XS_OPTION_SECONDS:
		return set_seconds(parse, setting, to);
	case XS_OPTION_HOST:
		return set_host(parse, setting, to);
	case XS_OPTION_FILE:
	case XS_OPTION_DIR:
		return set_path(parse, setting, to);
	}
	return -1;
}

static int unknown_option(struct xs_parse *parse, struct xs_span name)
{
	struct xs_suggest suggest = { .written = name };

	for (const struct xs_option *row = xs_option_table; row->name; row++)
		xs_suggest_offer(&suggest, row->name);
	return xs_parse_fail(
		parse, name.start, "unknown option %s%s", xs_quote(name).text,
		xs_suggest_text(&suggest, ": \"xsock check --help\" lists them")
			.text);
}

/* The row of that name if it can be used here, or NULL with the error set. */
static const struct xs_option *find_row(struct xs_parse *parse,
					struct xs_span name,
					const struct xs_scheme *scheme)
{
	const struct xs_option *row = xs_option_table;

	while (row->name &&
	       (xs_span_len(name) != strlen(row->name) ||
		memcmp(name.start, row->name, strlen(row->name)) != 0))
		row++;
	if (!row->name)
		unknown_option(parse, name);
	else if (row->missing)
		xs_parse_fail(parse, name.start, "option \"%s\" %s", row->name,
			      row->missing);
	else if (scheme && !(row->kinds & (1u << scheme->kind)))
		xs_parse_fail(parse, name.start,
			      "option \"%s\" does not belong to \"%s\": it is "
			      "for %s",
			      row->name, scheme->name,
			      row->schemes ? row->schemes : "schemes with TLS");
	else
		return row;
	return NULL;
}

/* One piece between "&"; seen has a bit for every row that was there. */
static int read_piece(struct xs_parse *parse, struct xs_options *options,
		      const struct xs_scheme *scheme, struct xs_span piece,
		      struct setting *setting, uint64_t *seen)
{
	const char *equals = xs_span_find(piece, '=');
	struct xs_span name = { piece.start, equals ? equals : piece.end };
	uint64_t bit;

	setting->row = find_row(parse, name, scheme);
	if (!setting->row)
		return -1;
	bit = (uint64_t)1 << (setting->row - xs_option_table);
	if (*seen & bit)
		return xs_parse_fail(parse, name.start,
				     "option \"%s\" is there twice",
				     setting->row->name);
	*seen |= bit;
	setting->written.start = equals ? equals + 1 : piece.end;
	setting->written.end = piece.end;
	return set(parse, options, setting);
}

static int read_text(struct xs_parse *parse, struct xs_options *options,
		     const struct xs_scheme *scheme, struct xs_span text,
		     struct setting *setting)
{
	uint64_t seen = 0;

	while (text.start < text.end) {
		const char *amp = xs_span_find(text, '&');
		struct xs_span piece = { text.start, amp ? amp : text.end };

		if (piece.start < piece.end &&
		    read_piece(parse, options, scheme, piece, setting, &seen) <
			    0)
			return -1;
		text.start = amp ? amp + 1 : text.end;
	}
	return 0;
}

int xs_options_read(struct xs_parse *parse, struct xs_options *options,
		    const struct xs_scheme *scheme, struct xs_span text,
		    const char *cwd)
{
	struct setting setting = { .cwd = cwd, .check_files = true };

	return read_text(parse, options, scheme, text, &setting);
}

int xs_options_parse(struct xs_options *options, const char *text, size_t len,
		     const char *cwd, bool check_files, struct xs_arena *arena,
		     size_t *error_at, struct xs_error *err)
{
	struct xs_parse parse = { .arena = arena, .err = err, .wrong = text };
	struct setting setting = { .cwd = cwd, .check_files = check_files };
	struct xs_span span = { text, text + len };
	int result;

	/* A value that comes from a file often ends with a newline. */
	while (span.start < span.end && xs_is_blank(*span.start))
		span.start++;
	while (span.start < span.end && xs_is_blank(span.end[-1]))
		span.end--;
	result = read_text(&parse, options, NULL, span, &setting);
	*error_at = (size_t)(parse.wrong - text);
	return result;
}
