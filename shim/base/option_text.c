/* The canonical text of options, and the text that may be shown; see
 * option.h.
 *
 * The canonical text is made for the relay and for comparing: complete, with
 * a passphrase in it.  It is never shown to anybody.
 */
#include "base/option_private.h"

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
	case XS_OPTION_CHOICE: /* the first is the default */
		put_encoded(to, strchr(row->value, '|') + 1);
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
	case XS_OPTION_HOST:
	case XS_OPTION_FILE:
	case XS_OPTION_DIR:
	case XS_OPTION_STORE:
	case XS_OPTION_OUTPUT:
	case XS_OPTION_IDENTITY:
	case XS_OPTION_WORDS:
	case XS_OPTION_CIPHERS:
	case XS_OPTION_ALPN:
	case XS_OPTION_DIGEST:
		put_encoded(to, *(const char *const *)from);
		break;
	}
}

/* A string that was not given is NULL, and so by default are all. */
static bool is_default(const struct xs_options *options,
		       const struct xs_option *row)
{
	struct xs_options defaults;

	xs_options_default(&defaults);
	return memcmp(xs_option_field(options, row),
		      xs_option_field(&defaults, row),
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

#define CONCEALED "***"

/* Is the name of an option, or of an attribute of a pkcs11: URI, at this place?
 * Returns the first byte of its value, or NULL. */
static const char *secret_at(struct xs_span text, const char *at)
{
	static const char option[] = "passphrase=", attribute[] = "pin-value";
	size_t left = (size_t)(text.end - at);

	/* Without its "&" it is part of another thing, unless the text begins
	 * with it: a list of options may. */
	if (left >= sizeof(option) - 1 &&
	    memcmp(at, option, sizeof(option) - 1) == 0 &&
	    (at == text.start || at[-1] == '?' || at[-1] == '&'))
		return at + sizeof(option) - 1;
	if (left < sizeof(attribute) ||
	    memcmp(at, attribute, sizeof(attribute) - 1) != 0)
		return NULL;
	at += sizeof(attribute) - 1;
	if (*at == '=')
		return at + 1;
	return text.end - at >= 3 && strncasecmp(at, "%3d", 3) == 0 ? at + 3
								    : NULL;
}

char *xs_options_conceal(struct xs_span text, size_t max,
			 struct xs_arena *arena)
{
	struct printer to = { .text = xs_arena_take(arena, max + 1) };
	const char *at = text.start;

	if (!to.text)
		return NULL;
	while (at < text.end && to.len < max) {
		const char *secret = secret_at(text, at);

		if (!secret) {
			put(&to, at++, 1);
			continue;
		}
		while (at < secret && to.len < max)
			put(&to, at++, 1);
		for (const char *mark = CONCEALED; *mark && to.len < max;
		     mark++)
			put(&to, mark, 1);
		while (at < text.end && *at != '&')
			at++;
	}
	return to.text;
}
