/* Names × rules → decision; see decide.h. */
#include "decide.h"

#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <time.h>

/* Seconds for which a lookup of the rules' names holds, and the most that one
 * connect spends on such lookups. */
enum { LOOKUP_HOLDS = 30, LOOKUP_BUDGET = 10 };

/* Per port (hashed): until when the names of its rules are in the table. */
enum { PORTS = 256 };
static struct {
	uint32_t port_udp; /* port << 1 | udp, + 1; 0: none */
	uint32_t until;
} looked_up[PORTS];

static uint32_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint32_t)t.tv_sec;
}

/* "localhost" and names below it are the loopback addresses, whatever the
 * resolver knows of it (RFC 6761, 6.3); programs such as curl do not even
 * ask. */
static void remember_loopback(const char *name)
{
	static const char *const loopback[] = { "127.0.0.1", "::1" };
	static const char localhost[] = "localhost";
	size_t len = strlen(name), tail = sizeof(localhost) - 1;

	if (len < tail || strcmp(name + len - tail, localhost) != 0 ||
	    (len > tail && name[len - tail - 1] != '.'))
		return;
	for (size_t i = 0; i < 2; i++) {
		struct xs_address address;

		if (xs_address_parse(&address, loopback[i]))
			xs_names_add(&address, name, XS_NAMES_RELEVANT);
	}
}

static void remember_addresses(const char *name)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;

	remember_loopback(name);
	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return;
	for (const struct addrinfo *i = list; i; i = i->ai_next) {
		struct xs_address address;

		if (xs_address_from(&address, i->ai_addr, i->ai_addrlen))
			xs_names_add(&address, name, XS_NAMES_RELEVANT);
	}
	freeaddrinfo(list);
}

/* Brings the exact names of the rules for this port into the table.  Returns
 * false when they are there already. */
static bool look_up_rules(const struct xs_rules *rules, bool udp, uint16_t port)
{
	uint32_t key = ((uint32_t)port << 1 | udp) + 1;
	uint32_t start = now();
	const struct xs_rule *rule;
	const char *last = "";
	int saved = errno;
	size_t at = 0;

	if (__atomic_load_n(&looked_up[port % PORTS].port_udp,
			    __ATOMIC_ACQUIRE) == key &&
	    start < looked_up[port % PORTS].until)
		return false;
	while ((rule = xs_match_next_named(rules, udp, port, &at))) {
		if (strcmp(rule->pattern.name, last) == 0)
			continue;
		last = rule->pattern.name;
		remember_addresses(last);
		if (now() - start > LOOKUP_BUDGET)
			break;
	}
	looked_up[port % PORTS].until = now() + LOOKUP_HOLDS;
	__atomic_store_n(&looked_up[port % PORTS].port_udp, key,
			 __ATOMIC_RELEASE);
	errno = saved;
	return true;
}

/* The best name so far, for the walk over the names of an address. */
struct choice {
	int strictness;
	uint64_t stamp;
	bool any;
};

static void consider(const struct xs_names_entry *entry,
		     const struct xs_rule *rule, struct choice *choice,
		     struct xs_decision *decision)
{
	int strictness = xs_match_strictness(rule);

	if (choice->any && (strictness < choice->strictness ||
			    (strictness == choice->strictness &&
			     entry->stamp < choice->stamp)))
		return;
	choice->any = true;
	choice->strictness = strictness;
	choice->stamp = entry->stamp;
	decision->rule = rule;
	decision->unreachable = !rule && entry->kind == XS_NAMES_SYNTHETIC;
	memcpy(decision->name, entry->name, sizeof(decision->name));
}

/* True when the address has a name. */
static bool decide_by_names(const struct xs_rules *rules, bool udp,
			    const struct xs_address *to,
			    struct xs_decision *decision)
{
	struct xs_names_entry entry;
	struct choice choice = { .any = false };
	unsigned at = 0;

	while (xs_names_next(to, &at, &entry)) {
		const struct xs_rule *rule = xs_match(rules, udp, to,
						      entry.name);

		if (xs_names_has_tag(to, entry.tag))
			choice.any = false;
		consider(&entry, rule, &choice, decision);
		if (xs_names_has_tag(to, entry.tag))
			break;
	}
	return choice.any;
}

/* A connect to the unspecified address reaches this host (ip(7)). */
static struct xs_address meant(const struct xs_address *asked)
{
	struct xs_address to = *asked;

	if (to.any.sa_family == AF_INET && to.v4.sin_addr.s_addr == INADDR_ANY)
		to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (to.any.sa_family == AF_INET6 &&
		 IN6_IS_ADDR_UNSPECIFIED(&to.v6.sin6_addr))
		to.v6.sin6_addr = in6addr_loopback;
	return to;
}

void xs_decide(const struct xs_rules *rules, bool udp,
	       const struct xs_address *asked, struct xs_decision *decision)
{
	const struct xs_address address = meant(asked);
	const struct xs_address *to = &address;

	decision->rule = NULL;
	decision->name[0] = '\0';
	decision->unreachable = false;
	if (rules->count == 0)
		return;
	if (decide_by_names(rules, udp, to, decision))
		return;
	if (look_up_rules(rules, udp, xs_address_port(to)) &&
	    decide_by_names(rules, udp, to, decision))
		return;
	decision->rule = xs_match(rules, udp, to, NULL);
}
