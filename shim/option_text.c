/* The canonical text of options, and the text that may be shown; see
 * option.h.
 *
 * The canonical text is made for the relay and for comparing: complete, with
 * a passphrase in it.  It is never shown to anybody.
 */
#include "option_private.h"

#include <stdio.h>
#include <string.h>

/* Text that is measured first (text NULL) and written then. */
struct printer {
	char *text;
	size_t len;
};

static void put(struct printer *to, const char *text, size_t len)
{
	if (to->text)
		memcpy(to->text + to->len, text, len);
	to->len += len;
}

static void put_encoded(struct printer *to, const char *value)
{
	static const char digits[] = "0123456789abcdef";

	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		char code[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (xs_is_alnum(*value) || strchr("-._~/:,+@", *value))
			put(to, value, 1);
		else
			put(to, code, sizeof(code));
	}
}

/* "2.500" and "60.000" are 2.5 and 60. */
static void put_seconds(struct printer *to, double seconds)
{
	unsigned long milli = (unsigned long)(seconds * 1000 + 0.5);
	char text[32];

	snprintf(text, sizeof(text), "%lu.%03lu", milli / 1000, milli % 1000);
	for (size_t end = strlen(text) - 1; text[end] == '0'; end--)
		text[end] = '\0';
	if (text[strlen(text) - 1] == '.')
		text[strlen(text) - 1] = '\0';
	put(to, text, strlen(text));
}

static void put_number(struct printer *to, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	put(to, text, strlen(text));
}

static void put_value(struct printer *to, const struct xs_options *options,
		      const struct xs_option *row)
{
	const void *from = xs_option_field(options, row);

	switch (row->type) {
	case XS_OPTION_BOOL:
		put(to, *(const bool *)from ? "1" : "0", 1);
		break;
	case XS_OPTION_DEMAND: /* required is the default */
		put(to, "optional", 8);
		break;
	case XS_OPTION_SECONDS:
		put_seconds(to, *(const double *)from);
		break;
	case XS_OPTION_NUMBER:
		put_number(to, *(const int *)from);
		break;
	case XS_OPTION_VERSION: /* 0x0303 is 1.2 */
		put(to, "1.", 2);
		put_number(to, *(const int *)from - 0x0301);
		break;
	case XS_OPTION_SECRET:
		/* The relay takes it as it is, whatever it begins with. */
		put(to, XS_SECRET_LITERAL, strlen(XS_SECRET_LITERAL));
		put_encoded(to, *(const char *const *)from);
		break;
	default:
		put_encoded(to, *(const char *const *)from);
		break;
	}
}

/* A string that was not given is NULL, and so by default are all. */
static bool is_default(const struct xs_options *options,
		       const struct xs_option *row)
{
	struct xs_options fresh;

	xs_options_default(&fresh);
	return memcmp(xs_option_field(options, row),
		      xs_option_field(&fresh, row),
		      xs_option_size(row->type)) == 0;
}

static void put_options(struct printer *to, const struct xs_options *options)
{
	for (const struct xs_option *row = xs_option_table; row->name; row++) {
		if (row->missing || is_default(options, row))
			continue;
		if (to->len > 0)
			put(to, "&", 1);
		put(to, row->name, strlen(row->name));
		put(to, "=", 1);
		put_value(to, options, row);
	}
}

const char *xs_options_text(const struct xs_options *options,
			    struct xs_arena *arena)
{
	struct printer to = { .text = NULL };

	put_options(&to, options);
	to.text = xs_arena_take(arena, to.len + 1);
	if (!to.text)
		return NULL;
	to.len = 0;
	put_options(&to, options);
	return to.text;
}

#define PASSPHRASE "passphrase="
#define CONCEALED  "***"

static const char *find_passphrase(struct xs_span text)
{
	const size_t len = strlen(PASSPHRASE);
	const char *at = text.start;

	while (xs_span_len(text) >= len &&
	       (at = memmem(text.start, xs_span_len(text), PASSPHRASE, len))) {
		/* Without its "&" it is part of another thing. */
		text.start = at + len;
		if (at[-1] == '?' || at[-1] == '&')
			return text.start;
	}
	return NULL;
}

char *xs_options_conceal(struct xs_span text, size_t max,
			 struct xs_arena *arena)
{
	struct xs_span rest = { text.start + 1, text.end };
	struct printer to = { .text = xs_arena_take(arena, max + 1) };
	const char *secret = xs_span_len(text) ? find_passphrase(rest) : NULL;
	struct xs_span shown = { text.start, secret ? secret : text.end };

	if (!to.text)
		return NULL;
	while (shown.start < shown.end && to.len < max)
		put(&to, shown.start++, 1);
	if (!secret)
		return to.text;
	for (const char *at = CONCEALED; *at && to.len < max; at++)
		put(&to, at, 1);
	rest.start = secret;
	shown.start = xs_span_find(rest, '&');
	while (shown.start && shown.start < text.end && to.len < max)
		put(&to, shown.start++, 1);
	return to.text;
}
