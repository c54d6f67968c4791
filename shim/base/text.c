/* Words of a person's text; see text.h. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

struct xs_span xs_span_trimmed(struct xs_span span)
{
	while (span.start < span.end && xs_is_blank(*span.start))
		span.start++;
	while (span.start < span.end && xs_is_blank(span.end[-1]))
		span.end--;
	return span;
}

const char *xs_span_find(struct xs_span span, char c)
{
	return memchr(span.start, c, xs_span_len(span));
}

bool xs_span_is(struct xs_span span, const char *word)
{
	const char *at = span.start;

	while (at < span.end && *word && xs_lower(*at) == xs_lower(*word)) {
		at++;
		word++;
	}
	return at == span.end && !*word;
}

bool xs_text_has(const char *text, const char *word)
{
	const size_t len = strlen(word);

	for (const char *end = text + strlen(text);
	     end - text >= (ptrdiff_t)len; text++)
		if (xs_span_is((struct xs_span){ text, text + len }, word))
			return true;
	return false;
}

bool xs_span_is_number(struct xs_span span)
{
	for (const char *at = span.start; at < span.end; at++)
		if (!xs_is_digit(*at))
			return false;
	return span.start < span.end;
}

unsigned long xs_span_number(struct xs_span span, unsigned long max)
{
	unsigned long number = 0;

	for (const char *at = span.start; at < span.end; at++) {
		number = number * 10 + (unsigned long)(*at - '0');
		if (number > max)
			return max + 1;
	}
	return number;
}

const char *xs_span_secret(struct xs_span span)
{
	static const char name[] = "passphrase=";
	const size_t len = sizeof(name) - 1;

	for (; xs_span_len(span) >= len; span.start++)
		if (xs_span_is((struct xs_span){ span.start, span.start + len },
			       name))
			return span.start + len;
	return NULL;
}

struct xs_quote xs_quote(struct xs_span span)
{
	const char *secret = xs_span_secret(span);
	struct xs_quote quote;
	/* Room for the longest end: \xHH..." and NUL. */
	const size_t full = sizeof(quote.text) - 9;
	const char *at = span.start;
	size_t len = 0;

	if (secret)
		span.end = secret;
	quote.text[len++] = '"';
	for (; at < span.end && len < full; at++) {
		/* NULL is an empty span.
		 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		unsigned char c = (unsigned char)*at;

		if (c >= ' ' && c <= '~')
			quote.text[len++] = *at;
		else
			len += (size_t)snprintf(quote.text + len, 5, "\\x%02x",
						c);
	}
	snprintf(quote.text + len, sizeof(quote.text) - len, "%s\"",
		 at < span.end ? "..."
		 : secret      ? "***"
			       : "");
	return quote;
}

/* Longest word that is compared; the longest known one is shorter. */
#define WORD_MAX 32

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein distance in its "optimal string alignment" form: one for
 * a letter that is missing, extra or wrong, or two that changed places.  Both
 * have at most WORD_MAX letters. */
static unsigned distance(struct xs_span a, struct xs_span b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];
	size_t alen = xs_span_len(a), blen = xs_span_len(b);

	for (size_t j = 0; j <= blen; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *spare = before;
		char c = xs_lower(a.start[i - 1]);

		before = last;
		last = row;
		row = spare;
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			char d = xs_lower(b.start[j - 1]);

			row[j] = least(last[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], last[j - 1] + (c != d));
			if (i > 1 && j > 1 && c == xs_lower(b.start[j - 2]) &&
			    d == xs_lower(a.start[i - 2]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[blen];
}

void xs_suggest_offer(struct xs_suggest *suggest, const char *word)
{
	struct xs_span known = { word, word + strlen(word) };
	size_t len = xs_span_len(suggest->written);
	unsigned far, limit;

	if (len == 0 || len > WORD_MAX || xs_span_len(known) > WORD_MAX)
		return;
	/* Two slips in a short word make another word: "http" is not "tcp". */
	limit = least(2, (unsigned)(len + 1) / 3);
	far = distance(suggest->written, known);
	if (far > limit || (suggest->best && far >= suggest->distance))
		return;
	suggest->best = word;
	suggest->distance = far;
}

struct xs_quote xs_suggest_text(const struct xs_suggest *suggest,
				const char *otherwise)
{
	struct xs_quote text;

	if (suggest->best)
		snprintf(text.text, sizeof(text.text),
			 " (did you mean \"%s\"?)", suggest->best);
	else
		snprintf(text.text, sizeof(text.text), "%s", otherwise);
	return text;
}
