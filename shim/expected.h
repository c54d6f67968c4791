/* Connections that no rule can name: FTP's data connections, whose port the
 * server tells on the control connection.
 *
 * The relay reads that (tools/relay/expect.h), so it is asked, by a process
 * that has rules for such control connections, about the connects that no rule
 * above the first of these decides.  A relay is never started for it: without
 * one there is no control connection.
 *
 * System calls only: any thread, any signal context.
 */
#ifndef XS_EXPECTED_H
#define XS_EXPECTED_H

#include "decide.h"
#include "wire.h"

/* The relay's answer; the strings of wire point into datagram. */
struct xs_expected {
	struct xs_wire wire;
	char datagram[2048];
};

/* Must the relay be asked?  Without a rule for FTP it need not, and a rule
 * above the first of them decides as always. */
bool xs_expected_applies(const struct xs_rules *rules,
			 const struct xs_decision *decision);

/* Asks about asked.  1: it is expected by a rule above that of the decision;
 * 0: it is not; -1 with *err set: a relay is there and does not answer, so that
 * nobody knows. */
int xs_expected_ask(const struct xs_rules *rules,
		    const struct xs_decision *decision,
		    const struct xs_address *asked,
		    struct xs_expected *expected, struct xs_error *err);

#endif
