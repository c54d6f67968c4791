/* NNTP (RFC 4642): greeting, CAPABILITIES, STARTTLS.
 *
 *   state      server says            we say
 *   GREETING   200, 201               CAPABILITIES
 *   OFFER      101 … STARTTLS … .     STARTTLS
 *              101 … MODE-READER … .  MODE READER (RFC 3977, 5.3)
 *              500, 502 …             STARTTLS: older than CAPABILITIES
 *   MODE       200, 201               CAPABILITIES, once more
 *   GO         382                    (TLS)
 *
 * The application gets the greeting once TLS stands.
 */
#include "protocol.h"
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GREETING, OFFER, LIST, MODE, GO };

enum {
	REPLY_MAX = 512, /* RFC 3977, 3.1 */
};

struct nntp {
	char greeting[REPLY_MAX];
	bool offered;	/* STARTTLS */
	bool switches;	/* MODE-READER */
	bool is_reader; /* MODE READER has been said */
};

static enum xs_dialogue_result begin(struct xs_dialogue *dialogue,
				     struct xs_error *err)
{
	(void)err;
	dialogue->own = calloc(1, sizeof(struct nntp));
	dialogue->no_memory |= !dialogue->own;
	return XS_DIALOGUE_MORE;
}

static void forget(struct xs_dialogue *dialogue)
{
	free(dialogue->own);
}

static enum xs_dialogue_result say(struct xs_dialogue *dialogue,
				   const char *line, int state)
{
	xs_dialogue_send_line(dialogue, line);
	dialogue->asked |= state == GO;
	dialogue->state = state;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result greet(struct xs_dialogue *dialogue,
				     const struct xs_reply *reply,
				     const char *line, struct xs_error *err)
{
	struct nntp *nntp = dialogue->own;

	if (reply->code != 200 && reply->code != 201)
		return xs_dialogue_broken(dialogue, err,
					  "the server greets with %s",
					  xs_said(line, strlen(line)).text);
	if (!*nntp->greeting)
		snprintf(nntp->greeting, REPLY_MAX - 2, "%d %s", reply->code,
			 reply->text);
	return say(dialogue, "CAPABILITIES", OFFER);
}

/* The list is at its end. */
static enum xs_dialogue_result choose(struct xs_dialogue *dialogue,
				      struct xs_error *err)
{
	struct nntp *nntp = dialogue->own;

	if (nntp->offered)
		return say(dialogue, "STARTTLS", GO);
	if (!nntp->switches || nntp->is_reader)
		return xs_dialogue_missing(dialogue, err);
	nntp->is_reader = true;
	return say(dialogue, "MODE READER", MODE);
}

static enum xs_dialogue_result list(struct xs_dialogue *dialogue,
				    const char *line, struct xs_error *err)
{
	struct nntp *nntp = dialogue->own;

	if (strcmp(line, ".") == 0)
		return choose(dialogue, err);
	nntp->offered |= xs_reply_word(line, "STARTTLS");
	nntp->switches |= xs_reply_word(line, "MODE-READER");
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result offer(struct xs_dialogue *dialogue,
				     const struct xs_reply *reply,
				     const char *line, struct xs_error *err)
{
	if (reply->code == 101)
		dialogue->state = LIST;
	else if (reply->code == 500)
		return say(dialogue, "STARTTLS", GO);
	else
		return xs_dialogue_refused(dialogue, line, err);
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	struct xs_reply reply;

	if (dialogue->state == LIST)
		return list(dialogue, unit.text, err);
	if (!xs_reply_read(unit.text, &reply) || !reply.last)
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	switch (dialogue->state) {
	case GREETING:
	case MODE:
		return greet(dialogue, &reply, unit.text, err);
	case OFFER:
		return offer(dialogue, &reply, unit.text, err);
	default:
		if (reply.code != 382)
			return xs_dialogue_refused(dialogue, unit.text, err);
		return XS_DIALOGUE_TLS;
	}
}

static enum xs_dialogue_result secured(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	const struct nntp *nntp = dialogue->own;

	(void)err;
	xs_dialogue_replay_line(dialogue, nntp->greeting);
	return XS_DIALOGUE_PASS;
}

const struct xs_protocol xs_protocol_nntp = {
	.name = "nntp",
	.title = "NNTP",
	.asks = "STARTTLS",
	.begin = begin,
	.server = server,
	.secured = secured,
	.end = forget,
};
