/* A line to an application's standard error, without ever waiting for it.
 *
 * That descriptor is the application's: it blocks, and its flags are not ours
 * to change, because they are those of everybody who has it (open(2), "open
 * file description").  poll(2) tells of a terminal only that there is some
 * room, not how much.  So what is neither a socket nor a regular file is opened
 * again, without blocking, by its name in /proc.
 *
 * What is not taken is lost.  Such lines are counted for each such file, and
 * told in front of the next line that it takes, or at the end by syslog.
 *
 * Any thread.
 */
#ifndef XS_LOG_PUT_H
#define XS_LOG_PUT_H

#include "base/log.h"

/* xs_log_write of a line that the program program is about. */
void xs_log_put(const char *dest, int fd, enum xs_log_level level,
		const char *program, const char *line, size_t len);

/* The relay leaves: tells what nobody has been told of. */
void xs_log_put_end(void);

#endif
