/* The line that tells the user why a connect failed in the library itself.
 *
 * What the relay finds out, the relay reports; this is for what never gets
 * there.  Standard error is only written to while it is the file that it was
 * when the library was loaded: a daemon may have put a socket of its own
 * behind number 2.
 */
#ifndef XS_REPORT_H
#define XS_REPORT_H

#include "address.h"
#include "decide.h"
#include "error.h"

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

/* The descriptor for lines, also for those that cannot go to a file or to
 * syslog: 2, or -1 when lines are off, or 2 is another file by now.  errno is
 * kept. */
int xs_report_descriptor(void);

/* Writes one line at level error, about a connect. */
void xs_report_failure(const struct xs_address *asked,
		       const struct xs_decision *decision,
		       const struct xs_error *err);

/* Writes one line at level error: the relay has ended before the connection
 * to this address was made. */
void xs_report_lost(const struct xs_address *asked);

/* Writes one line at level error about the process. */
void xs_report_process(const char *sentence);

#endif
