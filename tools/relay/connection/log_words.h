/* What the lines about a connection say of it: which program asked, for what,
 * by which rule.
 *
 * A line may come as late as the connection ends, so this is kept as long.
 * Connections of one process that ask for the same say the same, and share it.
 * The rest of a request, which may hold a passphrase, is not in it.
 *
 * Any thread.
 */
#ifndef XS_LOG_WORDS_H
#define XS_LOG_WORDS_H

#include "base/error.h"
#include "base/log.h"
#include "base/wire.h"
#include "relay/tls/tls.h"

#include <stdbool.h>

struct xs_log_words;

/* The words of a CONNECT request, made now or those of another one.  Give them
 * back with xs_log_words_put.  NULL when memory is short. */
struct xs_log_words *xs_log_words_get(const struct xs_wire *request);

/* NULL is fine. */
void xs_log_words_put(struct xs_log_words *log_words);

/* One of the request's strings: PROGRAM, ASKED, RULE, SCHEME, NAME or LOG_DEST;
 * the others are "" here. */
const char *xs_log_words_text(const struct xs_log_words *log_words,
			      enum xs_wire_string string);

/* The application's process, in its own PID namespace. */
int32_t xs_log_words_pid(const struct xs_log_words *log_words);

/* Does the application's log want lines of this level? */
bool xs_log_words_wants(const struct xs_log_words *log_words,
			enum xs_log_level level);

/* Writes one line about the connection, where and if the application's log
 * wants it; log_fd may be -1. */
void xs_log_words_log(const struct xs_log_words *log_words, int log_fd,
		      enum xs_log_level level, const char *sentence);

/* Tells a program which walls the relay has not (base/walls.h), once: that is
 * at its first connection, and again when others have come in between. */
void xs_log_words_log_walls(const struct xs_log_words *log_words, int log_fd);

/* The same for the outcome of the connect. */
void xs_log_words_log_failure(const struct xs_log_words *log_words, int log_fd,
			      const struct xs_error *err);
/* summary is NULL for a connection without TLS, for now or for ever. */
void xs_log_words_log_success(const struct xs_log_words *log_words, int log_fd,
			      const struct xs_tls_summary *summary);

#endif
