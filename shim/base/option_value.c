/* One setter for each type of option; see option_private.h.
 *
 * What only OpenSSL knows (names of ciphers and groups) is looked at as text
 * here: the library has no OpenSSL.  The relay judges the rest.
 */
#include "base/option_private.h"

#include "base/host.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_MAX 86400

/* A protocol's name in ALPN, and all of them together (RFC 7301, 3.1). */
#define ALPN_NAME_MAX 255
#define ALPN_LIST_MAX 65535

int xs_option_bad_value(struct xs_parse *parse,
			const struct xs_setting *setting, const char *takes)
{
	return xs_parse_fail(
		parse, setting->written.start, "option \"%s\" takes %s, not %s",
		setting->row->name, takes, xs_quote(setting->written).text);
}

static struct xs_span value_of(const struct xs_setting *setting)
{
	return (struct xs_span){ setting->value,
				 setting->value + strlen(setting->value) };
}

static int set_bool(struct xs_parse *parse, const struct xs_setting *setting,
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
	return xs_option_bad_value(parse, setting,
				   "0 or 1 (no, yes, off, on, ...)");
}

static int set_choice(struct xs_parse *parse, const struct xs_setting *setting,
		      bool *to)
{
	const char *bar = strchr(setting->row->value, '|');
	char first[32], takes[64];

	snprintf(first, sizeof(first), "%.*s", (int)(bar - setting->row->value),
		 setting->row->value);
	*to = xs_span_is(value_of(setting), bar + 1);
	if (*to || xs_span_is(value_of(setting), first))
		return 0;
	snprintf(takes, sizeof(takes), "%s or %s", first, bar + 1);
	return xs_option_bad_value(parse, setting, takes);
}

/* "2.5": no strtod, whose decimal point is the locale's.  What is beyond
 * thousandths is cut off. */
static int set_seconds(struct xs_parse *parse, const struct xs_setting *setting,
		       double *to)
{
	const char *end = setting->value + strlen(setting->value);
	const char *dot = strchr(setting->value, '.');
	struct xs_span whole = { setting->value, dot ? dot : end };
	struct xs_span part = { dot ? dot + 1 : end, end };
	unsigned long milli;

	if (!xs_span_is_number(whole) || (dot && !xs_span_is_number(part)))
		return xs_option_bad_value(parse, setting,
					   "seconds such as 10 or 2.5");
	milli = xs_span_number(whole, TIMEOUT_MAX) * 1000;
	for (unsigned long worth = 100; worth > 0 && part.start < part.end;
	     worth /= 10)
		milli += worth * (unsigned long)(*part.start++ - '0');
	if (milli == 0 || milli > TIMEOUT_MAX * 1000ul)
		return xs_option_bad_value(parse, setting,
					   "seconds from 0.001 to 86400");
	*to = (double)milli / 1000;
	return 0;
}

static int set_host(struct xs_parse *parse, const struct xs_setting *setting,
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

static int set_identity(struct xs_parse *parse,
			const struct xs_setting *setting, const char **to)
{
	if (strlen(setting->value) > XS_OPTION_IDENTITY_MAX)
		return xs_option_bad_value(parse, setting,
					   "a name of 1 to 256 bytes");
	*to = setting->value;
	return 0;
}

static int set_number(struct xs_parse *parse, const struct xs_setting *setting,
		      int *to)
{
	struct xs_span value = value_of(setting);
	unsigned long number;

	if (xs_span_is_number(value)) {
		number = xs_span_number(value, setting->row->most);
		if (number >= setting->row->least &&
		    number <= setting->row->most) {
			*to = (int)number;
			return 0;
		}
	}
	return xs_parse_fail(
		parse, setting->written.start,
		"option \"%s\" takes a number from %u to %u, not %s",
		setting->row->name, setting->row->least, setting->row->most,
		xs_quote(setting->written).text);
}

/* "1.2", "TLSv1.2", "tls1.2", "TLSv1_2"; and "TLSv1", which is 1.0. */
static int set_version(struct xs_parse *parse, const struct xs_setting *setting,
		       int *to)
{
	struct xs_span value = value_of(setting);
	bool word = xs_span_len(value) > 3 &&
		    xs_span_is((struct xs_span){ value.start, value.start + 3 },
			       "tls");

	if (word)
		value.start += xs_lower(value.start[3]) == 'v' ? 4 : 3;
	if (word && xs_span_is(value, "1")) {
		*to = 0x0301;
		return 0;
	}
	if (xs_span_len(value) == 3 && value.start[0] == '1' &&
	    (value.start[1] == '.' || value.start[1] == '_') &&
	    value.start[2] >= '0' && value.start[2] <= '3') {
		*to = 0x0301 + value.start[2] - '0';
		return 0;
	}
	return xs_option_bad_value(parse, setting,
				   "TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3");
}

/* "ECDHE+AESGCM:!aNULL", or with other separators: openssl-ciphers(1). */
static int set_ciphers(struct xs_parse *parse, const struct xs_setting *setting,
		       const char **to)
{
	struct xs_span rest = value_of(setting);
	bool names = false;

	for (; rest.start < rest.end; rest.start++) {
		if (xs_is_alnum(*rest.start))
			names = true;
		else if (!strchr("-_+!@=.:,; ", *rest.start))
			return xs_option_bad_value(
				parse, setting,
				"names of ciphers with \":\" between them");
	}
	if (!names)
		return xs_option_bad_value(
			parse, setting,
			"names of ciphers with \":\" between them");
	*to = setting->value;
	return 0;
}

/* Names of OpenSSL's, such as "X25519:P-256". */
static int set_words(struct xs_parse *parse, const struct xs_setting *setting,
		     const char **to)
{
	struct xs_span rest = value_of(setting);

	while (rest.start <= rest.end) {
		const char *colon = xs_span_find(rest, ':');
		const char *end = colon ? colon : rest.end;

		if (rest.start == end)
			return xs_option_bad_value(
				parse, setting,
				"names with one \":\" between them");
		for (; rest.start < end; rest.start++)
			if (!xs_is_alnum(*rest.start) &&
			    !strchr("-_+!@=./?*", *rest.start))
				return xs_option_bad_value(
					parse, setting,
					"names with \":\" between them");
		rest.start = end + 1;
	}
	*to = setting->value;
	return 0;
}

static int set_alpn(struct xs_parse *parse, const struct xs_setting *setting,
		    const char **to)
{
	struct xs_span rest = value_of(setting);

	if (xs_span_len(rest) + 1 > ALPN_LIST_MAX)
		return xs_option_bad_value(parse, setting, "a shorter list");
	while (rest.start <= rest.end) {
		const char *comma = xs_span_find(rest, ',');
		const char *end = comma ? comma : rest.end;

		if (rest.start == end || end - rest.start > ALPN_NAME_MAX)
			return xs_option_bad_value(
				parse, setting,
				"names of 1 to 255 bytes with \",\" between "
				"them, such as h2,http/1.1");
		rest.start = end + 1;
	}
	*to = setting->value;
	return 0;
}

int xs_option_set(struct xs_parse *parse, const struct xs_setting *setting,
		  void *to)
{
	switch (setting->row->type) {
	case XS_OPTION_BOOL:
		return set_bool(parse, setting, to);
	case XS_OPTION_CHOICE:
		return set_choice(parse, setting, to);
	case XS_OPTION_SECONDS:
		return set_seconds(parse, setting, to);
	case XS_OPTION_HOST:
		return set_host(parse, setting, to);
	case XS_OPTION_FILE:
	case XS_OPTION_DIR:
	case XS_OPTION_STORE:
	case XS_OPTION_OUTPUT:
		return xs_option_set_file(parse, setting, to);
	case XS_OPTION_SECRET:
		return xs_option_set_secret(parse, setting, to);
	case XS_OPTION_IDENTITY:
		return set_identity(parse, setting, to);
	case XS_OPTION_NUMBER:
		return set_number(parse, setting, to);
	case XS_OPTION_VERSION:
		return set_version(parse, setting, to);
	case XS_OPTION_CIPHERS:
		return set_ciphers(parse, setting, to);
	case XS_OPTION_WORDS:
		return set_words(parse, setting, to);
	case XS_OPTION_ALPN:
		return set_alpn(parse, setting, to);
	case XS_OPTION_DIGEST:
		return xs_option_set_digest(parse, setting, to);
	}
	return -1;
}
