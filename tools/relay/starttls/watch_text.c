/* starttls:// in protocols of lines; see watch.c. */
#include "watch.h"

#include <string.h>

/* SMTP alone for now: replies are counted, so that the answer to STARTTLS is
 * not taken for that of a command before it. */
#include "reply.h"

#include <stdlib.h>
#include <strings.h>

struct text {
	int pending; /* replies that the server owes before STARTTLS's */
};

static struct text *own(struct xs_dialogue *dialogue)
{
	struct text *text = dialogue->own;

	if (text)
		return text;
	text = calloc(1, sizeof(*text));
	dialogue->own = text;
	dialogue->no_memory |= !text;
	if (text)
		text->pending = 1; /* the greeting */
	return text;
}

static void forget(struct xs_dialogue *dialogue)
{
	free(dialogue->own);
}

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	struct text *text = own(dialogue);
	struct xs_reply reply;

	if (!text)
		return XS_DIALOGUE_BROKEN;
	if (!xs_reply_read(unit.text, &reply))
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	if (!reply.last)
		return XS_DIALOGUE_MORE;
	if (text->pending) {
		text->pending--;
		return XS_DIALOGUE_MORE;
	}
	if (!dialogue->asked)
		return XS_DIALOGUE_MORE;
	if (reply.code == 220)
		return XS_DIALOGUE_AGREED;
	return xs_watch_refused(dialogue, unit.text, err);
}

static enum xs_dialogue_result app(struct xs_dialogue *dialogue,
				   struct xs_unit unit, struct xs_error *err)
{
	static const char *const harmless[] = { "EHLO", "HELO", "LHLO", "NOOP",
						"RSET", "QUIT", "HELP", NULL };
	struct text *text = own(dialogue);

	if (!text)
		return XS_DIALOGUE_BROKEN;
	if (xs_reply_word(unit.text, "STARTTLS")) {
		dialogue->asked = true;
		xs_dialogue_send(dialogue, unit.raw, unit.len);
		return XS_DIALOGUE_MORE;
	}
	for (const char *const *verb = harmless; *verb; verb++) {
		if (!xs_reply_word(unit.text, *verb))
			continue;
		text->pending++;
		xs_dialogue_send(dialogue, unit.raw, unit.len);
		return XS_DIALOGUE_MORE;
	}
	if (dialogue->setup.optional)
		xs_dialogue_send(dialogue, unit.raw, unit.len);
	return xs_watch_plaintext(
		dialogue, xs_said(unit.text, strcspn(unit.text, " ")).text,
		err);
}

const struct xs_protocol xs_watch_text = {
	.name = "",
	.title = "starttls://",
	.asks = "STARTTLS",
	.server = server,
	.app = app,
	.end = forget,
};
