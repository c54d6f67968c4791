/* IRC (IRCv3, "tls" extension): STARTTLS, before anything else.
 *
 *   server says              we say
 *   (nothing, or NOTICE …)   STARTTLS, at once
 *   670                      (TLS)
 *
 * Nothing of it is for the application: it speaks first in this protocol, and
 * what a server remarks before TLS may be anybody's.
 */
#include "relay/starttls/irc.h"

#include "relay/starttls/reply.h"
#include "relay/starttls/table.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ASIDES_MAX = 64 };

/* --- messages ----------------------------------------------------------- */

bool xs_irc_read(const char *line, struct xs_irc *irc)
{
	size_t len;

	if (*line == '@')
		line = xs_reply_next(line);
	if (*line == ':')
		line = xs_reply_next(line);
	len = strcspn(line, " ");
	if (!len || len >= sizeof(irc->command))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz0123456789",
			    line[i]))
			return false;
	memcpy(irc->command, line, len);
	irc->command[len] = '\0';
	irc->first = xs_reply_next(line);
	irc->second = xs_reply_next(irc->first);
	return true;
}

/* "Unknown" and "not registered" name the command, but for old servers. */
static bool is_about_starttls(const struct xs_irc *irc)
{
	return *irc->second == ':' || *irc->second == '\0' ||
	       xs_reply_word(irc->second, "STARTTLS");
}

enum xs_irc_answer xs_irc_answer(const struct xs_irc *irc)
{
	static const struct {
		const char *command;
		enum xs_irc_answer answer;
		bool named;
	} rows[] = {
		{ "670", XS_IRC_GO, false },
		{ "691", XS_IRC_REFUSED, false },
		{ "ERROR", XS_IRC_REFUSED, false },
		{ "421", XS_IRC_REFUSED, true },
		{ "451", XS_IRC_REFUSED, true },
		{ "001", XS_IRC_WRONG, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcasecmp(irc->command, rows[i].command) == 0 &&
		    (!rows[i].named || is_about_starttls(irc)))
			return rows[i].answer;
	return XS_IRC_ASIDE;
}

/* --- the dialogue ------------------------------------------------------- */

static enum xs_dialogue_result irc_begin(struct xs_dialogue *dialogue,
					 struct xs_error *err)
{
	(void)err;
	xs_dialogue_send_line(dialogue, "STARTTLS");
	dialogue->asked = true;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result irc_aside(struct xs_dialogue *dialogue,
					 const struct xs_irc *irc,
					 struct xs_error *err)
{
	char pong[512];

	if (++dialogue->state > ASIDES_MAX)
		return xs_dialogue_broken(
			dialogue, err,
			"the server does not answer, but goes on and on");
	if (strcasecmp(irc->command, "PING") == 0) {
		snprintf(pong, sizeof(pong), "PONG %s", irc->first);
		xs_dialogue_send_line(dialogue, pong);
	}
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result irc_server(struct xs_dialogue *dialogue,
					  struct xs_unit unit,
					  struct xs_error *err)
{
	struct xs_irc irc;

	if (xs_irc_read(unit.text, &irc)) {
		switch (xs_irc_answer(&irc)) {
		case XS_IRC_ASIDE:
			return irc_aside(dialogue, &irc, err);
		case XS_IRC_GO:
			return XS_DIALOGUE_TLS;
		case XS_IRC_REFUSED:
			return xs_dialogue_refused(dialogue, unit.text, err);
		case XS_IRC_WRONG:
			break;
		}
	}
	return xs_dialogue_broken(dialogue, err, "the server said %s",
				  xs_said(unit.text, strlen(unit.text)).text);
}

const struct xs_protocol xs_protocol_irc = {
	.name = "irc",
	.title = "IRC",
	.asks = "STARTTLS",
	.begin = irc_begin,
	.any_text = true,
	.server = irc_server,
};
