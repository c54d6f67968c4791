/* Connects inside of libc; see inside.h. */
#include "connect/inside.h"

#include "base/option.h"
#include "connect/config.h"
#include "connect/decide.h"
#include "connect/report.h"

#include <errno.h>
#include <stdio.h>

/* A rule as "*.corp=tcp://", which exempts from those below it. */
static bool leaves_alone(const struct xs_rule *rule)
{
	const struct xs_target *target = &rule->target;

	return target->scheme->kind == XS_SCHEME_TCP && !rule->options.relay &&
	       !target->host && !target->address.len && !target->port;
}

static bool may(const struct xs_decision *decision)
{
	return !decision->unknown && !decision->unreachable &&
	       (!decision->rule || leaves_alone(decision->rule));
}

static void tell(const struct xs_address *to,
		 const struct xs_decision *decision, const char *function)
{
	char sentence[256];

	snprintf(sentence, sizeof(sentence),
		 "%s() is refused, because libc connects inside of it, where "
		 "the rule cannot be followed (a rule for this host and port "
		 "as tcp:// exempts it, which is plaintext)",
		 function);
	xs_report_connect(XS_LOG_ERROR, to, decision, sentence);
}

bool xs_inside_may(const struct xs_address *to, const char *function)
{
	const struct xs_rules *rules = xs_config_rules();
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_decision decision;

	if (rules) {
		xs_decide(rules, false, to, &decision, &err);
		if (may(&decision))
			return true;
		tell(to, &decision, function);
	}
	errno = EACCES;
	return false;
}

bool xs_inside_unknown(const char *host, const char *function)
{
	char sentence[512];

	snprintf(sentence, sizeof(sentence),
		 "%s() to %.255s is refused, because the name cannot be looked "
		 "up, so that nobody knows whether a rule is about it",
		 function, host);
	xs_report_process(XS_LOG_ERROR, sentence);
	errno = EACCES;
	return false;
}
