/* Reads "a=b&c=d" into the structure; see option.h.
 *
 * The table in option.c drives it: find the row, decode the value, and hand it
 * to the setter of its type (option_value.c).  Whatever is not understood is
 * an error with its place, never a guess.
 */
#include "base/option_private.h"

#include <string.h>

static int hex_digit(char c)
{
	if (xs_is_digit(c))
		return c - '0';
	c = xs_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes "%2f" (RFC 3986, 2.1) into a string in the arena. */
static int decode(struct xs_parse *parse, struct xs_setting *setting)
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

static int set(struct xs_parse *parse, struct xs_options *options,
	       struct xs_setting *setting)
{
	void *to = (char *)options + setting->row->offset;

	if (setting->written.start == setting->written.end)
		return xs_parse_fail(parse, setting->written.start,
				     "option \"%s\" has no value: %s=%s",
				     setting->row->name, setting->row->name,
				     setting->row->value);
	if (decode(parse, setting) < 0)
		return -1;
	return xs_option_set(parse, setting, to);
}

static int unknown_option(struct xs_parse *parse, struct xs_span name,
			  const char *text)
{
	struct xs_suggest suggest = { .written = name };

	if (xs_span_secret((struct xs_span){ text, name.start }))
		return xs_parse_fail_behind_secret(parse, name.start,
						   "an option");
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
					const struct xs_scheme *scheme,
					const char *text)
{
	const struct xs_option *row = xs_option_table;

	while (row->name &&
	       (xs_span_len(name) != strlen(row->name) ||
		memcmp(name.start, row->name, strlen(row->name)) != 0))
		row++;
	if (!row->name)
		unknown_option(parse, name, text);
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
		      struct xs_setting *setting, uint64_t *seen)
{
	const char *equals = xs_span_find(piece, '=');
	struct xs_span name = { piece.start, equals ? equals : piece.end };
	uint64_t bit;

	setting->row = find_row(parse, name, scheme, setting->text);
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
		     struct xs_setting *setting)
{
	uint64_t seen = 0;

	setting->text = text.start;
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
	struct xs_setting setting = { .cwd = cwd, .check_files = true };

	return read_text(parse, options, scheme, text, &setting);
}

int xs_options_parse(struct xs_options *options, const char *text, size_t len,
		     const char *cwd, bool check_files, struct xs_arena *arena,
		     size_t *error_at, struct xs_error *err)
{
	struct xs_parse parse = { .arena = arena, .err = err, .wrong = text };
	struct xs_setting setting = { .cwd = cwd, .check_files = check_files };
	/* A value that comes from a file often ends with a newline. */
	struct xs_span span =
		xs_span_trimmed((struct xs_span){ text, text + len });
	int result;

	result = read_text(&parse, options, NULL, span, &setting);
	*error_at = (size_t)(parse.wrong - text);
	return result;
}
