/* IMAP (RFC 3501, RFC 9051): greeting, CAPABILITY, STARTTLS.
 *
 *   state      server says                     we say
 *   GREETING   * OK [CAPABILITY … STARTTLS]    xs STARTTLS
 *              * OK, without STARTTLS          xc CAPABILITY
 *   OFFER      * CAPABILITY … STARTTLS, xc OK  xs STARTTLS
 *   GO         xs OK                           (TLS)
 *
 * The application gets the greeting once TLS stands, without its response
 * code: what that tells is true before TLS only (LOGINDISABLED, STARTTLS), or
 * may be somebody else's (REFERRAL, ALERT); the application asks for the
 * capabilities itself where the greeting has none.  "* PREAUTH" is refused,
 * because no STARTTLS can follow it (RFC 3501, 6.2.1), and mailbox data is,
 * because nobody has logged in.
 */
#include "relay/starttls/imap.h"
#include "relay/starttls/reply.h"
#include "relay/starttls/sasl.h"
#include "relay/starttls/table.h"

#include <stdio.h>
#include <string.h>

enum imap_state { GREETING, OFFER, GO };

enum {
	GREETING_MAX = 512,
	ASIDES_MAX = 16, /* untagged lines; a good server has one or two */
};

struct imap {
	char greeting[GREETING_MAX];
	bool offered;
	int asides;
};

#define CAPABILITY_TAG "xc"
#define STARTTLS_TAG   "xs"

static enum xs_dialogue_result
imap_wrong(struct xs_dialogue *dialogue, const char *line, struct xs_error *err)
{
	return xs_dialogue_broken(dialogue, err, "the server said %s",
				  xs_said(line, strlen(line)).text);
}

static enum xs_dialogue_result imap_ask(struct xs_dialogue *dialogue,
					struct xs_error *err)
{
	const struct imap *imap = dialogue->own;

	if (!imap->offered)
		return xs_dialogue_missing(dialogue, err);
	xs_dialogue_send_line(dialogue, STARTTLS_TAG " STARTTLS");
	dialogue->asked = true;
	dialogue->state = GO;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result imap_greet(struct xs_dialogue *dialogue,
					  const struct xs_imap *line,
					  struct xs_error *err)
{
	struct imap *imap = dialogue->own;

	snprintf(imap->greeting, GREETING_MAX, "* OK %s",
		 *line->text ? line->text : "ready");
	/* Some servers do not tell all of them in the greeting. */
	if (line->code && xs_reply_word(line->code, "CAPABILITY"))
		imap->offered = xs_imap_lists(line->code, "STARTTLS");
	if (imap->offered)
		return imap_ask(dialogue, err);
	xs_dialogue_send_line(dialogue, CAPABILITY_TAG " CAPABILITY");
	dialogue->state = OFFER;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result imap_untagged(struct xs_dialogue *dialogue,
					     const struct xs_imap *line,
					     struct xs_error *err)
{
	struct imap *imap = dialogue->own;

	if (++imap->asides > ASIDES_MAX)
		return xs_dialogue_broken(
			dialogue, err,
			"the server does not answer, but goes on and on");
	if (dialogue->state == OFFER && line->kind == XS_IMAP_CAPABILITY)
		imap->offered |= xs_imap_lists(line->text, "STARTTLS");
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result imap_tagged(struct xs_dialogue *dialogue,
					   const struct xs_imap *line,
					   const char *text,
					   struct xs_error *err)
{
	const char *tag =
		dialogue->state == OFFER ? CAPABILITY_TAG : STARTTLS_TAG;

	if (line->tag_len != strlen(tag) ||
	    strncmp(line->tag, tag, line->tag_len) != 0)
		return imap_wrong(dialogue, text, err);
	if (!line->ok)
		return xs_dialogue_refused(dialogue, text, err);
	return dialogue->state == OFFER ? imap_ask(dialogue, err)
					: XS_DIALOGUE_TLS;
}

static enum xs_dialogue_result imap_server(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	struct xs_imap line;

	xs_imap_read(unit.text, &line);
	if (line.kind == XS_IMAP_PREAUTH)
		return xs_dialogue_broken(
			dialogue, err,
			"the server has logged in already (PREAUTH), so it "
			"cannot do STARTTLS any more (or somebody between "
			"says so)");
	if (line.kind == XS_IMAP_BYE)
		return xs_dialogue_refused(dialogue, unit.text, err);
	if (dialogue->state == GREETING)
		return line.kind == XS_IMAP_OK &&
				       xs_reply_word(unit.text, "* OK")
			       ? imap_greet(dialogue, &line, err)
			       : imap_wrong(dialogue, unit.text, err);
	if (line.kind == XS_IMAP_TAGGED)
		return imap_tagged(dialogue, &line, unit.text, err);
	return line.kind == XS_IMAP_WRONG ? imap_wrong(dialogue, unit.text, err)
					  : imap_untagged(dialogue, &line, err);
}

static enum xs_dialogue_result imap_secured(struct xs_dialogue *dialogue,
					    struct xs_error *err)
{
	const struct imap *imap = dialogue->own;

	xs_dialogue_replay_line(dialogue, imap->greeting);
	return xs_sasl_filter(dialogue, err);
}

const struct xs_protocol xs_protocol_imap = {
	.name = "imap",
	.title = "IMAP",
	.asks = "STARTTLS",
	.server = imap_server,
	.secured = imap_secured,
	.own_size = sizeof(struct imap),
};
