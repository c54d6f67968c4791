/* Announced connections × rules; see announced.h. */
#include "connect/announced.h"

#include "connect/report.h"

#include <string.h>

/* The place among the rules of the one that decides without an announcement. */
static size_t place_of(const struct xs_rules *rules,
		       const struct xs_decision *decision)
{
	const struct xs_rule *rule =
		decision->unknown ? decision->unknown : decision->rule;

	return rule ? (size_t)(rule - rules->rule) : rules->count;
}

bool xs_announced_applies(const struct xs_rules *rules,
			  const struct xs_decision *decision)
{
	return rules->announcer < place_of(rules, decision);
}

/* Is the rule of the connection that announced it the first?  Of another
 * program's rule nothing is known but that none of ours decides. */
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

int xs_announced_ask(const struct xs_rules *rules,
		     const struct xs_decision *decision,
		     const struct xs_address *asked,
		     struct xs_ftp_data *ftp_data, struct xs_error *err)
{
	int answer = xs_ftp_data_ask(asked, ftp_data, err);

	if (answer == 1 &&
	    !is_first(rules, decision, ftp_data->wire.string[XS_WIRE_RULE]))
		return 0;
	return answer;
}
