/* Replies of three digits; see reply.h. */
#include "relay/starttls/reply.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static bool is_within(char c, char first, char last)
{
	return c >= first && c <= last;
}

bool xs_reply_read(const char *line, struct xs_reply *reply)
{
	if (!is_within(line[0], '1', '5') || !is_within(line[1], '0', '9') ||
	    !is_within(line[2], '0', '9'))
		return false;
	if (line[3] != '\0' && line[3] != ' ' && line[3] != '-')
		return false;
	reply->code =
		(line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	reply->last = line[3] != '-';
	reply->text = line[3] ? line + 4 : line + 3;
	return true;
}

bool xs_reply_follow(int *open, const char *line, struct xs_reply *reply)
{
	bool is_reply = xs_reply_read(line, reply);

	if (*open && !(is_reply && reply->code == *open)) {
		*reply = (struct xs_reply){ .code = *open, .text = line };
		return false;
	}
	if (!is_reply) {
		*reply = (struct xs_reply){ .text = line };
		return false;
	}
	*open = reply->last ? 0 : reply->code;
	return reply->last;
}

const char *xs_reply_next(const char *text)
{
	text += strcspn(text, " ");
	return text + strspn(text, " ");
}

bool xs_reply_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncasecmp(text, word, len) == 0 &&
	       (text[len] == '\0' || text[len] == ' ');
}
