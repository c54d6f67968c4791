/* NNTP (RFC 4642): greeting, CAPABILITIES, STARTTLS.
 *
 *   state      server says            we say
 *   GREETING   200, 201               CAPABILITIES
 *   OFFER      101 … STARTTLS … .     STARTTLS
 *              101 … MODE-READER … .  MODE READER (RFC 3977, 5.3)
 *              500 to 503             STARTTLS: older than CAPABILITIES, or
 *                                     does not tell them to everybody
 *   MODE       200, 201               CAPABILITIES, once more
 *   GO         382                    (TLS)
 *
 * The application gets the greeting once TLS stands.
 */
#include "relay/starttls/reply.h"
#include "relay/starttls/sasl.h"
#include "relay/starttls/table.h"

#include <stdio.h>
#include <string.h>

enum nntp_state { GREETING, OFFER, LIST, MODE, GO };

enum {
	REPLY_MAX = 512, /* RFC 3977, 3.1 */
};

struct nntp {
	char greeting[REPLY_MAX];
	bool offered;	/* STARTTLS */
	bool switches;	/* MODE-READER */
	bool is_reader; /* MODE READER has been said */
};

static enum xs_dialogue_result nntp_say(struct xs_dialogue *dialogue,
					const char *line, int state)
{
	xs_dialogue_send_line(dialogue, line);
	dialogue->asked |= state == GO;
	dialogue->state = state;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result nntp_greet(struct xs_dialogue *dialogue,
					  const struct xs_reply *reply,
					  const char *line,
					  struct xs_error *err)
{
	struct nntp *nntp = dialogue->own;

	if (reply->code != 200 && reply->code != 201)
		return xs_dialogue_broken(dialogue, err,
					  "the server greets with %s",
					  xs_said(line, strlen(line)).text);
	if (!*nntp->greeting)
		snprintf(nntp->greeting, REPLY_MAX - 2, "%d %s", reply->code,
			 reply->text);
	return nntp_say(dialogue, "CAPABILITIES", OFFER);
}

/* The list is at its end. */
static enum xs_dialogue_result nntp_choose(struct xs_dialogue *dialogue,
					   struct xs_error *err)
{
	struct nntp *nntp = dialogue->own;

	if (nntp->offered)
		return nntp_say(dialogue, "STARTTLS", GO);
	if (!nntp->switches || nntp->is_reader)
		return xs_dialogue_missing(dialogue, err);
	nntp->is_reader = true;
	return nntp_say(dialogue, "MODE READER", MODE);
}

static enum xs_dialogue_result nntp_list(struct xs_dialogue *dialogue,
					 const char *line, struct xs_error *err)
{
	struct nntp *nntp = dialogue->own;

	if (strcmp(line, ".") == 0)
		return nntp_choose(dialogue, err);
	nntp->offered |= xs_reply_word(line, "STARTTLS");
	nntp->switches |= xs_reply_word(line, "MODE-READER");
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result nntp_offer(struct xs_dialogue *dialogue,
					  const struct xs_reply *reply,
					  const char *line,
					  struct xs_error *err)
{
	if (reply->code == 101)
		dialogue->state = LIST;
	else if (reply->code >= 500 && reply->code <= 503)
		return nntp_say(dialogue, "STARTTLS", GO);
	else
		return xs_dialogue_refused(dialogue, line, err);
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result nntp_server(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	struct xs_reply reply;

	if (dialogue->state == LIST)
		return nntp_list(dialogue, unit.text, err);
	if (!xs_reply_read(unit.text, &reply) || !reply.last)
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	switch ((enum nntp_state)dialogue->state) {
	case GREETING:
	case MODE:
		return nntp_greet(dialogue, &reply, unit.text, err);
	case OFFER:
		return nntp_offer(dialogue, &reply, unit.text, err);
	case LIST: /* above */
	case GO:
		break;
	}
	if (reply.code != 382)
		return xs_dialogue_refused(dialogue, unit.text, err);
	return XS_DIALOGUE_TLS;
}

static enum xs_dialogue_result nntp_secured(struct xs_dialogue *dialogue,
					    struct xs_error *err)
{
	const struct nntp *nntp = dialogue->own;

	xs_dialogue_replay_line(dialogue, nntp->greeting);
	return xs_sasl_filter(dialogue, err);
}

const struct xs_protocol xs_protocol_nntp = {
	.name = "nntp",
	.title = "NNTP",
	.asks = "STARTTLS",
	.server = nntp_server,
	.secured = nntp_secured,
	.own_size = sizeof(struct nntp),
};
