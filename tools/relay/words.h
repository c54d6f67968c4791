/* What the lines about a connection say of it: who asked, for what, by which
 * rule.
 *
 * A line may come as late as the connection ends, so this is kept as long.
 * Connections of one process that ask for the same say the same, and share it.
 * The rest of a request, which may hold a passphrase, is not in it.
 *
 * Any thread.
 */
#ifndef XS_WORDS_H
#define XS_WORDS_H

#include "error.h"
#include "log.h"
#include "tls.h"
#include "wire.h"

struct xs_words;

/* The words of a CONNECT request, made now or those of another one.  Give them
 * back with xs_words_put.  NULL when memory is short. */
struct xs_words *xs_words_get(const struct xs_wire *request);

/* NULL is fine. */
void xs_words_put(struct xs_words *words);

/* One of the request's strings: PROGRAM, ASKED, RULE, SCHEME, NAME or LOG_DEST;
 * the others are "" here. */
const char *xs_words_text(const struct xs_words *words,
			  enum xs_wire_string string);

/* Writes one line about the connection, where and if the application's log
 * wants it; log_fd may be -1. */
void xs_words_log(const struct xs_words *words, int log_fd,
		  enum xs_log_level level, const char *sentence);

/* The same for the outcome of the connect. */
void xs_words_log_failure(const struct xs_words *words, int log_fd,
			  const struct xs_error *err);
/* summary is NULL for a connection without TLS, for now or for ever. */
void xs_words_log_success(const struct xs_words *words, int log_fd,
			  const struct xs_tls_summary *summary);

#endif
