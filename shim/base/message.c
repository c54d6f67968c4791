/* Identifiers of lines; see message.h. */
#include "base/message.h"

#include <stdbool.h>
#include <string.h>

/* Identifier and sentence of each row, each with a zero behind it.  (Pointers
 * would have to be relocated in every program that is started.) */
static const char table[] =
#define XS_MESSAGE(identifier, sentence, advice) identifier "\0" sentence "\0"
#include "base/message.def"
#undef XS_MESSAGE
	;

/* Is the text what the pattern says, in which "*" stands for any text? */
static bool matches(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

const char *xs_message_id(const char *sentence)
{
	const char *id = table, *pattern;

	for (; *id; id = pattern + strlen(pattern) + 1) {
		pattern = id + strlen(id) + 1;
		if (matches(pattern, sentence))
			return id;
	}
	return "other";
}
