/* Secrets leave more behind than their buffers; see forget.h. */
#include "relay/base/forget.h"

#include <stdbool.h>
#include <string.h>

/* Deeper than any call that has a passphrase as its argument. */
enum { DEPTH = 64 * 1024 };

static _Thread_local bool wanted;

void xs_forget(void *data, size_t len)
{
	explicit_bzero(data, len);
	wanted = true;
}

void xs_forget_options(void *data, size_t len)
{
	/* The PIN of a token is in the URI of its key (RFC 7512). */
	static const char passphrase[] = "passphrase=", pin[] = "pin-value";

	if (memmem(data, len, passphrase, sizeof(passphrase) - 1) ||
	    memmem(data, len, pin, sizeof(pin) - 1))
		wanted = true;
	explicit_bzero(data, len);
}

/* (A frame of its own, so that nothing of the caller's lies in it.) */
__attribute__((noinline)) static void clear_below(void)
{
	char below[DEPTH];

	explicit_bzero(below, sizeof(below));
}

void xs_forget_stack(void)
{
	if (!wanted)
		return;
	wanted = false;
	clear_below();
}
