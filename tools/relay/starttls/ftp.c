/* FTP (RFC 4217): greeting, AUTH TLS; behind TLS PBSZ and PROT.
 *
 *   state      server says          we say
 *   GREETING   (120, then) 220      AUTH TLS
 *   GO         234                  (TLS) PBSZ 0
 *   SIZE       200                  PROT P
 *   LEVEL      200                  the greeting, to the application
 *
 * From there on ftp_observe.c has it.  PROT P comes before the application is
 * there, because without it the server would open data connections in
 * plaintext.  334, which asks for more words before TLS (RFC 2228), is for
 * other mechanisms than TLS, so it is a refusal as 5xx is.
 */
#include "ftp.h"
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GREETING, GO, SIZE, LEVEL };

enum {
	REPLY_MAX = 512, /* of the greeting's first line, what is replayed */
};

struct ftp {
	char greeting[REPLY_MAX]; /* empty: none yet */
	int open;		  /* xs_reply_follow's */
};

static struct ftp *own(struct xs_dialogue *dialogue)
{
	if (!dialogue->own)
		dialogue->own = calloc(1, sizeof(struct ftp));
	dialogue->no_memory |= !dialogue->own;
	return dialogue->own;
}

static void forget(struct xs_dialogue *dialogue)
{
	free(dialogue->own);
	dialogue->own = NULL;
}

static enum xs_dialogue_result greeted(struct xs_dialogue *dialogue,
				       const struct xs_reply *reply,
				       const char *line, struct xs_error *err)
{
	if (reply->code == 120) {
		((struct ftp *)dialogue->own)->greeting[0] = '\0';
		return XS_DIALOGUE_MORE;
	}
	if (reply->code != 220)
		return xs_dialogue_broken(dialogue, err,
					  "the server greets with %s",
					  xs_said(line, strlen(line)).text);
	xs_dialogue_send_line(dialogue, "AUTH TLS");
	dialogue->asked = true;
	dialogue->state = GO;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result refused(const char *what, const char *line,
				       struct xs_error *err)
{
	xs_error_set(err, XS_ERR_PROTOCOL, 0,
		     "the server refuses %s, so that data connections would "
		     "not have TLS: %s",
		     what, xs_said(line, strlen(line)).text);
	return XS_DIALOGUE_REFUSED;
}

/* The greeting, the only line that was not said in TLS, and that only after a
 * server has proved who it is. */
static enum xs_dialogue_result hand_over(struct xs_dialogue *dialogue,
					 struct xs_error *err)
{
	const struct ftp *ftp = dialogue->own;

	xs_dialogue_replay_line(dialogue, ftp->greeting);
	forget(dialogue);
	return xs_ftp_observe(dialogue, true, err);
}

static enum xs_dialogue_result replied(struct xs_dialogue *dialogue,
				       const struct xs_reply *reply,
				       const char *line, struct xs_error *err)
{
	switch (dialogue->state) {
	case GREETING:
		return greeted(dialogue, reply, line, err);
	case GO:
		if (reply->code != 234)
			return xs_dialogue_refused(dialogue, line, err);
		return XS_DIALOGUE_TLS;
	case SIZE:
		if (reply->code != 200)
			return refused("PBSZ 0", line, err);
		xs_dialogue_send_line(dialogue, "PROT P");
		dialogue->state = LEVEL;
		return XS_DIALOGUE_MORE;
	default:
		if (reply->code != 200)
			return refused("PROT P", line, err);
		return hand_over(dialogue, err);
	}
}

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	struct ftp *ftp = own(dialogue);
	struct xs_reply reply;
	bool last;

	if (!ftp)
		return XS_DIALOGUE_BROKEN;
	last = xs_reply_follow(&ftp->open, unit.text, &reply);
	if (!reply.code)
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	if (dialogue->state == GREETING && !*ftp->greeting)
		snprintf(ftp->greeting, REPLY_MAX - 2, "220 %s", reply.text);
	return last ? replied(dialogue, &reply, unit.text, err)
		    : XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result secured(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	(void)err;
	xs_dialogue_send_line(dialogue, "PBSZ 0");
	dialogue->state = SIZE;
	return XS_DIALOGUE_MORE;
}

const struct xs_protocol xs_protocol_ftp = {
	.name = "ftp",
	.title = "FTP",
	.asks = "AUTH TLS",
	.server = server,
	.secured = secured,
	.end = forget,
};
