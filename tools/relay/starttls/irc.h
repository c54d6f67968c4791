/* IRC's messages (RFC 2812, 2.3.1, and IRCv3's tags). */
#ifndef XS_IRC_H
#define XS_IRC_H

#include <stdbool.h>

struct xs_irc {
	char command[16];  /* "NOTICE", "670" */
	const char *first; /* parameters, to the end of the line; "" : none */
	const char *second;
};

/* Reads one line, of either side.  False: it is no message. */
bool xs_irc_read(const char *line, struct xs_irc *irc);

enum xs_irc_answer {
	XS_IRC_ASIDE,	/* not about STARTTLS */
	XS_IRC_GO,	/* 670 */
	XS_IRC_REFUSED, /* 691, or the server does not know the command */
	XS_IRC_WRONG,	/* it took us in: there is no STARTTLS any more */
};

/* What it means after STARTTLS has been said. */
enum xs_irc_answer xs_irc_answer(const struct xs_irc *irc);

#endif
