/* How servers answer, for starttls:// in protocols of lines: one function per
 * kind of answer, and what a line means to the first command that has no
 * answer yet (text->expected[0]; text->count is 0 where there is none). */
#include "relay/starttls/watch_text.h"

#include "relay/starttls/imap.h"
#include "relay/starttls/irc.h"
#include "relay/starttls/reply.h"
#include "relay/starttls/sieve.h"

#include <string.h>

static bool expects_list(const struct xs_watch_text *text)
{
	return text->count && text->expected[0].verb &&
	       text->expected[0].verb->form == XS_FORM_LIST;
}

static bool expects_end(const struct xs_watch_text *text)
{
	return text->count && text->expected[0].verb &&
	       text->expected[0].verb->ends;
}

static bool watch_agrees(const struct xs_watch_text *text, int code)
{
	for (const int *go = text->dialect->go; *go; go++)
		if (*go == code)
			return true;
	return false;
}

/* In the middle of lines up to ".". */
static enum xs_watch_line watch_read_list(struct xs_watch_text *text,
					  const char *line)
{
	if (strcmp(line, ".") != 0)
		return XS_LINE_MORE;
	text->list = false;
	return XS_LINE_YES;
}

/* SMTP, LMTP, FTP.  All lines of a reply have one code (RFC 5321, 4.2.1); in
 * FTP those in the middle need none (RFC 959, 4.2), and who greets with 220
 * may be either. */
enum xs_watch_line xs_watch_read_reply(struct xs_watch_text *text,
				       struct xs_unit unit)
{
	bool greeting = text->count && !text->expected[0].verb;
	struct xs_reply reply;

	if (!xs_reply_read(unit.text, &reply))
		return text->code && (text->dialect->loose || greeting)
			       ? XS_LINE_MORE
			       : XS_LINE_WRONG;
	if (text->code && reply.code != text->code)
		return XS_LINE_WRONG;
	text->code = reply.last ? 0 : reply.code;
	if (!reply.last || reply.code < 200)
		return text->count ? XS_LINE_MORE : XS_LINE_WRONG;
	if (reply.code == 421 && !text->count)
		return XS_LINE_BYE;
	return watch_agrees(text, reply.code) ? XS_LINE_YES : XS_LINE_NO;
}

/* NNTP: one line, and for some commands a list behind it. */
enum xs_watch_line xs_watch_read_news(struct xs_watch_text *text,
				      struct xs_unit unit)
{
	struct xs_reply reply;

	if (text->list)
		return watch_read_list(text, unit.text);
	if (!xs_reply_read(unit.text, &reply) || !reply.last)
		return XS_LINE_WRONG;
	if (reply.code == 400 && !text->count)
		return XS_LINE_BYE;
	if (expects_list(text) && reply.code < 300) {
		text->list = true;
		return XS_LINE_MORE;
	}
	return watch_agrees(text, reply.code) ? XS_LINE_YES : XS_LINE_NO;
}

enum xs_watch_line xs_watch_read_mailbox(struct xs_watch_text *text,
					 struct xs_unit unit)
{
	if (text->list)
		return watch_read_list(text, unit.text);
	if (xs_reply_word(unit.text, "-ERR"))
		return text->count ? XS_LINE_NO : XS_LINE_BYE;
	if (!xs_reply_word(unit.text, "+OK"))
		return XS_LINE_WRONG;
	if (!expects_list(text))
		return XS_LINE_YES;
	text->list = true;
	return XS_LINE_MORE;
}

enum xs_watch_line xs_watch_read_response(struct xs_watch_text *text,
					  struct xs_unit unit)
{
	bool is;

	switch (xs_sieve_read(unit, "", &is)) {
	case XS_SIEVE_CAPABILITY:
		/* Not where only OK, NO or BYE is due. */
		return !text->count || (text->expected[0].verb &&
					text->expected[0].verb->asks)
			       ? XS_LINE_WRONG
			       : XS_LINE_MORE;
	case XS_SIEVE_OK:
		return XS_LINE_YES;
	case XS_SIEVE_NO:
		return XS_LINE_NO;
	case XS_SIEVE_BYE:
		return XS_LINE_BYE;
	case XS_SIEVE_WRONG:
		break;
	}
	return XS_LINE_WRONG;
}

static enum xs_watch_line watch_read_answer(const struct xs_watch_text *text,
					    const struct xs_imap *line)
{
	const struct xs_watch_expected *first = &text->expected[0];

	if (!text->count || !first->verb ||
	    line->tag_len != strlen(first->tag) ||
	    strncmp(line->tag, first->tag, line->tag_len) != 0)
		return XS_LINE_WRONG;
	return line->ok ? XS_LINE_YES : XS_LINE_NO;
}

enum xs_watch_line xs_watch_read_tagged(struct xs_watch_text *text,
					struct xs_unit unit)
{
	bool greeting = text->count && !text->expected[0].verb;
	struct xs_imap line;

	xs_imap_read(unit.text, &line);
	switch (line.kind) {
	case XS_IMAP_OK:
		return greeting ? XS_LINE_YES : XS_LINE_ASIDE;
	case XS_IMAP_CAPABILITY:
		return greeting ? XS_LINE_WRONG : XS_LINE_ASIDE;
	case XS_IMAP_BYE:
		return expects_end(text) ? XS_LINE_ASIDE : XS_LINE_BYE;
	case XS_IMAP_PREAUTH:
		return greeting ? XS_LINE_LOGGED_IN : XS_LINE_WRONG;
	case XS_IMAP_TAGGED:
		return watch_read_answer(text, &line);
	case XS_IMAP_WRONG:
		break;
	}
	return XS_LINE_WRONG;
}

/* A server says what it likes when it likes; only the answer to STARTTLS
 * counts. */
enum xs_watch_line xs_watch_read_message(struct xs_watch_text *text,
					 struct xs_unit unit)
{
	struct xs_irc irc;

	if (!xs_irc_read(unit.text, &irc))
		return XS_LINE_WRONG;
	switch (xs_irc_answer(&irc)) {
	case XS_IRC_GO:
		return XS_LINE_YES;
	case XS_IRC_REFUSED:
		return text->count ? XS_LINE_NO : XS_LINE_ASIDE;
	case XS_IRC_WRONG:
		return XS_LINE_LOGGED_IN;
	case XS_IRC_ASIDE:
		break;
	}
	return XS_LINE_ASIDE;
}
