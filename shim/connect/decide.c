/* Names × rules → decision; see decide.h. */
#include "connect/decide.h"

#include "base/clock.h"
#include "relay_client/ask.h"
#include "rules/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Seconds for which a lookup of the rules' names holds, for which a failure
 * does, and the most that one connect spends on such lookups. */
enum { LOOKUP_HOLDS = 30, FAILURE_HOLDS = 3, BUDGET = 10 };

static uint32_t now(void)
{
	return (uint32_t)(xs_clock_coarse_ms() / 1000);
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
			xs_names_add(&address, name, XS_NAMES_RULE,
				     XS_NAMES_WORTH_NAME);
	}
}

/* The rules whose names one question is about. */
struct batch {
	const struct xs_rule *rule[XS_WIRE_NAMES_MAX];
	struct xs_ask ask;
};

static void remember(void *with, size_t index, const struct xs_address *address)
{
	const struct batch *batch = with;

	xs_names_add(address, batch->rule[index]->pattern.name, XS_NAMES_RULE,
		     XS_NAMES_WORTH_NAME);
}

/* What was not told. */
struct gap {
	const struct xs_rule *first; /* NULL: everything was told */
	bool files; /* the files of names were read for all of it */
};

/* Per port (hashed): until when the names of its rules are in the table, and
 * what was not told.  All of it is one number, so that threads whose ports
 * share a slot never read a mixture:
 *
 *     port 16, udp 1, until 26 (seconds, which wrap), files 1, rule 20 (its
 *     index + 1; 0: everything was told)
 *
 * 0: nothing was looked up. */
enum { PORTS = 256, SECONDS_BITS = 26, RULE_BITS = 20 };
static uint64_t looked_up[PORTS];

_Static_assert(XS_RULES_MAX < 1 << RULE_BITS, "each rule has a number");

static uint64_t pack(bool udp, uint16_t port, uint32_t until,
		     const struct gap *gap, const struct xs_rules *rules)
{
	uint64_t packed = (uint64_t)port << 1 | udp;

	packed = packed << SECONDS_BITS | (until & ((1U << SECONDS_BITS) - 1));
	packed = packed << 1 | gap->files;
	return packed << RULE_BITS |
	       (gap->first ? (uint64_t)(gap->first - rules->rule) + 1 : 0);
}

/* False: it is another port's, or too old. */
static bool unpack(uint64_t packed, bool udp, uint16_t port, struct gap *gap,
		   const struct xs_rules *rules)
{
	const uint64_t index = packed & ((1 << RULE_BITS) - 1);
	const uint32_t until = (uint32_t)(packed >> (RULE_BITS + 1)) &
			       ((1U << SECONDS_BITS) - 1);
	const uint32_t left = (until - now()) & ((1U << SECONDS_BITS) - 1);

	if (!packed ||
	    packed >> (SECONDS_BITS + RULE_BITS + 1) !=
		    ((uint64_t)port << 1 | udp) ||
	    left == 0 || left > LOOKUP_HOLDS || index > rules->count)
		return false;
	gap->files = packed >> RULE_BITS & 1;
	gap->first = index ? &rules->rule[index - 1] : NULL;
	return true;
}

static void note_gap(struct gap *gap, const struct xs_rule *rule, int state)
{
	if (!gap->first)
		gap->first = rule;
	if (state != EAGAIN)
		gap->files = false;
}

/* Asks for the names of the batch, which is empty afterwards. */
static void ask_batch(struct batch *batch, uint32_t start, struct gap *gap,
		      struct xs_error *err)
{
	uint32_t spent = now() - start;

	xs_ask_run(&batch->ask, spent < BUDGET ? BUDGET - spent : 0, remember,
		   batch, err);
	for (size_t i = 0; i < batch->ask.count; i++)
		if (batch->ask.state[i])
			note_gap(gap, batch->rule[i], batch->ask.state[i]);
	xs_ask_init(&batch->ask);
}

/* Looks up the exact names of the rules for this port.  (Not on the stack of
 * everybody.) */
__attribute__((noinline)) static struct gap
look_up(const struct xs_rules *rules, bool udp, uint16_t port,
	struct xs_error *err)
{
	const struct xs_rule *rule;
	struct gap gap = { .files = true };
	struct batch batch;
	const char *last = "";
	uint32_t start = now();
	size_t at = 0;

	xs_ask_init(&batch.ask);
	while ((rule = xs_match_next_named(rules, udp, port, &at))) {
		if (strcmp(rule->pattern.name, last) == 0)
			continue;
		last = rule->pattern.name;
		remember_loopback(last);
		if (!xs_ask_add(&batch.ask, last)) {
			ask_batch(&batch, start, &gap, err);
			xs_ask_add(&batch.ask, last);
		}
		batch.rule[batch.ask.count - 1] = rule;
	}
	if (batch.ask.count)
		ask_batch(&batch, start, &gap, err);
	return gap;
}

/* Brings the exact names of the rules for this port into the table, if they
 * are not there. */
static struct gap look_up_rules(const struct xs_rules *rules, bool udp,
				uint16_t port, struct xs_error *err)
{
	uint64_t *slot = &looked_up[port % PORTS];
	struct gap gap = { .files = true };
	int saved = errno;
	uint32_t until;

	if (!xs_match_has_named(rules, udp, port) ||
	    unpack(__atomic_load_n(slot, __ATOMIC_ACQUIRE), udp, port, &gap,
		   rules))
		return gap;
	gap = look_up(rules, udp, port, err);
	until = now() + (gap.first ? FAILURE_HOLDS : LOOKUP_HOLDS);
	__atomic_store_n(slot, pack(udp, port, until, &gap, rules),
			 __ATOMIC_RELEASE);
	errno = saved;
	return gap;
}

static bool is_loopback(const struct xs_address *to)
{
	struct xs_address four = *to;

	if (xs_address_to_family(&four, AF_INET))
		return ntohl(four.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&to->v6.sin6_addr);
}

/* Is it a name of this host, with or without its domain?  Programs look that
 * one up for a greeting, too, and not only to connect to it. */
static bool is_own_name(const char *name)
{
	char own[XS_NAME_MAX], host[HOST_NAME_MAX + 1];
	size_t same = 0;

	if (gethostname(host, sizeof(host)) != 0 ||
	    !xs_name_normalise(host, own) || strcmp(own, "localhost") == 0)
		return false;
	while (own[same] && own[same] == name[same])
		same++;
	return (!own[same] && (!name[same] || name[same] == '.')) ||
	       (!name[same] && own[same] == '.');
}

/* The best name so far, for the walk over the names of an address. */
struct choice {
	int strictness;
	uint64_t stamp;
	bool any;
	bool own; /* this host's, and no tag says that it is meant */
};

static bool is_worse(const struct choice *a, const struct choice *b)
{
	if (a->strictness != b->strictness)
		return a->strictness < b->strictness;
	if (a->own != b->own)
		return a->own;
	return a->stamp < b->stamp;
}

static void consider(const struct xs_names_entry *entry,
		     const struct xs_rule *rule, bool exact,
		     struct choice *choice, struct xs_decision *decision)
{
	const struct choice candidate = {
		.strictness = xs_match_strictness(rule),
		.stamp = entry->stamp,
		.any = true,
		.own = !exact && is_own_name(entry->name),
	};

	if (choice->any && is_worse(&candidate, choice))
		return;
	*choice = candidate;
	decision->rule = rule;
	decision->unreachable = !rule && entry->kind == XS_NAMES_SYNTHETIC;
	memcpy(decision->name, entry->name, sizeof(decision->name));
}

/* Is this the first label of the name, which has more? */
static bool begins_with(const char *name, const char *label)
{
	size_t len = strlen(label);

	return strncmp(name, label, len) == 0 && name[len] == '.';
}

/* Which names of an address count. */
struct among {
	bool rules;	   /* those that the rules' names were looked up for */
	const char *first; /* … with this as their first label; NULL: all */
};

static bool is_among(const struct xs_names_entry *entry,
		     const struct among *among)
{
	return (entry->kind == XS_NAMES_RULE) == among->rules &&
	       (!among->first || begins_with(entry->name, among->first));
}

/* Considers these names of the address, and if some have the application's tag,
 * no others.  The choice is none when there is none. */
static struct choice decide_by_names(const struct xs_rules *rules, bool udp,
				     const struct xs_address *to,
				     const struct among *among,
				     struct xs_decision *decision)
{
	struct xs_names_entry entry;
	struct choice choice = { .any = false };
	bool tagged = false;
	unsigned at = 0;

	while (xs_names_next(to, &at, &entry)) {
		const struct xs_rule *rule;
		bool exact = xs_names_has_tag(to, entry.tag);

		if (!is_among(&entry, among) || (tagged && !exact))
			continue;
		rule = xs_match(rules, udp, to, entry.name);
		if (exact && !tagged)
			choice.any = false;
		tagged |= exact;
		consider(&entry, rule, exact, &choice, decision);
	}
	return choice;
}

struct xs_address xs_decide_meant(const struct xs_address *asked)
{
	struct xs_address to = *asked;

	/* Also as ::ffff:0.0.0.0. */
	if (to.any.sa_family == AF_INET6)
		xs_address_to_family(&to, AF_INET);
	if (to.any.sa_family == AF_INET && to.v4.sin_addr.s_addr == INADDR_ANY)
		to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (to.any.sa_family == AF_INET6 &&
		 IN6_IS_ADDR_UNSPECIFIED(&to.v6.sin6_addr))
		to.v6.sin6_addr = in6addr_loopback;
	return to;
}

/* The rule of which it is not known whether its name has this address. */
static const struct xs_rule *unknown_of(const struct gap *gap,
					const struct xs_address *to)
{
	/* Names in files were found before the resolver failed, and name
	 * servers do not hand out the loopback network. */
	return gap->files && is_loopback(to) ? NULL : gap->first;
}

/* Is there a rule for this port with that first label in its name? */
static bool is_first_label(const struct xs_rules *rules, bool udp,
			   uint16_t port, const char *label)
{
	const struct xs_rule *rule;
	size_t at = 0;

	while ((rule = xs_match_next_named(rules, udp, port, &at)))
		if (begins_with(rule->pattern.name, label))
			return true;
	return false;
}

/* The application looked up a name that no rule is about, "db"; a search domain
 * or an alias in the hosts file may have made "db.example.com" of it, which a
 * rule is about.  It is so when that name has the same address. */
static void decide_by_full_name(const struct xs_rules *rules, bool udp,
				const struct xs_address *to,
				struct xs_decision *decision,
				struct xs_error *err)
{
	char label[XS_NAME_MAX];
	const struct among full = { .rules = true, .first = label };
	struct gap gap;

	if (decision->rule || decision->unreachable ||
	    strchr(decision->name, '.') ||
	    !is_first_label(rules, udp, xs_address_port(to), decision->name))
		return;
	memcpy(label, decision->name, sizeof(label));
	gap = look_up_rules(rules, udp, xs_address_port(to), err);
	if (!decide_by_names(rules, udp, to, &full, decision).any)
		decision->unknown = unknown_of(&gap, to);
}

/* Decides where the application looked up no name of the address. */
static void decide_unasked(const struct xs_rules *rules, bool udp,
			   const struct xs_address *to,
			   struct xs_decision *decision, struct xs_error *err)
{
	static const struct among of_rules = { .rules = true };
	struct gap gap = look_up_rules(rules, udp, xs_address_port(to), err);

	*decision = (struct xs_decision){ .unknown = unknown_of(&gap, to) };
	if (!decide_by_names(rules, udp, to, &of_rules, decision).any)
		decision->rule = xs_match(rules, udp, to, NULL);
	/* A rule above the one that is not known decides in any case. */
	if (decision->rule && decision->rule < decision->unknown)
		decision->unknown = NULL;
}

/* The application may have looked up this host's name for a greeting, and then
 * have been given the address.  So the decision without that name counts where
 * it is stricter, and where the rule is about the address in any case. */
static bool is_better(const struct xs_decision *unasked,
		      const struct xs_decision *asked)
{
	int was = xs_match_strictness(asked->rule);
	int is = xs_match_strictness(unasked->rule);

	if (asked->unknown ||
	    (asked->rule && asked->rule->pattern.kind == XS_HOST_NAME))
		return false;
	if (is != was)
		return is > was;
	if (unasked->unknown)
		return was < 2;
	return asked->rule && asked->rule == unasked->rule &&
	       asked->rule->pattern.kind == XS_HOST_NETWORK;
}

/* What may be said without the names of the address: no rule is about the port,
 * no name there is that only a rule knows, and nobody asks under which name an
 * announced connection was looked up. */
static bool is_nobodys(const struct xs_rules *rules, bool udp, uint16_t port)
{
	return !xs_match_has_port(rules, udp, port) &&
	       !xs_names_has_synthetic() && rules->announcer == rules->count;
}

void xs_decide(const struct xs_rules *rules, bool udp,
	       const struct xs_address *asked, struct xs_decision *decision,
	       struct xs_error *err)
{
	static const struct among asked_for = { .rules = false };
	const struct xs_address to = xs_decide_meant(asked);
	struct xs_decision unasked;
	struct choice choice;

	*decision = (struct xs_decision){ .rule = NULL };
	if (is_nobodys(rules, udp, xs_address_port(asked)))
		return;
	choice = decide_by_names(rules, udp, &to, &asked_for, decision);
	if (choice.any)
		decide_by_full_name(rules, udp, &to, decision, err);
	if (choice.any && !choice.own)
		return;
	decide_unasked(rules, udp, &to, &unasked, err);
	if (!choice.any || is_better(&unasked, decision))
		*decision = unasked;
}

const struct xs_rule *xs_decide_missed(const struct xs_rules *rules, bool udp,
				       const struct xs_address *asked,
				       const struct xs_decision *decision)
{
	const struct xs_address to = xs_decide_meant(asked);

	if (decision->rule || decision->unknown || decision->unreachable ||
	    decision->name[0] || is_loopback(&to))
		return NULL;
	return xs_match_glob(rules, udp, xs_address_port(asked));
}
