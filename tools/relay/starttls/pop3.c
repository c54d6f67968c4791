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
#include "relay/starttls/reply.h"
#include "relay/starttls/sasl.h"
#include "relay/starttls/table.h"

#include <stdio.h>
#include <string.h>

enum pop3_state { GREETING, OFFER, LIST, GO };

enum {
	REPLY_MAX = 512, /* RFC 2449, 4 */
};

struct pop3 {
	char greeting[REPLY_MAX];
	bool offered;
};

static enum xs_dialogue_result pop3_ask(struct xs_dialogue *dialogue)
{
	xs_dialogue_send_line(dialogue, "STLS");
	dialogue->asked = true;
	dialogue->state = GO;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result pop3_greet(struct xs_dialogue *dialogue,
					  const char *line)
{
	struct pop3 *pop3 = dialogue->own;

	snprintf(pop3->greeting, REPLY_MAX - 2, "%s", line);
	xs_dialogue_send_line(dialogue, "CAPA");
	dialogue->state = OFFER;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result pop3_list(struct xs_dialogue *dialogue,
					 const char *line, struct xs_error *err)
{
	struct pop3 *pop3 = dialogue->own;

	if (strcmp(line, ".") == 0)
		return pop3->offered ? pop3_ask(dialogue)
				     : xs_dialogue_missing(dialogue, err);
	pop3->offered |= xs_reply_word(line, "STLS");
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result pop3_server(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	bool ok = xs_reply_word(unit.text, "+OK");

	if (dialogue->state == LIST)
		return pop3_list(dialogue, unit.text, err);
	if (!ok && !xs_reply_word(unit.text, "-ERR"))
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	switch ((enum pop3_state)dialogue->state) {
	case OFFER:
		if (!ok)
			return pop3_ask(dialogue);
		dialogue->state = LIST;
		return XS_DIALOGUE_MORE;
	case GREETING:
		if (ok)
			return pop3_greet(dialogue, unit.text);
		break;
	case LIST: /* above */
		break;
	case GO:
		if (ok)
			return XS_DIALOGUE_TLS;
		break;
	}
	return xs_dialogue_refused(dialogue, unit.text, err);
}

static enum xs_dialogue_result pop3_secured(struct xs_dialogue *dialogue,
					    struct xs_error *err)
{
	const struct pop3 *pop3 = dialogue->own;

	xs_dialogue_replay_line(dialogue, pop3->greeting);
	return xs_sasl_filter(dialogue, err);
}

const struct xs_protocol xs_protocol_pop3 = {
	.name = "pop3",
	.title = "POP3",
	.asks = "STLS",
	.server = pop3_server,
	.secured = pop3_secured,
	.own_size = sizeof(struct pop3),
};
