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
#include "relay/starttls/reply.h"
#include "relay/starttls/sasl.h"
#include "relay/starttls/table.h"

#include <stdio.h>
#include <string.h>

enum smtp_state { GREETING, OFFER, GO };

enum {
	REPLY_MAX = 512, /* RFC 5321, 4.5.3.1.5 */
};

/* "EHLO [IPv6:2001:db8::1]" */
enum { HELLO_MAX = 5 + 6 + XS_ADDRESS_TEXT_MAX };

struct smtp {
	char hello[HELLO_MAX];
	int code;		  /* of the reply whose lines come, 0: none */
	char greeting[REPLY_MAX]; /* its first line, empty: none yet */
	bool offered;
};

/* An address literal is a proper name for everybody (RFC 5321, 4.1.3), and
 * servers that check names want that of the connection.  The application says
 * its own behind TLS. */
static void smtp_introduce(struct xs_dialogue *dialogue)
{
	struct smtp *smtp = dialogue->own;
	struct xs_address local = dialogue->setup.local;
	bool lmtp = dialogue->protocol == &xs_protocol_lmtp;
	char text[XS_ADDRESS_TEXT_MAX] = "127.0.0.1";

	xs_address_to_family(&local, AF_INET); /* unless it is IPv6 */
	if (local.len)
		xs_address_format_ip(&local, text, sizeof(text));
	/* A scope means nothing to the server. */
	text[strcspn(text, "%")] = '\0';
	snprintf(smtp->hello, HELLO_MAX, "%s [%s%s]", lmtp ? "LHLO" : "EHLO",
		 strchr(text, ':') ? "IPv6:" : "", text);
	xs_dialogue_send_line(dialogue, smtp->hello);
}

static enum xs_dialogue_result smtp_greet(struct xs_dialogue *dialogue,
					  const struct xs_reply *reply,
					  const char *line,
					  struct xs_error *err)
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
	smtp_introduce(dialogue);
	dialogue->state = OFFER;
	return XS_DIALOGUE_MORE;
}

/* Not STARTTLS is refused, but who asks. */
static enum xs_dialogue_result smtp_unwelcome(struct xs_dialogue *dialogue,
					      const char *line,
					      struct xs_error *err)
{
	const struct smtp *smtp = dialogue->own;

	xs_error_set(err, XS_ERR_PROTOCOL, 0,
		     "the server refuses %s, before STARTTLS: %s (does it take "
		     "mail from this machine?)",
		     smtp->hello, xs_said(line, strlen(line)).text);
	return XS_DIALOGUE_REFUSED;
}

static enum xs_dialogue_result smtp_judge_offer(struct xs_dialogue *dialogue,
						const struct xs_reply *reply,
						const char *line,
						struct xs_error *err)
{
	struct smtp *smtp = dialogue->own;

	if (reply->code != 250)
		return smtp_unwelcome(dialogue, line, err);
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
static bool smtp_fits(struct smtp *smtp, const struct xs_reply *reply)
{
	bool same = !smtp->code || smtp->code == reply->code;

	smtp->code = reply->last ? 0 : reply->code;
	return same;
}

static enum xs_dialogue_result smtp_server(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	struct xs_reply reply;

	if (!xs_reply_read(unit.text, &reply) ||
	    !smtp_fits(dialogue->own, &reply))
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	switch ((enum smtp_state)dialogue->state) {
	case GREETING:
		return smtp_greet(dialogue, &reply, unit.text, err);
	case OFFER:
		return smtp_judge_offer(dialogue, &reply, unit.text, err);
	case GO:
		break;
	}
	if (reply.code != 220)
		return xs_dialogue_refused(dialogue, unit.text, err);
	return reply.last ? XS_DIALOGUE_TLS : XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result smtp_secured(struct xs_dialogue *dialogue,
					    struct xs_error *err)
{
	const struct smtp *smtp = dialogue->own;

	xs_dialogue_replay_line(dialogue, smtp->greeting);
	return xs_sasl_filter(dialogue, err);
}

const struct xs_protocol xs_protocol_smtp = {
	.name = "smtp",
	.title = "SMTP",
	.asks = "STARTTLS",
	.server = smtp_server,
	.secured = smtp_secured,
	.own_size = sizeof(struct smtp),
};

const struct xs_protocol xs_protocol_lmtp = {
	.name = "lmtp",
	.title = "LMTP",
	.asks = "STARTTLS",
	.server = smtp_server,
	.secured = smtp_secured,
	.own_size = sizeof(struct smtp),
};
