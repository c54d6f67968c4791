/* FTP (RFC 4217): greeting, AUTH TLS; behind TLS PBSZ and PROT.
 *
 *   state      server says          we say
 *   GREETING   (120, then) 220      AUTH TLS
 *   GO         234                  (TLS) PBSZ 0
 *   SIZE       200                  PROT P
 *   LEVEL      200                  the greeting, to the application
 *
 * ftp+tls:// has the greeting behind TLS, and no AUTH.
 *
 * A server that wants PBSZ and PROT behind the login (530, 503) gets them then.
 * From there on ftp_observe.c has it.  PROT P comes before the application is
 * there, because without it the server would open data connections in
 * plaintext.  334, which asks for more words before TLS (RFC 2228), is for
 * other mechanisms than TLS, so it is a refusal as 5xx is.
 */
#include "relay/starttls/ftp.h"
#include "relay/starttls/reply.h"
#include "relay/starttls/table.h"

#include <stdio.h>
#include <string.h>

enum ftp_state { GREETING, GO, SIZE, LEVEL };

enum {
	REPLY_MAX = 512, /* of the greeting's first line, what is replayed */
};

struct ftp {
	char greeting[REPLY_MAX]; /* empty: none yet */
	int open;		  /* xs_reply_follow's */
};

static enum xs_dialogue_result ftp_protect(struct xs_dialogue *dialogue)
{
	xs_dialogue_send_line(dialogue, "PBSZ 0");
	dialogue->state = SIZE;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result ftp_greeted(struct xs_dialogue *dialogue,
					   const struct xs_reply *reply,
					   const char *line,
					   struct xs_error *err)
{
	if (reply->code == 120) {
		((struct ftp *)dialogue->own)->greeting[0] = '\0';
		return XS_DIALOGUE_MORE;
	}
	if (reply->code != 220)
		return xs_dialogue_broken(dialogue, err,
					  "the server greets with %s",
					  xs_said(line, strlen(line)).text);
	if (dialogue->tls)
		return ftp_protect(dialogue);
	xs_dialogue_send_line(dialogue, "AUTH TLS");
	dialogue->asked = true;
	dialogue->state = GO;
	return XS_DIALOGUE_MORE;
}

/* The greeting, the only line that was not said in TLS, and that only after a
 * server has proved who it is. */
static enum xs_dialogue_result ftp_hand_over(struct xs_dialogue *dialogue,
					     enum xs_ftp_level level)
{
	const struct ftp *ftp = dialogue->own;

	xs_dialogue_replay_line(dialogue, ftp->greeting);
	return xs_ftp_observe(dialogue, level);
}

/* "Not logged in", or "bad sequence": some want it behind the login. */
static bool is_too_early(const struct xs_reply *reply)
{
	return reply->code == 530 || reply->code == 503;
}

static enum xs_dialogue_result ftp_replied(struct xs_dialogue *dialogue,
					   const struct xs_reply *reply,
					   const char *line,
					   struct xs_error *err)
{
	switch ((enum ftp_state)dialogue->state) {
	case GREETING:
		return ftp_greeted(dialogue, reply, line, err);
	case GO:
		if (reply->code != 234)
			return xs_dialogue_refused(dialogue, line, err);
		return XS_DIALOGUE_TLS;
	case SIZE:
		if (is_too_early(reply))
			return ftp_hand_over(dialogue, XS_FTP_LATER);
		if (reply->code != 200)
			return xs_ftp_refused("PBSZ 0", line, err);
		xs_dialogue_send_line(dialogue, "PROT P");
		dialogue->state = LEVEL;
		return XS_DIALOGUE_MORE;
	case LEVEL:
		if (is_too_early(reply))
			return ftp_hand_over(dialogue, XS_FTP_LATER);
		if (reply->code != 200)
			return xs_ftp_refused("PROT P", line, err);
		break;
	}
	return ftp_hand_over(dialogue, XS_FTP_DONE);
}

static enum xs_dialogue_result ftp_server(struct xs_dialogue *dialogue,
					  struct xs_unit unit,
					  struct xs_error *err)
{
	struct ftp *ftp = dialogue->own;
	struct xs_reply reply;
	bool last;

	last = xs_reply_follow(&ftp->open, unit.text, &reply);
	if (!reply.code)
		return xs_dialogue_broken(
			dialogue, err, "the server said %s",
			xs_said(unit.text, strlen(unit.text)).text);
	if (dialogue->state == GREETING && !*ftp->greeting)
		snprintf(ftp->greeting, REPLY_MAX - 2, "220 %s", reply.text);
	return last ? ftp_replied(dialogue, &reply, unit.text, err)
		    : XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result ftp_secured(struct xs_dialogue *dialogue,
					   struct xs_error *err)
{
	(void)err;
	if (dialogue->state == GREETING)
		return XS_DIALOGUE_MORE;
	return ftp_protect(dialogue);
}

const struct xs_protocol xs_protocol_ftp = {
	.name = "ftp",
	.title = "FTP",
	.asks = "AUTH TLS",
	.server = ftp_server,
	.secured = ftp_secured,
	.own_size = sizeof(struct ftp),
};

const struct xs_protocol xs_protocol_ftp_tls = {
	.name = "ftp+tls",
	.title = "FTP",
	.asks = "PROT P",
	.begin = xs_dialogue_begin_with_tls,
	.server = ftp_server,
	.secured = ftp_secured,
	.own_size = sizeof(struct ftp),
};
