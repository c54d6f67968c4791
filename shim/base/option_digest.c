/* Fingerprints of certificates: reading, and taking apart; see option.h.
 *
 * PHP's spelling is hexadecimal digits whose number tells the digest; a word
 * in front says it ("sha256:"), and "pin-sha256:" is the digest of the public
 * key in base64, as RFC 7469 and curl have it.  The canonical form always has
 * the word, lower case and no colons between digits.
 */
#include "base/option_private.h"

#include <string.h>

static const struct {
	const char *word;
	size_t len;
} kinds[] = {
	[XS_FINGERPRINT_MD5] = { "md5:", 16 },
	[XS_FINGERPRINT_SHA1] = { "sha1:", 20 },
	[XS_FINGERPRINT_SHA256] = { "sha256:", 32 },
	[XS_FINGERPRINT_PIN] = { "pin-sha256:", 32 },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static int hex_digit(char c)
{
	if (xs_is_digit(c))
		return c - '0';
	c = xs_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "AB:CD…" or "abcd…".  Returns how many bytes, 0 when it is something
 * else. */
static size_t read_hex(struct xs_span text, unsigned char bytes[32])
{
	size_t len = 0;

	while (text.start < text.end && len < 32) {
		int high = hex_digit(*text.start);
		int low = text.end - text.start > 1 ? hex_digit(text.start[1])
						    : -1;

		if (high < 0 || low < 0)
			return 0;
		bytes[len++] = (unsigned char)(high << 4 | low);
		text.start += 2;
		if (text.start < text.end && *text.start == ':' &&
		    ++text.start == text.end)
			return 0;
	}
	return text.start == text.end ? len : 0;
}

static const char base64[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Exactly 32 bytes: 43 digits, of whose last two bits are nothing, and "=". */
static size_t read_base64(struct xs_span text, unsigned char bytes[32])
{
	unsigned int bits = 0, have = 0;
	size_t len = 0;

	if (xs_span_len(text) != 44 || text.end[-1] != '=')
		return 0;
	for (; text.start < text.end - 1; text.start++) {
		const char *digit =
			*text.start ? strchr(base64, *text.start) : NULL;

		if (!digit)
			return 0;
		bits = (bits << 6 | (unsigned int)(digit - base64)) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			bytes[len++] = (unsigned char)(bits >> have);
		}
	}
	return (bits & 3) == 0 ? len : 0;
}

/* One fingerprint; false when it is none. */
static bool read_one(struct xs_span text, struct xs_fingerprint *to)
{
	for (int i = 0; i < KINDS; i++) {
		size_t len = strlen(kinds[i].word);
		struct xs_span word = { text.start, text.start + len };

		if (xs_span_len(text) <= len ||
		    !xs_span_is(word, kinds[i].word))
			continue;
		to->kind = (enum xs_fingerprint_kind)i;
		text.start += len;
		to->len = i == XS_FINGERPRINT_PIN
				  ? read_base64(text, to->digest)
				  : read_hex(text, to->digest);
		return to->len == kinds[i].len;
	}
	to->len = read_hex(text, to->digest);
	for (int i = 0; i < XS_FINGERPRINT_PIN; i++) {
		if (to->len != kinds[i].len)
			continue;
		to->kind = (enum xs_fingerprint_kind)i;
		return true;
	}
	return false;
}

static size_t write_hex(char *to, const struct xs_fingerprint *fingerprint)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < fingerprint->len; i++) {
		*to++ = digits[fingerprint->digest[i] >> 4];
		*to++ = digits[fingerprint->digest[i] & 15];
	}
	return fingerprint->len * 2;
}

/* The canonical form of one.  to has room for XS_CANONICAL bytes. */
enum { CANONICAL_MAX = 80 };

static size_t write_one(char *to, const struct xs_fingerprint *fingerprint,
			struct xs_span text)
{
	size_t len = strlen(kinds[fingerprint->kind].word);

	memcpy(to, kinds[fingerprint->kind].word, len);
	if (fingerprint->kind != XS_FINGERPRINT_PIN)
		return len + write_hex(to + len, fingerprint);
	/* Base64 of whole bytes has one spelling. */
	memcpy(to + len, text.end - 44, 44);
	return len + 44;
}

int xs_option_set_digest(struct xs_parse *parse,
			 const struct xs_setting *setting, const char **to)
{
	struct xs_span rest = { setting->value,
				setting->value + strlen(setting->value) };
	struct xs_fingerprint fingerprint;
	size_t count = 1, used = 0;
	char *list;

	for (const char *at = rest.start; at < rest.end; at++)
		count += *at == ',';
	list = xs_arena_take(parse->arena, count * CANONICAL_MAX + 1);
	if (!list)
		return xs_parse_no_memory(parse);
	while (rest.start <= rest.end) {
		const char *comma = xs_span_find(rest, ',');
		struct xs_span one = { rest.start, comma ? comma : rest.end };

		if (!read_one(one, &fingerprint))
			return xs_option_bad_value(
				parse, setting,
				"md5, sha1 or sha256 in hexadecimal, or "
				"pin-sha256:BASE64, with \",\" between "
				"several");
		if (used)
			list[used++] = ',';
		used += write_one(list + used, &fingerprint, one);
		rest.start = one.end + 1;
	}
	*to = list;
	return 0;
}

bool xs_fingerprint_next(const char **list, struct xs_fingerprint *fingerprint)
{
	struct xs_span one = { *list, strchrnul(*list, ',') };

	if (one.start == one.end)
		return false;
	*list = *one.end ? one.end + 1 : one.end;
	return read_one(one, fingerprint);
}
