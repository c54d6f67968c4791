/* What the files trace*.c share: one traced command, from its first lookup to
 * the rules that would give it TLS. */
#ifndef XS_XSOCK_TRACE_H
#define XS_XSOCK_TRACE_H

#include "base/address.h"
#include "base/error.h"
#include "base/scheme.h"
#include "base/trace.h"
#include "xsock/become.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* --- trace_book.c: what was seen ------------------------------------------ */

/* As many of each are kept; the others are counted. */
enum {
	XS_BOOK_NAMES = 1024,
	XS_BOOK_PLACES = 1024,
	XS_BOOK_UNSEEN = 32,
	XS_BOOK_ADDRESSES = 4,
};

/* A name that was looked up. */
struct xs_book_name {
	char name[XS_TRACE_NAME_MAX];
	unsigned times, failures;
	int failed; /* why, the last time: EAI_… */
	size_t count;
	struct xs_address address[XS_BOOK_ADDRESSES];
};

/* Where somebody connected, or sent datagrams, by one rule or none. */
struct xs_book_place {
	char host[XS_TRACE_NAME_MAX]; /* the name, else the address */
	bool has_name;
	struct xs_address address; /* the last one */
	uint16_t port;
	bool datagram;
	bool has_rule;
	enum xs_scheme_kind scheme; /* of the rule */
	char rule[XS_TRACE_RULE_MAX];
	char program[XS_TRACE_PROGRAM_MAX]; /* the first */
	int pid;
	bool others; /* more than that one process */
	unsigned times, connected, failures;
	int errnum; /* why it failed, the last time */
	/* Of how many connections the first bytes were a ClientHello; and were
	 * something else. */
	unsigned tls, plain;
	/* What the program's first bytes are of, as in "smtp+starttls://"; "":
	 * nothing that is known. */
	const char *protocol;
};

struct xs_book {
	struct xs_book_name name[XS_BOOK_NAMES];
	size_t names;
	struct xs_book_place place[XS_BOOK_PLACES];
	size_t places;
	char unseen[XS_BOOK_UNSEEN][XS_TRACE_NAME_MAX];
	size_t unseens;
	uint64_t left_out; /* events about what there was no room for */
	uint64_t lost;	   /* events that came too fast */
};

/* Enters an event. */
void xs_book_enter(struct xs_book *book, const struct xs_trace_event *event);

/* "www.example.com:80" or "[2001:db8::1]:80".  Returns text. */
enum { XS_BOOK_TEXT_MAX = XS_TRACE_NAME_MAX + 16 };
const char *xs_book_text(const struct xs_book_place *place,
			 char text[XS_BOOK_TEXT_MAX]);

/* --- trace_run.c ---------------------------------------------------------- */

/* pipe2(2), close-on-exec and with no end in place of a standard descriptor
 * that is closed, where a message would go into it.  Returns 0, or -1 with
 * errno. */
int xs_trace_pipe(int ends[2]);

/* Runs the command, and enters what it does.  Returns 0 with its status as of
 * waitpid(2), or the exit status with which starting it failed; the reason was
 * told.  Signals are blocked from here on. */
int xs_trace_run(const struct xs_become *become, char **argv,
		 struct xs_book *book, int *status);

/* Has somebody asked for an end since? */
bool xs_trace_interrupted(void);

/* --- trace_advice.c: which rule would give TLS ---------------------------- */

enum {
	XS_ADVICE_COMMENT_MAX = 2048,
	XS_ADVICE_RULE_MAX = XS_BOOK_TEXT_MAX + 64,
};

struct xs_advice {
	char comment[XS_ADVICE_COMMENT_MAX]; /* lines */
	char rule[XS_ADVICE_RULE_MAX];	     /* "": there is none */
};

/* Is it a TCP connection without TLS by a rule, and the first of its host and
 * port in the book? */
bool xs_advice_is_wanted(const struct xs_book *book,
			 const struct xs_book_place *place);

/* Does the server have to be asked?  Else *advice is filled. */
bool xs_advice_needs_probe(const struct xs_book_place *place,
			   struct xs_advice *advice);

/* Asks the server; options as of xs_inputs, or NULL. */
void xs_advice_probe(const struct xs_book_place *place, const char *options,
		     struct xs_advice *advice);

/* --- trace_probe.c: one question to a server, in a process of its own ------
 */

struct xs_answer {
	enum xs_error_kind kind;      /* XS_ERR_NONE: accepted */
	char text[XS_ERROR_TEXT_MAX]; /* why not, or how it was verified */
	char version[16];	      /* of TLS; "": none */
};

/* Probes the URL, as "xsock probe" does, for so many seconds. */
void xs_trace_probe(const char *url, const char *options, int seconds,
		    struct xs_answer *answer);

/* Connects, says nothing, and hears what the server says first: answer->text is
 * the STARTTLS protocol which that is, such as "smtp"; "": none. */
void xs_trace_listen(const char *url, int seconds, struct xs_answer *answer);

/* --- trace_report.c ------------------------------------------------------- */

/* What was seen, as comments of a file of rules. */
void xs_trace_report(FILE *out, const struct xs_book *book, const char *command,
		     int status);

/* Advice, as lines of such a file; what stands above and below it. */
void xs_trace_report_heading(FILE *out);
void xs_trace_report_advice(FILE *out, const struct xs_advice *advice);
void xs_trace_report_options(FILE *out);

/* --- trace_json.c, or trace_no_json.c where xsock was built without jansson */

bool xs_trace_has_json(void);

/* One JSON object; advice is of the place with the same number.  Returns 0, or
 * -1 with errno. */
int xs_trace_print_json(FILE *out, const struct xs_book *book,
			const struct xs_advice *advice, const char *command,
			int status);

#endif
