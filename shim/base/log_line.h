/* What of a line's form only log.c needs, which writes it. */
#ifndef XS_LOG_LINE_H
#define XS_LOG_LINE_H

#include "base/log.h"

/* The priority of syslog(3), which is the journal's, too. */
int xs_log_priority(enum xs_log_level level);

/* Makes the line that a person reads of one of XS_LOG_FIELDS.  Returns its
 * length. */
size_t xs_log_message(char line[XS_LOG_LINE_MAX], const char *fields);

#endif
