/* IMAP's lines before TLS (RFC 3501, 7; RFC 9051, 7). */
#ifndef XS_IMAP_H
#define XS_IMAP_H

#include <stdbool.h>
#include <stddef.h>

enum xs_imap_kind {
	XS_IMAP_WRONG,	    /* what has no place before TLS: mailbox data,
			       "+", a literal */
	XS_IMAP_OK,	    /* "* OK": the greeting, or a remark */
	XS_IMAP_PREAUTH,    /* "* PREAUTH" */
	XS_IMAP_BYE,	    /* "* BYE" */
	XS_IMAP_CAPABILITY, /* "* CAPABILITY", and what else only informs */
	XS_IMAP_TAGGED,	    /* an answer */
};

struct xs_imap {
	enum xs_imap_kind kind;
	const char *tag; /* TAGGED; not NUL-terminated */
	size_t tag_len;
	bool ok;	  /* TAGGED: it begins with OK */
	const char *code; /* behind "[" of the response code, or NULL */
	const char *text; /* what a person may read, behind the code */
};

/* Reads one line of the server's. */
void xs_imap_read(const char *line, struct xs_imap *imap);

/* Does the line end with the head of a literal, {n}, {n+} (RFC 7888)? */
bool xs_imap_literal(const char *line);

/* Is this one of the words of a list, which ends with its line or with "]"? */
bool xs_imap_lists(const char *list, const char *word);

#endif
