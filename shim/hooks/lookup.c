/* Remembering a lookup of the application's; see lookup.h. */
#include "hooks/lookup.h"

#include "base/trace.h"
#include "connect/config.h"
#include "connect/traced.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

static bool is_ascii(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= 0x80)
			return false;
	return true;
}

void xs_lookup_begin(struct xs_lookup *lookup, const char *node)
{
	struct in_addr unused;

	lookup->rules = NULL;
	lookup->rule = NULL;
	/* inet_aton also takes "127.1", as getaddrinfo does.  A name with other
	 * letters than ASCII (AI_IDN) counts as not known: rules have
	 * A-labels. */
	if (!node || !xs_config_active() || inet_aton(node, &unused) ||
	    !is_ascii(node) || !xs_name_normalise(node, lookup->name))
		return;
	lookup->rules = xs_config_rules();
	if (lookup->rules)
		lookup->rule = xs_match_name(lookup->rules, lookup->name);
}

void xs_lookup_end(const struct xs_lookup *lookup, int failed)
{
	int saved = errno;

	if (xs_trace_is_on() && lookup->rules)
		xs_traced_lookup(lookup->name, failed);
	errno = saved;
}

void xs_lookup_end_host(const struct xs_lookup *lookup, bool found, int reason)
{
	static const struct {
		int reason, failed;
	} rows[] = { { TRY_AGAIN, EAI_AGAIN },
		     { NO_RECOVERY, EAI_FAIL },
		     { NO_DATA, EAI_NODATA } };
	int failed = found ? 0 : EAI_NONAME;

	for (size_t i = 0; !found && i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].reason == reason)
			failed = rows[i].failed;
	xs_lookup_end(lookup, failed);
}

const char *xs_lookup_substitute(struct xs_lookup *lookup)
{
	const struct xs_target *target;

	if (!lookup->rule)
		return NULL;
	target = &lookup->rule->target;
	if (target->host)
		return strcmp(target->host, lookup->name) == 0 ? NULL
							       : target->host;
	if (!target->address.len)
		return NULL;
	return xs_address_format_ip(&target->address, lookup->text,
				    sizeof(lookup->text));
}

static int worth_of(const struct xs_rule *rule)
{
	if (!rule)
		return XS_NAMES_WORTH_NONE;
	switch (rule->pattern.kind) {
	case XS_HOST_NAME:
		return XS_NAMES_WORTH_NAME;
	case XS_HOST_GLOB:
		return XS_NAMES_WORTH_GLOB;
	case XS_HOST_NETWORK:
	case XS_HOST_ANY:
		break;
	}
	return XS_NAMES_WORTH_ANY;
}

uint64_t xs_lookup_remember(const struct xs_lookup *lookup,
			    const struct xs_address *address, bool synthetic)
{
	if (xs_trace_is_on())
		xs_traced_address(lookup->name, address);
	return xs_names_add(address, lookup->name,
			    synthetic ? XS_NAMES_SYNTHETIC : XS_NAMES_ASKED,
			    worth_of(lookup->rule));
}

void xs_lookup_remember_canonical(const struct xs_lookup *lookup,
				  const char *name,
				  const struct xs_address *address)
{
	struct xs_lookup canonical = { .rules = lookup->rules };

	if (!name || !is_ascii(name) ||
	    !xs_name_normalise(name, canonical.name))
		return;
	canonical.rule = xs_match_name(canonical.rules, canonical.name);
	if (canonical.rule && strcmp(canonical.name, lookup->name) != 0)
		xs_lookup_remember(&canonical, address, false);
}
