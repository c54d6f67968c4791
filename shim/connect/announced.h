/* FTP's data connections under the rules: no rule can name them, because the
 * server tells their port on the control connection.
 *
 * An announced connection belongs to the rule of the connection that announced
 * it.  So a process that has rules for such control connections asks the relay
 * (ftp_data.h) about the connects that no rule above the first of these
 * decides.
 *
 * Any thread, any signal context.
 */
#ifndef XS_ANNOUNCED_H
#define XS_ANNOUNCED_H

#include "connect/decide.h"
#include "relay_client/ftp_data.h"

/* Must the relay be asked?  Without a rule for FTP it need not, and a rule
 * above the first of them decides as always. */
bool xs_announced_applies(const struct xs_rules *rules,
			  const struct xs_decision *decision);

/* Asks about asked.  1: it is announced, by a connection whose rule is above
 * that of the decision; 0: it is not; -1 with *err set: a relay is there and
 * does not answer, so that nobody knows. */
int xs_announced_ask(const struct xs_rules *rules,
		     const struct xs_decision *decision,
		     const struct xs_address *asked,
		     struct xs_ftp_data *ftp_data, struct xs_error *err);

#endif
