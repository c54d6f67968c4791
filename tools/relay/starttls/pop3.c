/* POP3 (RFC 2595, RFC 2449): greeting, CAPA, STLS.
 *
 *   state      server says        we say
 *   GREETING   +OK                CAPA
 *   OFFER      +OK … STLS … .     STLS
 *              -ERR               STLS: older than CAPA
 *   GO         +OK                (TLS)
 *
 * The application gets the greeting as it is once TLS stands: APOP needs the
 * time stamp in it (RFC 1939, 7).  Somebody who changed it could learn no more
 * than he could by being the server, and that TLS has ruled out.
 */
#include "protocol.h"
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GREETING, OFFER, LIST, GO };

enum {
	REPLY_MAX = 512, /* RFC 2449, 4 */
};

struct pop3 {
	char greeting[REPLY_MAX];
	bool offered;
};

static enum xs_dialogue_result begin(struct xs_dialogue *dialogue,
				     struct xs_error *err)
{
	(void)err;
	dialogue->own = calloc(1, sizeof(struct pop3));
	dialogue->no_memory |= !dialogue->own;
	return XS_DIALOGUE_MORE;
}

static void forget(struct xs_dialogue *dialogue)
{
	free(dialogue->own);
}

static enum xs_dialogue_result ask(struct xs_dialogue *dialogue)
{
	xs_dialogue_send_line(dialogue, "STLS");
	dialogue->asked = true;
	dialogue->state = GO;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result greet(struct xs_dialogue *dialogue,
				     const char *line)
{
	struct pop3 *pop3 = dialogue->own;

	snprintf(pop3->greeting, REPLY_MAX - 2, "%s", line);
	xs_dialogue_send_line(dialogue, "CAPA");
	dialogue->state = OFFER;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result list(struct xs_dialogue *dialogue,
				    const char *line, struct xs_error *err)
{
	struct pop3 *pop3 = dialogue->own;

	if (strcmp(line, ".") == 0)
		return pop3->offered ? ask(dialogue)
				     : xs_dialogue_missing(dialogue, err);
	pop3->offered |= xs_reply_word(line, "STLS");
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	bool ok = xs_reply_word(unit.text, "+OK");

	if (dialogue->state == LIST)
		return list(dialogue, unit.text, err);
	if (!ok && !xs_reply_word(unit.text, "-ERR"))
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	switch (dialogue->state) {
	case OFFER:
		if (!ok)
			return ask(dialogue);
		dialogue->state = LIST;
		return XS_DIALOGUE_MORE;
	case GREETING:
		if (ok)
			return greet(dialogue, unit.text);
		break;
	default:
		if (ok)
			return XS_DIALOGUE_TLS;
	}
	return xs_dialogue_refused(dialogue, unit.text, err);
}

static enum xs_dialogue_result secured(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	const struct pop3 *pop3 = dialogue->own;

	(void)err;
	xs_dialogue_replay_line(dialogue, pop3->greeting);
	return XS_DIALOGUE_PASS;
}

const struct xs_protocol xs_protocol_pop3 = {
	.name = "pop3",
	.title = "POP3",
	.asks = "STLS",
	.begin = begin,
	.server = server,
	.secured = secured,
	.end = forget,
};
