/* What the parts of the rules' reader share; see parse.h. */
#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int xs_parse_fail(struct xs_parse *parse, const char *at, const char *format,
		  ...)
{
	char text[XS_ERROR_TEXT_MAX];
	va_list args;

	if (xs_error_is_set(parse->err))
		return -1;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	parse->wrong = at;
	return xs_error_set(parse->err, XS_ERR_RULES, 0, "%s", text);
}

int xs_parse_fail_behind_secret(struct xs_parse *parse, const char *at,
				const char *what)
{
	return xs_parse_fail(
		parse, at,
		"something behind a passphrase is not %s (blanks, "
		"\";\" and \"&\" in a passphrase are written %%20, "
		"%%3b and %%26)",
		what);
}

int xs_parse_no_memory(struct xs_parse *parse)
{
	return xs_error_set(parse->err, XS_ERR_SYSTEM, ENOMEM,
			    "not enough memory to read the rules");
}

bool xs_parse_cut_scheme(struct xs_span *text, struct xs_span *scheme)
{
	const char *mark = memmem(text->start, xs_span_len(*text), "://", 3);

	if (!mark)
		return false;
	scheme->start = text->start;
	scheme->end = mark;
	text->start = mark + 3;
	return true;
}

/* The scheme of a protocol, its name with that behind it, or NULL. */
static const char *scheme_of(struct xs_span protocol, const char *behind)
{
	const struct xs_scheme *row;
	char name[64];

	if (xs_span_len(protocol) > sizeof(name))
		return NULL;
	snprintf(name, sizeof(name), "%.*s%s", (int)xs_span_len(protocol),
		 protocol.start, behind);
	row = xs_scheme_find(name);
	return row ? row->name : NULL;
}

/* What a URL would have: the service with TLS, or in plaintext at first. */
static const char *meant_by(struct xs_span scheme)
{
	static const char *const secure[] = {
		"https", "ircs", "mqtts", "rediss", "amqps",
	};
	struct xs_span protocol = { scheme.start, scheme.end - 1 };
	const char *at_once = NULL;

	for (size_t i = 0; i < sizeof(secure) / sizeof(secure[0]); i++)
		if (xs_span_is(scheme, secure[i]))
			return "tls";
	/* imaps, ftps */
	if (xs_span_len(scheme) > 1 && (scheme.end[-1] | 0x20) == 's')
		at_once = scheme_of(protocol, "+tls");
	return at_once ? at_once : scheme_of(scheme, "+starttls");
}

int xs_parse_unknown_scheme(struct xs_parse *parse, struct xs_span scheme)
{
	struct xs_suggest suggest = { .written = scheme,
				      .best = meant_by(scheme) };

	if (scheme.start == scheme.end)
		return xs_parse_fail(parse, scheme.start,
				     "no transport in front of \"://\"");
	for (const struct xs_scheme *row = xs_schemes; row->name; row++)
		xs_suggest_offer(&suggest, row->name);
	return xs_parse_fail(
		parse, scheme.start, "unknown transport %s%s",
		xs_quote(scheme).text,
		xs_suggest_text(&suggest, ": \"xsock check --help\" lists them")
			.text);
}

char *xs_parse_copy(struct xs_parse *parse, struct xs_span span)
{
	char *copy = xs_arena_copy(parse->arena, span.start, xs_span_len(span));

	if (!copy)
		xs_parse_no_memory(parse);
	return copy;
}
