/* One key out of a file of pre-shared keys.
 *
 * Each line is IDENTITY:KEY, the key in hexadecimal digits, as psktool(1) of
 * GnuTLS writes it, and as stunnel and Mosquitto read it.  An identity that has
 * other characters in it is written "#", and then itself in hexadecimal digits,
 * by psktool.  What is no such line is passed over.  So are the keys of others,
 * whatever they look like.
 *
 * stunnel also takes a key that is not hexadecimal, as text.  It is refused
 * here: a digit that is missing would make another key of a hexadecimal one.
 *
 * Any thread but a worker, as for tls_file.c.
 */
#include "relay/tls/tls_psk.h"

#include "base/parse.h"
#include "relay/base/forget.h"

#include <errno.h>
#include <openssl/bio.h>
#include <string.h>

/* A key that is asked for, and where. */
struct search {
	const struct xs_options *options;
	struct xs_error *err;
	unsigned line;	 /* that is read */
	unsigned counts; /* lines that are about the identity */
};

static int fail(const struct search *search, const char *what)
{
	return xs_error_set(search->err, XS_ERR_RULES, 0,
			    "psk_file=%.200s cannot be used: line %u %s",
			    search->options->psk_file, search->line, what);
}

/* The next two digits of text as a byte; -1: there are no two. */
static int take_byte(struct xs_span *text)
{
	int high, low;

	if (xs_span_len(*text) < 2)
		return -1;
	high = OPENSSL_hexchar2int((unsigned char)text->start[0]);
	low = OPENSSL_hexchar2int((unsigned char)text->start[1]);
	if (high < 0 || low < 0)
		return -1;
	text->start += 2;
	return high << 4 | low;
}

static bool is_identity_in_hex(struct xs_span text, const char *identity)
{
	for (; *identity; identity++)
		if (take_byte(&text) != (unsigned char)*identity)
			return false;
	return text.start == text.end;
}

static bool is_identity(struct xs_span text, const char *identity)
{
	size_t len = xs_span_len(text);

	if (len && *text.start == '#') {
		text.start++;
		return is_identity_in_hex(text, identity);
	}
	return len == strlen(identity) &&
	       memcmp(text.start, identity, len) == 0;
}

static int read_key(const struct search *search, struct xs_span text,
		    struct xs_psk *psk)
{
	int byte;

	psk->len = 0;
	if (text.start == text.end)
		return fail(search, "has no key behind \":\"");
	while (text.start < text.end) {
		byte = take_byte(&text);
		if (byte < 0)
			return fail(search,
				    "has a key that is not of hexadecimal "
				    "digits, two for each byte (for a key that "
				    "is text, \"xxd -p\" makes them)");
		if (psk->len == sizeof(psk->key))
			return fail(search, "has a key of more than 512 bytes");
		psk->key[psk->len++] = (unsigned char)byte;
	}
	return 0;
}

static int read_line(struct search *search, struct xs_span line,
		     struct xs_psk *psk)
{
	const char *colon;

	search->line++;
	if (line.start < line.end && line.end[-1] == '\r')
		line.end--;
	colon = xs_span_find(line, ':');
	if (!colon || !is_identity((struct xs_span){ line.start, colon },
				   search->options->psk_identity))
		return 0;
	if (search->counts++)
		return fail(search, "has a second key of psk_identity");
	return read_key(search, (struct xs_span){ colon + 1, line.end }, psk);
}

static int read_lines(const struct xs_options *options, struct xs_span text,
		      struct xs_psk *psk, struct xs_error *err)
{
	struct search search = { .options = options, .err = err };

	while (text.start < text.end) {
		const char *newline = xs_span_find(text, '\n');
		struct xs_span line = { text.start,
					newline ? newline : text.end };

		if (read_line(&search, line, psk) < 0)
			return -1;
		text.start = newline ? newline + 1 : text.end;
	}
	if (search.counts)
		return 0;
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "psk_file=%.200s cannot be used: it has no key of "
			    "\"%.100s\" (its lines are IDENTITY:HEXKEY, and "
			    "psk_identity says whose key is meant)",
			    options->psk_file, psk->shown);
}

int xs_psk_file_read(const struct xs_options *options, struct xs_psk *psk,
		     struct xs_error *err)
{
	BIO *in = xs_tls_file_open(options->psk_file);
	char *text = NULL;
	long len;
	int result;

	if (!in)
		return xs_tls_file_fail(err, "no key", "psk_file",
					options->psk_file, errno);
	len = BIO_get_mem_data(in, &text);
	if (!text) /* a file without a byte */
		text = "";
	result = read_lines(options, (struct xs_span){ text, text + len }, psk,
			    err);
	if (len > 0)
		xs_forget(text, (size_t)len);
	BIO_free(in);
	return result;
}
