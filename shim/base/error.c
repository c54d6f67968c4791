/* The one error structure; see error.h. */
#include "base/error.h"

#include "base/compat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The errno that each kind means to the application. */
static int errno_of(enum xs_error_kind kind, int own)
{
	switch (kind) {
	case XS_ERR_RULES:
	case XS_ERR_DENIED:
	case XS_ERR_RELAY:
		return EACCES;
	case XS_ERR_PROTOCOL:
		return EPROTO;
	case XS_ERR_CERTIFICATE:
		return EKEYREJECTED;
	case XS_ERR_TIMEOUT:
		return ETIMEDOUT;
	case XS_ERR_SYSTEM:
		/* A seccomp filter, and no errno that a connect gives. */
		if (own == EPERM || own == ENOSYS)
			return EACCES;
		break;
	case XS_ERR_NONE:
	case XS_ERR_NETWORK:
		break;
	}
	return own ? own : EIO;
}

int xs_error_set(struct xs_error *err, enum xs_error_kind kind, int errnum,
		 const char *format, ...)
{
	va_list args;

	if (!err || xs_error_is_set(err))
		return -1;
	err->kind = kind;
	err->errnum = errno_of(kind, errnum);
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
