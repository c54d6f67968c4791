/* starttls:// in protocols of lines; see watch.c for the rules, watch_verbs.c
 * for what may be said, watch_lines.c for how it is answered.
 *
 * Which protocol it is comes from the server's first line and the
 * application's first verb; either may be first.  Answers are kept in step
 * with commands, so that the answer to STARTTLS is not mistaken for that of a
 * command before it; and an answer that nobody waits for ends the connection,
 * because the application would take it for one to what it says behind TLS.
 */
#include "relay/starttls/watch_text.h"

#include "relay/starttls/imap.h"
#include "relay/starttls/reply.h"
#include "relay/starttls/sieve.h"

#include <stdio.h>
#include <string.h>

/* The state, in which the greeting is expected from the start. */
static struct xs_watch_text *watch_text_state(struct xs_dialogue *dialogue)
{
	struct xs_watch_text *text = dialogue->own;

	if (!text->begun)
		text->count = 1;
	text->begun = true;
	return text;
}

static void drop_first(struct xs_watch_text *text)
{
	text->count--;
	memmove(text->expected, text->expected + 1,
		text->count * sizeof(text->expected[0]));
}

static void watch_text_choose(struct xs_dialogue *dialogue,
			      const struct xs_watch_dialect *dialect)
{
	struct xs_watch_text *text = dialogue->own;

	if (dialect->no_answers && !text->dialect)
		drop_first(text);
	text->dialect = dialect;
	dialogue->protocol = &dialect->protocol; /* its own is the same */
}

/* --- the server ---------------------------------------------------------- */

static enum xs_dialogue_result watch_text_wrong(struct xs_dialogue *dialogue,
						struct xs_unit unit,
						struct xs_error *err)
{
	return xs_dialogue_broken(dialogue, err, "the server said %s",
				  xs_said(unit.text, strlen(unit.text)).text);
}

/* The first command has its answer. */
static enum xs_dialogue_result watch_text_answered(struct xs_dialogue *dialogue,
						   bool yes, const char *said,
						   struct xs_error *err)
{
	struct xs_watch_text *text = dialogue->own;
	const struct xs_watch_verb *verb = text->expected[0].verb;

	drop_first(text);
	if (!verb || !verb->asks)
		return XS_DIALOGUE_MORE;
	if (!yes && text->dialect->ways) {
		dialogue->asked = false;
		snprintf(text->refusal, sizeof(text->refusal), "%s", said);
		return XS_DIALOGUE_MORE;
	}
	return yes ? XS_DIALOGUE_AGREED : xs_watch_refused(dialogue, said, err);
}

static enum xs_dialogue_result
watch_text_logged_in(struct xs_dialogue *dialogue, struct xs_error *err)
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
	struct xs_watch_text *text = watch_text_state(dialogue);
	const struct xs_watch_dialect *dialect;
	enum xs_watch_line line;

	if (!text->dialect) {
		dialect = xs_watch_greeted(unit.text);
		if (!dialect)
			return watch_text_wrong(dialogue, unit, err);
		watch_text_choose(dialogue, dialect);
	}
	line = text->dialect->read(text, unit);
	if (line == XS_LINE_WRONG ||
	    ((line == XS_LINE_YES || line == XS_LINE_NO) && !text->count))
		return watch_text_wrong(dialogue, unit, err);
	if (line == XS_LINE_LOGGED_IN && !dialogue->setup.optional)
		return watch_text_logged_in(dialogue, err);
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	switch (line) {
	case XS_LINE_YES:
	case XS_LINE_NO:
		return watch_text_answered(dialogue, line == XS_LINE_YES,
					   unit.text, err);
	case XS_LINE_BYE:
		return xs_watch_refused(dialogue, unit.text, err);
	case XS_LINE_LOGGED_IN:
		return XS_DIALOGUE_PASS;
	case XS_LINE_WRONG: /* above */
	case XS_LINE_ASIDE:
	case XS_LINE_MORE:
		break;
	}
	return XS_DIALOGUE_MORE;
}

/* --- the application ---------------------------------------------------- */

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

static enum xs_dialogue_result
watch_text_plaintext(struct xs_dialogue *dialogue, struct xs_unit unit,
		     const char *said, struct xs_error *err)
{
	if (dialogue->setup.optional)
		xs_dialogue_send(dialogue, unit.raw, unit.len);
	return xs_watch_plaintext(dialogue, verb_said(said).text, err);
}

/* Remembers that the server owes an answer; false: too many. */
static bool watch_text_expect(struct xs_watch_text *text,
			      const struct xs_watch_verb *verb,
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
	struct xs_watch_text *text = watch_text_state(dialogue);
	const struct xs_watch_dialect *dialect;
	const struct xs_watch_verb *verb = NULL;
	const char *said = unit.text;

	dialect = dialect_of(text, said);
	if (dialect) {
		if (dialect != text->dialect)
			watch_text_choose(dialogue, dialect);
		verb = xs_watch_verb(dialect, said);
		if (dialect->tags)
			said = xs_reply_next(said);
	} else if (xs_reply_word(said, starttls.word)) {
		verb = &starttls;
	}
	if (*text->refusal && !dialogue->setup.optional &&
	    (!verb || verb->ends))
		return xs_dialogue_refused(dialogue, text->refusal, err);
	if (!verb || xs_imap_literal(unit.text))
		return watch_text_plaintext(dialogue, unit, said, err);
	if (!watch_text_expect(text, verb, unit.text))
		return xs_dialogue_broken(
			dialogue, err,
			"the application does not wait for answers");
	if (verb->asks) {
		text->refusal[0] = '\0';
		dialogue->asked = true;
		dialogue->asks = verb->asks;
	}
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_MORE;
}

/* Until it is known which protocol it is: lines, but for ManageSieve, which
 * may begin with a literal. */
static size_t watch_text_frame(struct xs_dialogue *dialogue, bool from_app,
			       const uint8_t *data, size_t size,
			       struct xs_error *err)
{
	if (!from_app && (*data == '"' || *data == '{'))
		return xs_sieve_frame(dialogue, from_app, data, size, err);
	return xs_dialogue_frame_line(data, size);
}

const struct xs_protocol xs_watch_text = {
	.name = "",
	.title = "starttls://",
	.asks = "STARTTLS",
	.frame = watch_text_frame,
	.lines = true,
	.server = xs_watch_text_server,
	.app = xs_watch_text_app,
	.own_size = sizeof(struct xs_watch_text),
};
