/* The one error structure; see error.h. */
#include "error.h"

#include "compat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The errno that each kind means to the application; 0: the caller's own. */
static const int errno_of_kind[] = {
	[XS_ERR_RULES] = EACCES,
	[XS_ERR_DENIED] = EACCES,
	[XS_ERR_RELAY] = EACCES,
	[XS_ERR_NETWORK] = 0,
	[XS_ERR_PROTOCOL] = EPROTO,
	[XS_ERR_CERTIFICATE] = EKEYREJECTED,
	[XS_ERR_TIMEOUT] = ETIMEDOUT,
	[XS_ERR_SYSTEM] = 0,
};

int xs_error_set(struct xs_error *err, enum xs_error_kind kind, int errnum,
		 const char *format, ...)
{
	va_list args;

	if (!err || xs_error_is_set(err))
		return -1;
	err->kind = kind;
	err->errnum = errno_of_kind[kind] ? errno_of_kind[kind] : errnum;
	if (!err->errnum)
		err->errnum = EIO;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}

const char *xs_error_name(int errnum)
{
	const char *text = strerrordesc_np(errnum);

	return text ? text : "unknown error";
}

void xs_error_clear(struct xs_error *err)
{
	err->kind = XS_ERR_NONE;
	err->errnum = 0;
	err->text[0] = '\0';
}
