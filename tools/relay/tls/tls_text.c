/* Sentences that grow piece by piece; see tls_private.h. */
#include "relay/tls/tls_private.h"

#include <stdio.h>

void xs_tls_add(struct xs_tls_text *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->at, text->room, format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= text->room)
		len = (int)text->room - 1;
	text->at += len;
	text->room -= (size_t)len;
}

void xs_tls_add_foreign(struct xs_tls_text *text, const void *data, size_t len,
			size_t most)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < len && i < most; i++)
		xs_tls_add(text, "%c",
			   byte[i] >= ' ' && byte[i] < 0x7f ? byte[i] : '?');
	if (len > most)
		xs_tls_add(text, "...");
}
