/* What the outcome of a probe means: exit status and words.
 *
 * One row for each kind of error; "xsock probe --help" prints them.
 */
#include "xsock/probe.h"

#include <stdio.h>

const struct xs_probe_verdict xs_probe_verdicts[] = {
	{ XS_ERR_NONE, 0, "accepted", "accepted",
	  "a rule with this target would connect" },
	{ XS_ERR_CERTIFICATE, 1, "certificate", "refused",
	  "the certificate, or pre-shared key, is not accepted" },
	{ XS_ERR_RULES, 2, "usage", "unusable",
	  "wrong usage; a URL or options that no rule could have" },
	{ XS_ERR_NETWORK, 3, "network", "failed",
	  "the name has no address, or nobody listens there" },
	{ XS_ERR_PROTOCOL, 4, "protocol", "failed",
	  "the handshake fails, or the server ends it at once" },
	{ XS_ERR_TIMEOUT, 5, "timeout", "failed",
	  "not done within the option timeout" },
	{ XS_ERR_DENIED, 6, "denied", "refused", "a deny:// target" },
	{ XS_ERR_SYSTEM, 7, "system", "failed",
	  "out of memory, output that cannot be written, and the like" },
};
const size_t xs_probe_verdict_count =
	sizeof(xs_probe_verdicts) / sizeof(xs_probe_verdicts[0]);

const struct xs_probe_verdict *xs_probe_verdict(const struct xs_error *err)
{
	for (size_t i = 0; i < xs_probe_verdict_count; i++)
		if (xs_probe_verdicts[i].kind == err->kind)
			return &xs_probe_verdicts[i];
	return &xs_probe_verdicts[xs_probe_verdict_count - 1];
}

const char *xs_probe_sentence(const struct xs_probe *probe, char *text,
			      size_t size)
{
	if (xs_error_is_set(&probe->verdict))
		return probe->verdict.text;
	if (probe->rule->target.scheme->kind != XS_SCHEME_TCP)
		return probe->summary.how;
	snprintf(text, size,
		 "the server takes TCP connections; nothing is encrypted or "
		 "verified (for that, tls%s)",
		 probe->target + sizeof("tcp") - 1);
	return text;
}
