/* The line that tells the user why a connect failed in the library itself.
 *
 * What the relay finds out, the relay reports; this is for what never gets
 * there.  Standard error is only written to while it is the file that it was
 * when the library was loaded: a daemon may have put a socket of its own
 * behind number 2.
 */
#ifndef XS_REPORT_H
#define XS_REPORT_H

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "connect/decide.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
	XS_REPORT_ASKED_MAX = XS_NAME_MAX + XS_ADDRESS_TEXT_MAX + 8,
	XS_REPORT_RULE_MAX = 1024,
};

/* Why a connect fails whose relay has gone. */
#define XS_REPORT_LOST                                                         \
	"the relay ended before the connection was made (was it killed? does " \
	"XSOCK_RELAY name xsock-relay?)"

/* "www.example.com:443", or the address where the name is not known. Returns
 * text. */
const char *xs_report_asked(char text[XS_REPORT_ASKED_MAX],
			    const struct xs_address *asked, const char *name);

/* "XSOCK_RULES:1:1 *.corp=tls://".  Returns text. */
const char *xs_report_rule(char text[XS_REPORT_RULE_MAX],
			   const struct xs_rule *rule);

/* Remembers which file standard error is.  Once, when the library is loaded. */
void xs_report_prepare(void);

/* From here on lines go where *log says, which must stay.  Before, they are
 * off. */
void xs_report_start(const struct xs_log *log);

/* The descriptor for lines, also for those that cannot go to a file or to
 * syslog: 2, or a copy of it (behalf.h); -1 when lines are off, or it is
 * another file by now, or /dev/null.  errno is kept. */
int xs_report_descriptor(void);

/* Is it the file that standard error was when this process began, and may lines
 * go there? */
bool xs_report_is_standard_error(int fd);

/* Of whom lines tell: this process, or the one that it acts for (behalf.h). */
const char *xs_report_program(void);
pid_t xs_report_pid(void);

/* Are lines of this level written? */
bool xs_report_wants(enum xs_log_level level);

/* Do they go to syslog only because this process has no standard error of its
 * own any more? */
bool xs_report_is_by_syslog(void);

/* Writes one line about a connect, with the rule that is about it, if any. */
void xs_report_connect(enum xs_log_level level, const struct xs_address *asked,
		       const struct xs_decision *decision,
		       const char *sentence);

/* The same at level error: why it failed. */
void xs_report_failure(const struct xs_address *asked,
		       const struct xs_decision *decision,
		       const struct xs_error *err);

/* Writes one line at level error: the relay has ended before the connection
 * to this address was made. */
void xs_report_lost(const struct xs_address *asked);

/* The same: the relay with this key, of that process, has not answered for so
 * many seconds. */
void xs_report_silent(const struct xs_address *asked, const char *key,
		      pid_t relay, double seconds);

/* The sentence of that line, for who has an error to fill. */
#define XS_REPORT_SILENT                                                       \
	"the relay @xsock-relay/%s (process %d) has not answered for %g s: "   \
	"is "                                                                  \
	"it stopped?"

/* Writes one line about the process. */
void xs_report_process(enum xs_log_level level, const char *sentence);

#endif
