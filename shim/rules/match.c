/* Which rule decides; see match.h.
 *
 * The index gives a few groups of rules that can match a destination.  Each is
 * in order, so a group is searched up to its first match or to the best of
 * the groups before it, whichever comes first: the result is that of trying
 * all rules from the first to the last.
 */
#include "rules/match.h"

#include "base/hash.h"
#include "rules/index.h"

#include <arpa/inet.h>
#include <string.h>

#define NONE UINT32_MAX

struct search {
	const struct xs_rules *rules;
	bool any_port; /* neither transport nor port counts */
	bool udp;
	uint16_t port;
	const char *name; /* NULL: not known */
	const struct xs_address *to;
	uint32_t best;
};

bool xs_name_normalise(const char *name, char normal[XS_NAME_MAX])
{
	struct in_addr v4;
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '.')
		len--;
	if (len == 0 || len >= XS_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		normal[i] = xs_lower(name[i]);
	normal[len] = '\0';
	/* getaddrinfo takes "127.1" for an address, as inet_aton does; a name
	 * has no colon, an IPv6 address has two. */
	return !strchr(normal, ':') && !inet_aton(normal, &v4);
}

/* Only the last star is tried again, which is enough (what an earlier one took
 * can only have been too little) and keeps the time to the product of the
 * lengths. */
bool xs_glob_matches(const char *glob, const char *name)
{
	const char *star = NULL, *retry = NULL;

	while (*name) {
		if (*glob == '*') {
			star = glob++;
			retry = name;
		} else if (*glob == '?' || *glob == *name) {
			glob++;
			name++;
		} else if (star) {
			glob = star + 1;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

/* "fe80::1%eth0" is another host than "fe80::1%eth1".  A destination without
 * a scope may be either. */
static bool scope_fits(const struct xs_address *network,
		       const struct xs_address *to)
{
	/* Networks are found by an address.
	 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	if (network->any.sa_family != AF_INET6 || to->any.sa_family != AF_INET6)
		return true;
	return network->v6.sin6_scope_id == 0 || to->v6.sin6_scope_id == 0 ||
	       network->v6.sin6_scope_id == to->v6.sin6_scope_id;
}

static bool port_fits(const struct xs_rules *rules,
		      const struct xs_index_entry *entry, bool udp,
		      uint16_t port)
{
	const struct xs_pattern *pattern = &rules->rule[entry->rule].pattern;

	if (entry->udp != udp || port < entry->first || port > entry->last)
		return false;
	return !entry->gaps ||
	       xs_ports_have(pattern->ports, pattern->nports, port);
}

static bool entry_matches(const struct search *search,
			  const struct xs_index_entry *entry)
{
	const struct xs_pattern *pattern;

	if (!search->any_port &&
	    !port_fits(search->rules, entry, search->udp, search->port))
		return false;
	pattern = &search->rules->rule[entry->rule].pattern;
	switch (entry->kind) {
	case XS_HOST_GLOB:
		return search->name &&
		       xs_glob_matches(pattern->name, search->name);
	case XS_HOST_NETWORK:
		return scope_fits(&pattern->network, search->to);
	case XS_HOST_NAME:
	case XS_HOST_ANY:
		break;
	}
	return true;
}

static void search_group(struct search *search, struct xs_index_group group)
{
	for (size_t i = 0; i < group.count; i++) {
		if (group.entry[i].rule >= search->best)
			return;
		if (entry_matches(search, &group.entry[i])) {
			search->best = group.entry[i].rule;
			return;
		}
	}
}

/* The groups of the name and of each ".suffix" that it has. */
static void search_name(struct search *search)
{
	const struct xs_index *index = search->rules->index;
	struct xs_span key = { .end = search->name + strlen(search->name) };
	uint64_t hash = XS_HASH_START;

	for (key.start = key.end; key.start > search->name;) {
		hash = xs_hash_byte(hash, *--key.start);
		if (*key.start == '.' || key.start == search->name)
			search_group(search, xs_index_find(index, key, hash));
	}
}

static void search_networks(struct search *search)
{
	const struct xs_index *index = search->rules->index;

	/* Lengths are in the order of their first rule. */
	for (size_t i = 0; i < index->lengths; i++) {
		char bytes[XS_INDEX_NETWORK_KEY];
		struct xs_span key = { bytes, bytes + sizeof(bytes) };
		uint64_t hash = XS_HASH_START;

		if (index->length[i].first >= search->best)
			return;
		if (!xs_index_network_key(search->to, &index->length[i], bytes))
			continue;
		for (const char *at = key.end; at > key.start;)
			hash = xs_hash_byte(hash, *--at);
		search_group(search, xs_index_find(index, key, hash));
	}
}

static const struct xs_rule *result(const struct search *search)
{
	return search->best == NONE ? NULL : &search->rules->rule[search->best];
}

const struct xs_rule *xs_match(const struct xs_rules *rules, bool udp,
			       const struct xs_address *to, const char *name)
{
	struct search search = {
		.rules = rules,
		.udp = udp,
		.port = xs_address_port(to),
		.name = name,
		.to = to,
		.best = NONE,
	};

	if (name)
		search_name(&search);
	if (to->len > 0)
		search_networks(&search);
	search_group(&search, rules->index->loose);
	return result(&search);
}

const struct xs_rule *xs_match_name(const struct xs_rules *rules,
				    const char *name)
{
	struct search search = {
		.rules = rules,
		.any_port = true,
		.name = name,
		.best = NONE,
	};

	search_name(&search);
	search_group(&search, rules->index->loose);
	return result(&search);
}

int xs_match_strictness(const struct xs_rule *rule)
{
	if (!rule)
		return 0;
	switch (rule->target.scheme->kind) {
	case XS_SCHEME_TCP:
	case XS_SCHEME_UDP:
		return 1;
	case XS_SCHEME_DENY:
		return 6;
	case XS_SCHEME_TLS:
	case XS_SCHEME_WATCH:
	case XS_SCHEME_UPGRADE:
	case XS_SCHEME_DTLS:
	case XS_SCHEME_KINDS:
		break;
	}
	if (rule->options.starttls_optional)
		return 2;
	/* TLS: how much of the certificate is checked. */
	if (!rule->options.verify_peer)
		return 3;
	return rule->options.verify_peer_name ? 5 : 4;
}

bool xs_match_has_port(const struct xs_rules *rules, bool udp, uint16_t port)
{
	return xs_port_set_has(rules->index->ports[udp], port);
}

bool xs_match_has_named(const struct xs_rules *rules, bool udp, uint16_t port)
{
	return xs_port_set_has(rules->index->named_ports[udp], port);
}

const struct xs_rule *xs_match_glob(const struct xs_rules *rules, bool udp,
				    uint16_t port)
{
	if (!xs_port_set_has(rules->index->glob_ports[udp], port))
		return NULL;
	for (size_t i = 0; i < rules->count; i++) {
		const struct xs_rule *rule = &rules->rule[i];
		const struct xs_pattern *pattern = &rule->pattern;

		if (pattern->kind == XS_HOST_GLOB && pattern->udp == udp &&
		    xs_ports_have(pattern->ports, pattern->nports, port) &&
		    xs_match_strictness(rule) > 1)
			return rule;
	}
	return NULL;
}

const struct xs_rule *xs_match_next_named(const struct xs_rules *rules,
					  bool udp, uint16_t port, size_t *at)
{
	const struct xs_index_group *named = &rules->index->named;

	if (!xs_match_has_named(rules, udp, port))
		return NULL;
	while (*at < named->count) {
		const struct xs_index_entry *entry = &named->entry[(*at)++];

		if (port_fits(rules, entry, udp, port))
			return &rules->rule[entry->rule];
	}
	return NULL;
}
