/* A text for jansson. */
#ifndef XS_JSON_TEXT_H
#define XS_JSON_TEXT_H

#include "base/wire.h"

#include <jansson.h>
#include <stdio.h>

/* A string for the caller to own, or null for NULL.  What a program calls
 * itself and a file name in a sentence may not be UTF-8: it is ASCII then, at
 * most XS_WIRE_STRING_MAX, with "?" for all else. */
static inline json_t *xs_json_text(const char *from)
{
	json_t *value = from ? json_string(from) : json_null();
	char copy[XS_WIRE_STRING_MAX];

	if (value)
		return value;
	snprintf(copy, sizeof(copy), "%s", from);
	for (char *at = copy; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return json_string(copy);
}

#endif
