/* Where a line for the user goes, and what it looks like.
 *
 *     xsock: curl[4711]: example.com:443 by XSOCK_RULES:1:1 *=tls://: …
 *     … [denied]
 *
 * At its end is the identifier of its sentence (message.h).
 *
 * One event is one line and one write.  Never blocks: a line that a pipe or a
 * terminal does not take at once is lost.  The library and the relay write
 * the same way; nothing here calls OpenSSL or allocates.
 */
#ifndef XS_LOG_H
#define XS_LOG_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum xs_log_level {
	XS_LOG_OFF,
	XS_LOG_ERROR,
	XS_LOG_WARNING, /* works, but perhaps not as it was meant */
	XS_LOG_INFO,
	XS_LOG_DEBUG,
};

/* The words for them, ended by NULL. */
extern const char *const xs_log_levels[];

/* XSOCK_LOG: a level, "+pairs" perhaps, and ":syslog", ":journal" or ":" and a
 * file name behind it. */
struct xs_log {
	enum xs_log_level level;
	bool pairs;
	char dest[PATH_MAX]; /* "": standard error; "syslog"; "journal"; else a
				file */
};

/* What a line looks like. */
enum xs_log_form {
	XS_LOG_SENTENCE, /* for people, as above */
	XS_LOG_PAIRS,	 /* for programs: key=value */
	XS_LOG_FIELDS,	 /* for the journal, several lines */
};

/* One more that a line for programs tells. */
struct xs_log_fact {
	const char *key, *value;
};

/* Who and what a line is about; what is NULL or 0 is left out. */
struct xs_log_subject {
	enum xs_log_form form;
	enum xs_log_level level; /* those of DEBUG have no identifier */
	const char *program;
	int pid;
	const char *asked; /* "www.example.com:443" */
	const char *rule;  /* "XSOCK_RULES:1:1 *=tls://" */
	int errnum;	   /* what the program's call has failed with */
	const struct xs_log_fact *facts; /* ended by a key that is NULL */
};

/* A line is not longer than a pipe takes at once (PIPE_BUF in pipe(7)). */
#define XS_LOG_LINE_MAX 4096

/* The level where XSOCK_LOG does not say another. */
#define XS_LOG_DEFAULT XS_LOG_WARNING

/* Reads the value of XSOCK_LOG; NULL or "": the default.  A relative
 * file name starts from cwd.  Returns 0, or -1 with *err set. */
int xs_log_parse(struct xs_log *log, const char *value, const char *cwd,
		 struct xs_error *err);

/* The form of lines to dest, where pairs are wanted or not. */
enum xs_log_form xs_log_form(const char *dest, bool pairs);

/* Builds the line, with its newline; control characters that a peer or user
 * smuggled in become "?".  What is too long is cut, but neither the identifier
 * nor a quotation mark is lost.  Returns its length. */
size_t xs_log_format(char line[XS_LOG_LINE_MAX],
		     const struct xs_log_subject *subject,
		     const char *sentence);

/* What became of a line. */
enum xs_log_result {
	XS_LOG_WRITTEN,
	XS_LOG_GONE, /* nobody reads it any more */
	XS_LOG_FULL, /* not taken now, or only a part of it */
};

/* Writes the line to dest: "syslog", "journal" (a line of XS_LOG_FIELDS), a
 * file that is appended to, or "" for the descriptor fd, which also gets what
 * the others do not take.  fd is -1 where standard error is closed or replaced:
 * then syslog gets the line, also that for a file which this user may not
 * write. level is for syslog's priority.  errno is kept.  A write to a terminal
 * waits where fd blocks (the relay's log_put.h does not let it). */
enum xs_log_result xs_log_write(const char *dest, int fd,
				enum xs_log_level level, const char *line,
				size_t len);

#endif
