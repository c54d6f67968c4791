/* Connections that no rule can name; see expected.h. */
#include "expected.h"

#include "handoff.h"
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* How long the answer may take; it is in the relay's memory. */
enum { ANSWER_MS = 10000 };

/* What decides without us, by its place among the rules. */
static size_t place_of(const struct xs_rules *rules,
		       const struct xs_decision *decision)
{
	const struct xs_rule *rule = decision->unknown ? decision->unknown :
							 decision->rule;

	return rule ? (size_t)(rule - rules->rule) : rules->count;
}

bool xs_expected_applies(const struct xs_rules *rules,
			 const struct xs_decision *decision)
{
	return rules->announcer < place_of(rules, decision);
}

/* An announced connection belongs to the rule of the one that announced it,
 * and the first rule wins.  Of another program's rule nothing is known but
 * that none of ours decides. */
static bool is_first(const struct xs_rules *rules,
		     const struct xs_decision *decision, const char *announcer)
{
	size_t place = place_of(rules, decision);
	char text[XS_REPORT_RULE_MAX];

	if (place == rules->count)
		return true;
	for (size_t i = rules->announcer; i < place; i++)
		if (strcmp(xs_report_rule(text, &rules->rule[i]), announcer) ==
		    0)
			return true;
	return false;
}

static int fail(struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_RELAY, EACCES,
			    "the relay does not tell whether this is an FTP "
			    "data connection (was it killed, or stopped?)");
}

/* Sends the question.  Returns the control connection, -1 with *err set, or -2
 * when there is no relay. */
static int send_question(const struct xs_address *asked, struct xs_error *err)
{
	int control = xs_handoff_find(err);
	struct xs_wire question;

	if (control < 0)
		return control;
	xs_wire_init(&question, XS_WIRE_EXPECTED);
	question.head.to = *asked;
	if (xs_wire_send(control, &question, NULL, 0) == 0)
		return control;
	close(control);
	return fail(err);
}

static int receive_answer(int control, struct xs_expected *expected,
			  struct xs_error *err)
{
	struct pollfd ready = { .fd = control, .events = POLLIN };
	size_t nfds;
	ssize_t got;
	int polled;

	do
		polled = poll(&ready, 1, ANSWER_MS);
	while (polled < 0 && errno == EINTR);
	got = polled == 1 ? xs_wire_receive(control, expected->datagram,
					    sizeof(expected->datagram), NULL, 0,
					    &nfds, MSG_DONTWAIT) :
			    -1;
	if (got <= 0 ||
	    xs_wire_decode(&expected->wire, expected->datagram, (size_t)got,
			   NULL) < 0 ||
	    expected->wire.head.type != XS_WIRE_EXPECTATION)
		return fail(err);
	return expected->wire.head.errnum == 0;
}

int xs_expected_ask(const struct xs_rules *rules,
		    const struct xs_decision *decision,
		    const struct xs_address *asked,
		    struct xs_expected *expected, struct xs_error *err)
{
	int control = send_question(asked, err);
	int answer;

	if (control < 0)
		return control == -2 ? 0 : -1;
	answer = receive_answer(control, expected, err);
	close(control);
	if (answer == 1 &&
	    !is_first(rules, decision, expected->wire.string[XS_WIRE_RULE]))
		return 0;
	return answer;
}
