/* Words of a person's text: compare them, show them, guess what was meant.
 *
 * ASCII only and blind to the locale, which belongs to the application: a
 * Turkish "I" or a decimal comma must not change what a rule means.  Text that
 * a user wrote goes into a message only through xs_quote, so that the message
 * stays one short printable line.
 *
 * Pure; no allocation; any thread, any signal context.
 */
#ifndef XS_TEXT_H
#define XS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of text: start[0] up to, without, end[0]. */
struct xs_span {
	const char *start;
	const char *end;
};

static inline size_t xs_span_len(struct xs_span span)
{
	return (size_t)(span.end - span.start);
}

static inline bool xs_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char xs_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool xs_is_alnum(char c)
{
	return xs_is_digit(c) || (xs_lower(c) >= 'a' && xs_lower(c) <= 'z');
}

/* What stands between items: blank, tab, newline and the like, NUL not. */
static inline bool xs_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The length of the control character there, which a terminal may obey: 1 of
 * ASCII, 2 of U+0080 to U+009F in UTF-8 (ECMA-48, 5.3); 0: it is none, or the
 * text's end. */
static inline size_t xs_control_len(const char *at)
{
	const unsigned char first = (unsigned char)at[0];
	const unsigned char second = first ? (unsigned char)at[1] : 0;

	if (first && (first < ' ' || first == 0x7f))
		return 1;
	return first == 0xc2 && second >= 0x80 && second < 0xa0 ? 2 : 0;
}

/* span without what xs_is_blank at both ends. */
struct xs_span xs_span_trimmed(struct xs_span span);

/* The first c in span, or NULL. */
const char *xs_span_find(struct xs_span span, char c);

/* True when span is word, ASCII case ignored. */
bool xs_span_is(struct xs_span span, const char *word);

/* True when word is somewhere in text, ASCII case ignored. */
bool xs_text_has(const char *text, const char *word);

/* True when span has at least one digit and nothing else. */
bool xs_span_is_number(struct xs_span span);

/* The number in span, which xs_span_is_number; max + 1 when it is above
 * max. */
unsigned long xs_span_number(struct xs_span span, unsigned long max);

/* What is behind the first "passphrase=" in span, ASCII case ignored, or
 * NULL. */
const char *xs_span_secret(struct xs_span span);

#define XS_QUOTE_MAX 64

/* "text" in its quotation marks, made for "%s": what is not printable ASCII
 * becomes \xHH, what is long is cut and ends with "...", and what is behind
 * "passphrase=" is "***". */
struct xs_quote {
	char text[XS_QUOTE_MAX];
};
struct xs_quote xs_quote(struct xs_span span);

/* The known word that is nearest to what somebody wrote.  Start with
 * { .written = span }, offer every known word, and put the .text of
 * xs_suggest_text behind the message. */
struct xs_suggest {
	struct xs_span written;
	const char *best; /* NULL: nothing is near */
	unsigned distance;
};
void xs_suggest_offer(struct xs_suggest *suggest, const char *word);

/* " (did you mean "tls"?)", or otherwise, where nothing is near. */
struct xs_quote xs_suggest_text(const struct xs_suggest *suggest,
				const char *otherwise);

#endif
