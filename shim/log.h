/* Where a line for the user goes, and what it looks like.
 *
 *     xsock: curl[4711]: www.example.com:443 by XSOCK_RULES:1:1 *=tls://: …
 *
 * One event is one line and one write.  Never blocks: a line that a pipe or a
 * terminal does not take at once is lost.  The library and the relay write
 * the same way; nothing here calls OpenSSL or allocates.
 */
#ifndef XS_LOG_H
#define XS_LOG_H

#include "error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum xs_log_level {
	XS_LOG_OFF,
	XS_LOG_ERROR,
	XS_LOG_INFO,
	XS_LOG_DEBUG,
};

/* XSOCK_LOG: a level, and ":syslog" or ":" and a file name behind it. */
struct xs_log {
	enum xs_log_level level;
	char dest[PATH_MAX]; /* "": standard error; "syslog"; else a file */
};

/* Who and what a line is about; NULL fields are left out. */
struct xs_log_subject {
	const char *program;
	int pid;
	const char *asked; /* "www.example.com:443" */
	const char *rule;  /* "XSOCK_RULES:1:1 *=tls://" */
};

#define XS_LOG_LINE_MAX 2048

/* Reads the value of XSOCK_LOG; NULL or "": the default, error.  A relative
 * file name starts from cwd.  Returns 0, or -1 with *err set. */
int xs_log_parse(struct xs_log *log, const char *value, const char *cwd,
		 struct xs_error *err);

/* Builds the line, with its newline; control characters that a peer or user
 * smuggled in become "?".  Returns its length. */
size_t xs_log_format(char line[XS_LOG_LINE_MAX],
		     const struct xs_log_subject *subject,
		     const char *sentence);

/* Writes the line to dest: "syslog", a file that is appended to, or "" for the
 * descriptor fd (-1: nowhere), which also gets what the others do not take.
 * level is for syslog's priority.  errno is kept. */
void xs_log_write(const char *dest, int fd, enum xs_log_level level,
		  const char *line, size_t len);

#endif
