/* One error: what kind, which errno, and one sentence for a person.
 *
 * Every function that can fail for a reason worth telling takes a
 * struct xs_error.  The first error that is set wins, because it is the
 * specific one; what follows from it is not reported.  The sentence names
 * the thing, the place and the way out; it has no final full stop and no
 * newline.
 *
 * Used by the library and by the programs; needs nothing but libc, allocates
 * nothing, safe in any thread and in a signal handler that may call
 * vsnprintf.
 */
#ifndef XS_ERROR_H
#define XS_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

enum xs_error_kind {
	XS_ERR_NONE = 0,
	XS_ERR_RULES,	    /* rules, options or environment: EACCES */
	XS_ERR_DENIED,	    /* a deny:// rule: EACCES */
	XS_ERR_RELAY,	    /* no relay can be reached or started: EACCES */
	XS_ERR_NETWORK,	    /* TCP or the resolver said so: its own errno */
	XS_ERR_PROTOCOL,    /* handshake or dialogue: EPROTO */
	XS_ERR_CERTIFICATE, /* certificate, or pre-shared key, not accepted:
			       EKEYREJECTED */
	XS_ERR_TIMEOUT,	    /* the rule's timeout: ETIMEDOUT */
	/* EMFILE, ENOMEM and the like: its own errno; EACCES where a seccomp
	 * filter says EPERM or ENOSYS */
	XS_ERR_SYSTEM,
};
enum { XS_ERR_KINDS = XS_ERR_SYSTEM + 1 };

#define XS_ERROR_TEXT_MAX 512

struct xs_error {
	enum xs_error_kind kind;
	int errnum;
	char text[XS_ERROR_TEXT_MAX];
};

/* Sets *err unless it is set already.  errnum is used by the kinds that say
 * "its own errno" above and ignored by the others.  Returns -1 always, so
 * that callers can write "return xs_error_set(…)".  err may be NULL. */
int xs_error_set(struct xs_error *err, enum xs_error_kind kind, int errnum,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Forgets what is set, so that the next xs_error_set counts again. */
void xs_error_clear(struct xs_error *err);

/* As strerror(3), but in English.  strerror(3) may load a translation, for
 * which it takes locks and calls malloc. */
const char *xs_error_name(int errnum);

/* True when an error is set. */
static inline bool xs_error_is_set(const struct xs_error *err)
{
	return err->kind != XS_ERR_NONE;
}

#endif
