/* Protocols of lines behind TLS, until the application has logged in: SASL
 * mechanisms that bind to TLS are not offered (sasl.h).
 *
 * A line is known by how it begins.  One that lists mechanisms is held until it
 * is whole, and gets shorter.  A response with strings {n} in it is held, too,
 * to know where it ends, and passes.  Of other lines only the beginning waits,
 * as long as it may be that of a list.  The filter ends with the first line
 * that cannot come before a login, and with what is no line of the protocol. So
 * neither a message nor a literal nor what a SASL security layer or a
 * compression makes of them is ever looked into.  It ends, too, where a list is
 * longer than a line may be: nothing is taken out of that, and the worst of it
 * is a login that fails.
 */
#include "relay/starttls/sasl.h"

#include "relay/starttls/sieve.h"
#include "relay/starttls/table.h"

#include <string.h>
#include <strings.h>

enum kind {
	WAIT,	  /* more bytes tell */
	LINE,	  /* passes */
	LITERALS, /* passes, with the strings {n} in it (RFC 5804, 4) */
	LIST,	  /* lists mechanisms */
	END,	  /* of the filter */
};

/* How a line begins; the first row that fits is taken, and a line that fits
 * none is the end.  In it, "#" is a digit, "@" a letter, "~" an IMAP tag. */
struct beginning {
	const char *how;
	enum kind kind;
};

/* RFC 4954; "AUTH=" is of drafts before it.  235: logged in; 354: a mail
 * follows, so nobody will. */
static const struct beginning smtp_lines[] = {
	{ "235", END },	       { "354", END },	      { "250-AUTH ", LIST },
	{ "250 AUTH ", LIST }, { "250-AUTH=", LIST }, { "250 AUTH=", LIST },
	{ "###", LINE },       { NULL, END },
};

/* RFC 3501, 7.  Whoever has logged in gets other untagged lines. */
static const struct beginning imap_lines[] = {
	{ "* CAPABILITY ", LIST },
	{ "* OK [CAPABILITY ", LIST },
	{ "* OK ", LINE },
	{ "* NO ", LINE },
	{ "* BAD ", LINE },
	{ "* BYE ", LINE },
	{ "* ID ", LITERALS },
	{ "* ENABLED", LINE },
	{ "+", LINE },
	{ "~ OK [CAPABILITY ", LIST },
	{ "~ OK ", LINE },
	{ "~ NO ", LINE },
	{ "~ BAD ", LINE },
	{ NULL, END },
};

/* RFC 5034, 3: in the answer to CAPA.  No list has another line that begins
 * so, and a message comes only when it is asked for. */
static const struct beginning pop3_lines[] = {
	{ "SASL ", LIST }, { "+", LINE }, { "-", LINE },
	{ ".", LINE },	   { "@", LINE }, { NULL, END },
};
/* A command, or what answers "+" (RFC 5034, 4).  What begins otherwise is
 * of a SASL security layer: its packets may end as a command begins, and the
 * server waits for them. */
static const struct beginning pop3_commands[] = {
	{ "RETR ", END }, { "TOP ", END }, { "~", LINE },  { "+", LINE },
	{ "*", LINE },	  { "\r", LINE },  { "\n", LINE }, { NULL, END },
};

/* RFC 4643, 3.1: in the answer to CAPABILITIES, 101. */
static const struct beginning nntp_lines[] = {
	{ "SASL ", LIST }, { "101", LINE }, { "111", LINE }, { "200", LINE },
	{ "201", LINE },   { "205", LINE }, { "38#", LINE }, { "4##", LINE },
	{ "5##", LINE },   { ".", LINE },   { "@", LINE },   { NULL, END },
};

/* RFC 5804, 1.7. */
static const struct beginning sieve_lines[] = {
	{ "\"SASL\" \"", LIST }, { "\"", LITERALS },  { "OK", LITERALS },
	{ "NO", LITERALS },	 { "BYE", LITERALS }, { NULL, END },
};

/* What a protocol's lines are. */
struct grammar {
	const char *title; /* of the protocol */
	const struct xs_protocol *protocol;
	const struct beginning *lines;
	const struct beginning *commands; /* NULL: none matters */
	const char *word; /* stands before the name of a mechanism */
};

struct lines {
	const struct grammar *grammar;
	bool inside[2]; /* a LINE of the server's, of the application's */
};

/* --- how a line begins -------------------------------------------------- */

enum fit { FITS_NOT, FITS_SO_FAR, FITS };

static bool is_of_tag(uint8_t byte)
{
	return byte > ' ' && byte < 0x7f && !strchr("+*\"(){%\\", byte);
}

static bool fits_byte(char how, uint8_t byte)
{
	uint8_t letter = byte >= 'a' && byte <= 'z' ? byte - 0x20 : byte;

	if (how == '#')
		return byte >= '0' && byte <= '9';
	if (how == '@')
		return letter >= 'A' && letter <= 'Z';
	return letter == (uint8_t)how;
}

/* *len is the length of what fits. */
static enum fit fits(const char *how, const uint8_t *data, size_t size,
		     size_t *len)
{
	size_t at = 0, tag;

	for (; *how && at < size; how++) {
		if (*how != '~') {
			if (!fits_byte(*how, data[at++]))
				return FITS_NOT;
			continue;
		}
		for (tag = at; at < size && is_of_tag(data[at]); at++)
			;
		if (at == tag)
			return FITS_NOT;
	}
	*len = at;
	return *how ? FITS_SO_FAR : FITS;
}

static enum kind kind_of(const struct beginning *rows, const uint8_t *data,
			 size_t size, size_t *len)
{
	for (; rows->how; rows++) {
		switch (fits(rows->how, data, size, len)) {
		case FITS:
			return rows->kind;
		case FITS_SO_FAR:
			return WAIT;
		case FITS_NOT:
			break;
		}
	}
	return END;
}

/* --- units ------------------------------------------------------------- */

/* A unit: a whole LIST, a response with its LITERALS, or a piece of a LINE or
 * of what is not looked into. */
struct cut {
	enum kind kind;
	size_t len;  /* 0: more is needed */
	size_t head; /* LIST: what is before its first word */
};

static size_t piece(size_t size)
{
	return size < XS_LINE_MAX ? size : XS_LINE_MAX;
}

static size_t line_of(const uint8_t *data, size_t size)
{
	size_t len = xs_dialogue_frame_line(data, size);

	return len ? len : size;
}

/* What must be whole, and is not longer than a line may be. */
static struct cut cut_whole(struct xs_dialogue *dialogue, struct cut cut,
			    const uint8_t *data, size_t size)
{
	struct xs_error unused = { 0 };

	cut.len = cut.kind == LITERALS
			  ? xs_sieve_frame(dialogue, false, data, size, &unused)
		  : cut.kind == LIST ? xs_dialogue_frame_line(data, size)
				     : 0;
	if (cut.len > XS_LINE_MAX || (!cut.len && size >= XS_LINE_MAX))
		return (struct cut){ .kind = END, .len = piece(size) };
	return cut;
}

static struct cut lines_cut(struct xs_dialogue *dialogue, bool from_app,
			    const uint8_t *data, size_t size)
{
	const struct lines *lines = dialogue->own;
	const struct beginning *rows =
		from_app ? lines->grammar->commands : lines->grammar->lines;
	struct cut cut = { .kind = LINE };

	if (!rows)
		cut.len = piece(size);
	else if (!lines->inside[from_app])
		cut.kind = kind_of(rows, data, piece(size), &cut.head);
	switch (cut.kind) {
	case LINE:
		if (!cut.len)
			cut.len = piece(line_of(data, size));
		return cut;
	case END:
		cut.len = piece(size);
		return cut;
	case WAIT:
	case LITERALS:
	case LIST:
		break;
	}
	return cut_whole(dialogue, cut, data, size);
}

static size_t lines_frame(struct xs_dialogue *dialogue, bool from_app,
			  const uint8_t *data, size_t size,
			  struct xs_error *err)
{
	(void)err;
	return lines_cut(dialogue, from_app, data, size).len;
}

/* --- lists ------------------------------------------------------------- */

/* A word of a list, with the blanks before it. */
struct word {
	const uint8_t *blanks, *start, *end;
};

/* Takes the first word; a list ends with its line, or with "]" or a quote. */
static bool take_word(const uint8_t **at, const uint8_t *end, struct word *word)
{
	word->blanks = word->start = *at;
	while (word->start < end && *word->start == ' ')
		word->start++;
	word->end = word->start;
	/* A set.  NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	while (word->end < end && !memchr(" ]\"\r\n", *word->end, 5))
		word->end++;
	*at = word->end;
	return word->end > word->start;
}

/* Is it a mechanism?  Then *binds tells whether it binds to TLS. */
static bool is_mechanism(const struct lines *lines, const struct word *word,
			 bool *binds)
{
	size_t before = strlen(lines->grammar->word);
	size_t len = (size_t)(word->end - word->start);

	*binds = false;
	if (len <= before || strncasecmp((const char *)word->start,
					 lines->grammar->word, before) != 0)
		return false;
	*binds = xs_sasl_binds(word->start + before, len - before);
	return true;
}

/* The blanks before a word go with it, and those before the first that stays
 * with what was before it. */
static void lines_replay_list(struct xs_dialogue *dialogue, struct xs_unit unit,
			      size_t head)
{
	const uint8_t *at = unit.raw + head, *end = unit.raw + unit.len;
	bool kept = false, taken = false, left = false, binds;
	struct word word;

	xs_dialogue_replay(dialogue, unit.raw, head);
	while (take_word(&at, end, &word)) {
		bool is = is_mechanism(dialogue->own, &word, &binds);
		const uint8_t *start =
			taken && !kept ? word.start : word.blanks;

		taken |= binds;
		if (binds)
			continue;
		left |= is;
		kept = true;
		xs_dialogue_replay(dialogue, start, (size_t)(at - start));
	}
	xs_dialogue_replay(dialogue, word.blanks, (size_t)(end - word.blanks));
	if (taken && !left)
		xs_sasl_none_left(dialogue);
}

/* --- the dialogue ------------------------------------------------------ */

static enum xs_dialogue_result lines_server(struct xs_dialogue *dialogue,
					    struct xs_unit unit,
					    struct xs_error *err)
{
	struct lines *lines = dialogue->own;
	struct cut cut = lines_cut(dialogue, false, unit.raw, unit.len);

	(void)err;
	if (cut.kind == LIST)
		lines_replay_list(dialogue, unit, cut.head);
	else
		xs_dialogue_replay(dialogue, unit.raw, unit.len);
	lines->inside[false] =
		cut.kind == LINE && unit.raw[unit.len - 1] != '\n';
	return cut.kind == END ? XS_DIALOGUE_PASS : XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result lines_app(struct xs_dialogue *dialogue,
					 struct xs_unit unit,
					 struct xs_error *err)
{
	struct lines *lines = dialogue->own;
	struct cut cut = lines_cut(dialogue, true, unit.raw, unit.len);

	(void)err;
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	lines->inside[true] =
		cut.kind == LINE && unit.raw[unit.len - 1] != '\n';
	return cut.kind == END ? XS_DIALOGUE_PASS : XS_DIALOGUE_MORE;
}

#define PROTOCOL(protocol_name, protocol_title)                                \
	{                                                                      \
		.name = (protocol_name), .title = (protocol_title),            \
		.asks = "TLS", .begin = xs_dialogue_begin_with_tls,            \
		.frame = lines_frame, .passes_end = true,                      \
		.server = lines_server, .app = lines_app,                      \
		.secured = xs_sasl_filter, .own_size = sizeof(struct lines),   \
	}

const struct xs_protocol xs_protocol_smtp_tls = PROTOCOL("smtp+tls", "SMTP");
const struct xs_protocol xs_protocol_imap_tls = PROTOCOL("imap+tls", "IMAP");
const struct xs_protocol xs_protocol_pop3_tls = PROTOCOL("pop3+tls", "POP3");
const struct xs_protocol xs_protocol_nntp_tls = PROTOCOL("nntp+tls", "NNTP");
/* They have no port for TLS from the first byte. */
static const struct xs_protocol lmtp = PROTOCOL("", "LMTP");
static const struct xs_protocol sieve = PROTOCOL("", "ManageSieve");

static const struct grammar grammars[] = {
	{ "SMTP", &xs_protocol_smtp_tls, smtp_lines, NULL, "" },
	{ "LMTP", &lmtp, smtp_lines, NULL, "" },
	{ "IMAP", &xs_protocol_imap_tls, imap_lines, NULL, "AUTH=" },
	{ "POP3", &xs_protocol_pop3_tls, pop3_lines, pop3_commands, "" },
	{ "NNTP", &xs_protocol_nntp_tls, nntp_lines, NULL, "" },
	{ "ManageSieve", &sieve, sieve_lines, NULL, "" },
};

enum xs_dialogue_result xs_sasl_filter(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	const struct grammar *grammar = grammars;
	enum xs_dialogue_result result;

	(void)err;
	while (strcmp(grammar->title, dialogue->protocol->title) != 0)
		grammar++;
	result = xs_dialogue_listen_as(dialogue, grammar->protocol);
	if (result != XS_DIALOGUE_BROKEN)
		((struct lines *)dialogue->own)->grammar = grammar;
	return result;
}
