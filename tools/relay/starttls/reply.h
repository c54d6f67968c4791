/* Replies of three digits: SMTP, LMTP, FTP, NNTP (RFC 5321, 4.2; RFC 959, 4.2;
 * RFC 3977, 3.2). */
#ifndef XS_REPLY_H
#define XS_REPLY_H

#include <stdbool.h>

struct xs_reply {
	int code;	  /* 100 to 599 */
	bool last;	  /* no more lines of this reply */
	const char *text; /* behind the code and its separator */
};

/* Reads one line.  False: it is not a reply of this kind. */
bool xs_reply_read(const char *line, struct xs_reply *reply);

/* Follows replies of which only the first and the last line need a code (RFC
 * 959, 4.2).  *open is the code of one that is not complete, 0 at first.  True
 * when the line is the last of a reply; else reply->code is that of the reply
 * that it is part of, or 0. */
bool xs_reply_follow(int *open, const char *line, struct xs_reply *reply);

/* Is text's first word this one (ASCII case does not count)? */
bool xs_reply_word(const char *text, const char *word);

/* What is behind the first word and its blanks. */
const char *xs_reply_next(const char *text);

#endif
