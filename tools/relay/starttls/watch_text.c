/* starttls:// in protocols of lines; see watch.c for the rules, watch_verbs.c
 * for what may be said, watch_lines.c for how it is answered.
 *
 * Which protocol it is comes from the server's first line and the
 * application's first verb; either may be first.  Answers are kept in step
 * with commands, so that the answer to STARTTLS is not mistaken for that of a
 * command before it; and an answer that nobody waits for ends the connection,
 * because the application would take it for one to what it says behind TLS.
 */
#include "watch_text.h"

#include "imap.h"
#include "reply.h"
#include "sieve.h"

#include <stdlib.h>
#include <string.h>

static struct xs_watch_text *own(struct xs_dialogue *dialogue)
{
	struct xs_watch_text *text = dialogue->own;

	if (text)
		return text;
	text = calloc(1, sizeof(*text));
	dialogue->own = text;
	dialogue->no_memory |= !text;
	if (text)
		text->count = 1; /* the greeting */
	return text;
}

void xs_watch_text_end(struct xs_dialogue *dialogue)
{
	free(dialogue->own);
	dialogue->own = NULL;
}

static void drop_first(struct xs_watch_text *text)
{
	text->count--;
	memmove(text->expected, text->expected + 1,
		text->count * sizeof(text->expected[0]));
}

static void choose(struct xs_dialogue *dialogue,
		   const struct xs_watch_dialect *dialect)
{
	struct xs_watch_text *text = dialogue->own;

	if (dialect->no_answers && !text->dialect)
		drop_first(text);
	text->dialect = dialect;
	dialogue->protocol = &dialect->protocol;
}

/* --- the server ---------------------------------------------------------- */

static enum xs_dialogue_result wrong(struct xs_dialogue *dialogue,
				     struct xs_unit unit, struct xs_error *err)
{
	return xs_dialogue_broken(dialogue, err, "the server said %s",
				  xs_said(unit.text, strlen(unit.text)).text);
}

/* The first command has its answer. */
static enum xs_dialogue_result answered(struct xs_dialogue *dialogue, bool yes,
					const char *said, struct xs_error *err)
{
	struct xs_watch_text *text = dialogue->own;
	const struct xs_watch_verb *verb = text->expected[0].verb;

	drop_first(text);
	if (!verb || !verb->asks)
		return XS_DIALOGUE_MORE;
	return yes ? XS_DIALOGUE_AGREED : xs_watch_refused(dialogue, said, err);
}

static enum xs_dialogue_result logged_in(struct xs_dialogue *dialogue,
					 struct xs_error *err)
{
	if (dialogue->setup.optional)
		return XS_DIALOGUE_PASS;
	return xs_dialogue_broken(
		dialogue, err,
		"the server has logged in already, so it cannot do STARTTLS "
		"any more (or somebody between says so)");
}

enum xs_dialogue_result xs_watch_text_server(struct xs_dialogue *dialogue,
					     struct xs_unit unit,
					     struct xs_error *err)
{
	struct xs_watch_text *text = own(dialogue);
	const struct xs_watch_dialect *dialect;
	enum xs_watch_line line;

	if (!text)
		return XS_DIALOGUE_BROKEN;
	if (!text->dialect) {
		dialect = xs_watch_greeted(unit.text);
		if (!dialect)
			return wrong(dialogue, unit, err);
		choose(dialogue, dialect);
	}
	line = text->dialect->read(text, unit);
	if (line == XS_LINE_WRONG ||
	    ((line == XS_LINE_YES || line == XS_LINE_NO) && !text->count))
		return wrong(dialogue, unit, err);
	if (line == XS_LINE_LOGGED_IN && !dialogue->setup.optional)
		return logged_in(dialogue, err);
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	switch (line) {
	case XS_LINE_YES:
	case XS_LINE_NO:
		return answered(dialogue, line == XS_LINE_YES, unit.text, err);
	case XS_LINE_BYE:
		return xs_watch_refused(dialogue, unit.text, err);
	case XS_LINE_LOGGED_IN:
		return XS_DIALOGUE_PASS;
	default:
		return XS_DIALOGUE_MORE;
	}
}

/* --- the application -------------------------------------------------------
 */

/* The protocol that this is said in; NULL: none.  Where the server has not
 * said anything yet, only some verbs tell. */
static const struct xs_watch_dialect *
dialect_of(const struct xs_watch_text *text, const char *said)
{
	const struct xs_watch_dialect *now = text->dialect;
	const struct xs_watch_verb *verb;

	if (now && xs_watch_verb(now, said))
		return now;
	for (const struct xs_watch_dialect *row = xs_watch_dialects; row->read;
	     row++) {
		verb = xs_watch_verb(row, said);
		if (now ? verb && row->read == now->read : verb && verb->opens)
			return row;
	}
	return now;
}

/* A verb as a message may show it, and nothing that could be a secret. */
static struct xs_said verb_said(const char *said)
{
	size_t len = strcspn(said, " ");

	for (size_t i = 0; i < len; i++)
		if ((said[i] < 'A' || said[i] > 'Z') &&
		    (said[i] < 'a' || said[i] > 'z'))
			len = 0;
	if (!len || len > 12)
		return (struct xs_said){ "something" };
	return xs_said(said, len);
}

static enum xs_dialogue_result plaintext(struct xs_dialogue *dialogue,
					 struct xs_unit unit, const char *said,
					 struct xs_error *err)
{
	if (dialogue->setup.optional)
		xs_dialogue_send(dialogue, unit.raw, unit.len);
	return xs_watch_plaintext(dialogue, verb_said(said).text, err);
}

/* Remembers that the server owes an answer; false: too many. */
static bool expect(struct xs_watch_text *text, const struct xs_watch_verb *verb,
		   const char *said)
{
	struct xs_watch_expected *new = &text->expected[text->count];
	size_t len = strcspn(said, " ");

	if (verb->form == XS_FORM_NONE)
		return true;
	if (text->count == XS_WATCH_MAX || len >= sizeof(new->tag))
		return false;
	new->verb = verb;
	memcpy(new->tag, said, len);
	new->tag[len] = '\0';
	text->count++;
	return true;
}

/* STARTTLS is the same word in many protocols: the server's first line is
 * yet to tell which one it is. */
static const struct xs_watch_verb starttls = { "STARTTLS", .asks = "STARTTLS" };

enum xs_dialogue_result xs_watch_text_app(struct xs_dialogue *dialogue,
					  struct xs_unit unit,
					  struct xs_error *err)
{
	struct xs_watch_text *text = own(dialogue);
	const struct xs_watch_dialect *dialect;
	const struct xs_watch_verb *verb = NULL;
	const char *said = unit.text;

	if (!text)
		return XS_DIALOGUE_BROKEN;
	dialect = dialect_of(text, said);
	if (dialect) {
		if (dialect != text->dialect)
			choose(dialogue, dialect);
		verb = xs_watch_verb(dialect, said);
		if (dialect->tags)
			said = xs_reply_next(said);
	} else if (xs_reply_word(said, starttls.word)) {
		verb = &starttls;
	}
	if (!verb || xs_imap_literal(unit.text))
		return plaintext(dialogue, unit, said, err);
	if (!expect(text, verb, unit.text))
		return xs_dialogue_broken(
			dialogue, err,
			"the application does not wait for answers");
	if (verb->asks) {
		dialogue->asked = true;
		dialogue->asks = verb->asks;
	}
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_MORE;
}

/* Until it is known which protocol it is: lines, but for ManageSieve, which
 * may begin with a literal. */
static size_t frame(struct xs_dialogue *dialogue, bool from_app,
		    const uint8_t *data, size_t size, struct xs_error *err)
{
	if (!from_app && (*data == '"' || *data == '{'))
		return xs_sieve_frame(dialogue, from_app, data, size, err);
	return xs_dialogue_frame_line(data, size);
}

const struct xs_protocol xs_watch_text = {
	.name = "",
	.title = "starttls://",
	.asks = "STARTTLS",
	.frame = frame,
	.lines = true,
	.server = xs_watch_text_server,
	.app = xs_watch_text_app,
	.end = xs_watch_text_end,
};
