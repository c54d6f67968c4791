/* SMTP and LMTP (RFC 3207, RFC 2033): greeting, EHLO or LHLO, STARTTLS.
 *
 *   state      server says          we say
 *   GREETING   220 …                EHLO
 *   OFFER      250-… STARTTLS       STARTTLS
 *   GO         220                  (TLS)
 *
 * The application gets the greeting's first line, which it waits for, once TLS
 * stands.  What EHLO showed is forgotten: the application asks again, and gets
 * an answer that nobody could change (RFC 3207, 4.2).
 */
#include "protocol.h"
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GREETING, OFFER, GO };

enum {
	REPLY_MAX = 512, /* RFC 5321, 4.5.3.1.5 */
};

struct smtp {
	int code;		  /* of the reply whose lines come, 0: none */
	char greeting[REPLY_MAX]; /* its first line, empty: none yet */
	bool offered;
};

static enum xs_dialogue_result begin(struct xs_dialogue *dialogue,
				     struct xs_error *err)
{
	(void)err;
	dialogue->own = calloc(1, sizeof(struct smtp));
	dialogue->no_memory |= !dialogue->own;
	return XS_DIALOGUE_MORE;
}

static void forget(struct xs_dialogue *dialogue)
{
	free(dialogue->own);
}

static enum xs_dialogue_result greet(struct xs_dialogue *dialogue,
				     const struct xs_reply *reply,
				     const char *line, struct xs_error *err)
{
	struct smtp *smtp = dialogue->own;

	if (reply->code != 220)
		return xs_dialogue_broken(dialogue, err,
					  "the server greets with %s",
					  xs_said(line, strlen(line)).text);
	if (!*smtp->greeting)
		snprintf(smtp->greeting, REPLY_MAX - 2, "220 %s", reply->text);
	if (!reply->last)
		return XS_DIALOGUE_MORE;
	/* An address literal is a proper name for everybody (RFC 5321,
	 * 4.1.3); the application says its own behind TLS. */
	xs_dialogue_send_line(dialogue, dialogue->protocol == &xs_protocol_lmtp
						? "LHLO [127.0.0.1]"
						: "EHLO [127.0.0.1]");
	dialogue->state = OFFER;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result judge_offer(struct xs_dialogue *dialogue,
					   const struct xs_reply *reply,
					   const char *line,
					   struct xs_error *err)
{
	struct smtp *smtp = dialogue->own;

	if (reply->code != 250)
		return xs_dialogue_refused(dialogue, line, err);
	if (xs_reply_word(reply->text, "STARTTLS"))
		smtp->offered = true;
	if (!reply->last)
		return XS_DIALOGUE_MORE;
	if (!smtp->offered)
		return xs_dialogue_missing(dialogue, err);
	xs_dialogue_send_line(dialogue, "STARTTLS");
	dialogue->asked = true;
	dialogue->state = GO;
	return XS_DIALOGUE_MORE;
}

/* All lines of a reply have one code (RFC 5321, 4.2.1). */
static bool fits(struct smtp *smtp, const struct xs_reply *reply)
{
	bool same = !smtp->code || smtp->code == reply->code;

	smtp->code = reply->last ? 0 : reply->code;
	return same;
}

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	struct xs_reply reply;

	if (!xs_reply_read(unit.text, &reply) || !fits(dialogue->own, &reply))
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	switch (dialogue->state) {
	case GREETING:
		return greet(dialogue, &reply, unit.text, err);
	case OFFER:
		return judge_offer(dialogue, &reply, unit.text, err);
	default:
		if (reply.code != 220)
			return xs_dialogue_refused(dialogue, unit.text, err);
		return reply.last ? XS_DIALOGUE_TLS : XS_DIALOGUE_MORE;
	}
}

static enum xs_dialogue_result secured(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	const struct smtp *smtp = dialogue->own;

	(void)err;
	xs_dialogue_replay_line(dialogue, smtp->greeting);
	return XS_DIALOGUE_PASS;
}

const struct xs_protocol xs_protocol_smtp = {
	.name = "smtp",
	.title = "SMTP",
	.asks = "STARTTLS",
	.begin = begin,
	.server = server,
	.secured = secured,
	.end = forget,
};

const struct xs_protocol xs_protocol_lmtp = {
	.name = "lmtp",
	.title = "LMTP",
	.asks = "STARTTLS",
	.begin = begin,
	.server = server,
	.secured = secured,
	.end = forget,
};
