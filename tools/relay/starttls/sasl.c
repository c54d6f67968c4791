/* SASL mechanisms that bind to TLS; see sasl.h. */
#include "relay/starttls/sasl.h"

#include <strings.h>

#define PLUS "-PLUS"

bool xs_sasl_binds(const void *name, size_t len)
{
	size_t plus = sizeof(PLUS) - 1;

	return len > plus &&
	       strncasecmp((const char *)name + len - plus, PLUS, plus) == 0;
}

void xs_sasl_none_left(struct xs_dialogue *dialogue)
{
	dialogue->remark =
		"the server offers only SASL mechanisms that bind to TLS "
		"(" PLUS "), which a program that sees no TLS cannot use, so "
		"it is offered none (the server must offer one without " PLUS
		", or the program needs a TLS of its own)";
}
