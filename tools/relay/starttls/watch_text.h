/* Protocols of lines under starttls://: what watch_text.c (the engine),
 * watch_verbs.c (what an application may say) and watch_lines.c (how a server
 * answers) share. */
#ifndef XS_WATCH_TEXT_H
#define XS_WATCH_TEXT_H

#include "relay/starttls/watch.h"

/* How the server answers a command. */
enum xs_watch_form {
	XS_FORM_LINE, /* one answer, as is usual in the protocol */
	XS_FORM_LIST, /* the same; if it is positive, lines up to "." follow */
	XS_FORM_NONE, /* no answer that could be told from others */
};

/* What the application may say in plaintext, and nothing else. */
struct xs_watch_verb {
	const char *word;
	const char *second; /* the word behind it; NULL: whatever it is */
	enum xs_watch_form form;
	bool opens; /* may come before the server's first line, and tells the
		       protocol then */
	bool ends;  /* the server says good-bye */
	const char *asks; /* it asks for TLS, and this is how messages call
			     it; NULL: it does not */
};

/* What a line of the server means for the first command without an answer. */
enum xs_watch_line {
	XS_LINE_WRONG,	   /* nothing that may come before TLS */
	XS_LINE_ASIDE,	   /* no answer to anything */
	XS_LINE_MORE,	   /* a part of the answer, not its end */
	XS_LINE_YES,	   /* the end of it, and it means yes */
	XS_LINE_NO,	   /* the end of it, and it means no */
	XS_LINE_BYE,	   /* the server ends the connection */
	XS_LINE_LOGGED_IN, /* there can be no STARTTLS any more */
};

/* A command without its answer.  The first one is the greeting. */
struct xs_watch_expected {
	const struct xs_watch_verb *verb; /* NULL: the greeting */
	char tag[32];			  /* IMAP */
};

enum {
	XS_WATCH_MAX = 32, /* commands without an answer */
};

struct xs_watch_dialect;

struct xs_watch_text {
	bool begun;
	const struct xs_watch_dialect *dialect; /* NULL: not known yet */
	int code;  /* of the reply whose lines come, 0: none */
	bool list; /* lines up to "." come */
	/* The server's refusal, where the application may ask in another way;
	 * empty: there was none. */
	char refusal[128];
	size_t count;
	struct xs_watch_expected expected[XS_WATCH_MAX];
};

typedef enum xs_watch_line xs_watch_read(struct xs_watch_text *text,
					 struct xs_unit unit);

struct xs_watch_dialect {
	struct xs_protocol protocol; /* what the dialogue's becomes */
	const char *greets[8]; /* how the server's first line begins; "#" is
				  a digit */
	bool tags;	       /* a command has a tag in front */
	bool no_answers;       /* what the server says is not in step */
	bool loose;    /* the middle of a reply is any text (RFC 959, 4.2) */
	bool ways;     /* there are several to ask for TLS, so that a refused
			  one is not the end */
	const int *go; /* codes that agree to TLS; ends with 0 */
	xs_watch_read *read;
	const struct xs_watch_verb *verbs; /* ends with word NULL */
};

/* All of them; ends with read NULL. */
extern const struct xs_watch_dialect xs_watch_dialects[];

/* The row of what is said, or NULL. */
const struct xs_watch_verb *
xs_watch_verb(const struct xs_watch_dialect *dialect, const char *said);

/* The dialect in which a server begins like this; NULL: none. */
const struct xs_watch_dialect *xs_watch_greeted(const char *line);

xs_watch_read xs_watch_read_reply;    /* three digits, "-" for more lines */
xs_watch_read xs_watch_read_news;     /* three digits, one line */
xs_watch_read xs_watch_read_mailbox;  /* +OK, -ERR */
xs_watch_read xs_watch_read_response; /* ManageSieve's */
xs_watch_read xs_watch_read_tagged;   /* IMAP's */
xs_watch_read xs_watch_read_message;  /* IRC's */

/* The application's side, in watch_text.c. */
xs_judge xs_watch_text_server;
xs_judge xs_watch_text_app;

#endif
