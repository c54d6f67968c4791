/* Rules that are allowed and most likely not meant; see lint.h.
 *
 * A table of judges, each of which looks at one rule and has a sentence or
 * not; and the rules that can never match because one above takes everything
 * that they would, as far as that is obvious.
 */
#include "xsock/lint.h"

#include "rules/match.h"
#include "xsock/ports.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Every pair is compared up to this number of rules. */
#define COMPARE_MAX 10000

/* --- one rule by itself -------------------------------------------------- */

/* Each writes a sentence to text, or leaves it empty. */
typedef void judge(const struct xs_rule *rule, char *text, size_t size);

static void judge_verification(const struct xs_rule *rule, char *text,
			       size_t size)
{
	/* A fingerprint or a key says who it is. */
	if (!xs_scheme_is_encrypted(rule->target.scheme) ||
	    rule->options.peer_fingerprint || rule->options.psk_file)
		return;
	if (!rule->options.verify_peer)
		snprintf(text, size,
			 "verify_peer=0: anybody on the way can take the "
			 "server's place; cafile=FILE trusts a private CA");
	else if (rule->options.allow_self_signed)
		snprintf(text, size,
			 "allow_self_signed=1: anybody can sign such a "
			 "certificate; cafile=FILE with a copy of it, or "
			 "peer_fingerprint, says which one");
	else if (!rule->options.verify_peer_name)
		snprintf(text, size,
			 "verify_peer_name=0: any server with a certificate of "
			 "a trusted CA is accepted; peer_name=NAME expects "
			 "another name");
}

/* Who can read the key can be the server. */
static void judge_key(const struct xs_rule *rule, char *text, size_t size)
{
	const char *path = rule->options.psk_file;
	struct stat file;

	if (path && stat(path, &file) == 0 && file.st_mode & S_IRWXO)
		snprintf(text, size,
			 "psk_file=%.200s is open to every user of this "
			 "machine, and whoever reads a key can take the "
			 "server's place: chmod o= takes that away",
			 path);
}

static void judge_star(const struct xs_rule *rule, char *text, size_t size)
{
	if (!xs_scheme_is_encrypted(rule->target.scheme) ||
	    rule->pattern.kind != XS_HOST_ANY || rule->pattern.nports > 0)
		return;
	if (rule->pattern.udp)
		snprintf(text, size,
			 "wraps every datagram of the program, also its "
			 "lookups of names and the time, and what is DTLS or "
			 "QUIC already: give the pattern a port, as in "
			 "udp://*:514");
	else
		snprintf(text, size,
			 "wraps every connection of the program, also DNS over "
			 "TCP and what is TLS already: give the pattern a "
			 "port, as in *:80");
}

static void judge_optional(const struct xs_rule *rule, char *text, size_t size)
{
	if (rule->options.starttls_optional)
		snprintf(text, size,
			 "starttls=optional: who takes the offer of TLS out of "
			 "the server's words gets everything in plaintext");
}

/* The one port that the rule goes to, or 0. */
static uint16_t port_of(const struct xs_rule *rule)
{
	const struct xs_pattern *pattern = &rule->pattern;

	if (rule->target.port || pattern->nports != 1 ||
	    pattern->ports[0].first != pattern->ports[0].last)
		return rule->target.port;
	return pattern->ports[0].first;
}

/* Is the rule's scheme of that protocol (NULL: of none)? */
static bool is_of(const struct xs_rule *rule, const char *protocol)
{
	const char *name = rule->target.scheme->name;
	const char *plus = strchr(name, '+');

	return plus && protocol && strlen(protocol) == (size_t)(plus - name) &&
	       strncmp(name, protocol, strlen(protocol)) == 0;
}

static bool is_plain_tls(const struct xs_rule *rule)
{
	return rule->target.scheme->kind == XS_SCHEME_TLS &&
	       !rule->target.scheme->tls_version &&
	       !strchr(rule->target.scheme->name, '+');
}

static const char *example_of(const struct xs_rule *rule, const char *protocol)
{
	return is_plain_tls(rule) ? xs_ports_scheme(protocol)
				  : rule->target.scheme->name;
}

static void judge_plain_port(const struct xs_rule *rule, uint16_t port,
			     bool several, char *text, size_t size)
{
	for (size_t i = 0; i < xs_ports_count; i++) {
		const char *upgrade = xs_ports[i].upgrade;
		char tls[64] = "";

		if (xs_ports[i].plain != port ||
		    (!xs_ports[i].tls && is_of(rule, upgrade)))
			continue;
		if (xs_ports[i].tls)
			snprintf(tls, sizeof(tls),
				 "the port for TLS is usually %u, as in "
				 "%s://:%u%s",
				 xs_ports[i].tls, example_of(rule, upgrade),
				 xs_ports[i].tls, upgrade ? "; " : "");
		snprintf(text, size,
			 "TLS goes to port %u, where servers speak plaintext "
			 "first: %s%s%s%s%s",
			 port, tls, upgrade ? "here it is " : "",
			 upgrade ? upgrade : "", upgrade ? "+starttls://" : "",
			 several ? " (a rule of its own, above this one)" : "");
	}
}

/* TLS at once to a port where servers speak plaintext first; also one among
 * others, but not in a range: it was hardly written for that one. */
static void judge_port(const struct xs_rule *rule, char *text, size_t size)
{
	const struct xs_pattern *pattern = &rule->pattern;
	bool several = pattern->nports > 1;

	if (rule->target.scheme->kind != XS_SCHEME_TLS)
		return;
	if (rule->target.port)
		judge_plain_port(rule, rule->target.port, false, text, size);
	for (size_t i = 0;
	     i < pattern->nports && !rule->target.port && *text == '\0'; i++)
		if (pattern->ports[i].first == pattern->ports[i].last)
			judge_plain_port(rule, pattern->ports[i].first, several,
					 text, size);
}

/* DTLS to a port where servers take plaintext only. */
static void judge_datagram_port(const struct xs_rule *rule, char *text,
				size_t size)
{
	uint16_t port = port_of(rule), dtls = xs_ports_dtls(port);

	if (rule->target.scheme->kind == XS_SCHEME_DTLS && dtls)
		snprintf(text, size,
			 "DTLS goes to port %u, where servers take plaintext: "
			 "the port for DTLS is usually %u, as in %s://:%u",
			 port, dtls, rule->target.scheme->name, dtls);
}

/* TFTP's: answers come from another port (RFC 1350, 4), which no association
 * has. */
static void judge_answers(const struct xs_rule *rule, char *text, size_t size)
{
	enum { TFTP = 69 };
	const struct xs_pattern *pattern = &rule->pattern;

	if (rule->target.scheme->kind == XS_SCHEME_DTLS &&
	    pattern->nports == 1 && pattern->ports[0].first == TFTP &&
	    pattern->ports[0].last == TFTP)
		snprintf(text, size,
			 "a TFTP server usually answers from another port than "
			 "was asked, and DTLS carries nothing from there: it "
			 "must answer from this one, as dnsmasq does with "
			 "tftp-single-port");
}

/* STARTTLS to a port where servers want TLS at once. */
static void judge_upgrade(const struct xs_rule *rule, char *text, size_t size)
{
	uint16_t port = port_of(rule);

	if (!port || (rule->target.scheme->kind != XS_SCHEME_WATCH &&
		      rule->target.scheme->kind != XS_SCHEME_UPGRADE))
		return;
	for (size_t i = 0; i < xs_ports_count; i++)
		if (xs_ports[i].tls == port)
			snprintf(text, size,
				 "STARTTLS goes to port %u, where servers want "
				 "TLS at once: that is %s://",
				 port, xs_ports_scheme(xs_ports[i].upgrade));
}

/* TLS alone to a port where the protocol needs something behind it. */
static void judge_behind(const struct xs_rule *rule, char *text, size_t size)
{
	uint16_t port = port_of(rule);

	for (size_t i = 0; i < xs_ports_count; i++) {
		const char *scheme = xs_ports_scheme(xs_ports[i].upgrade);

		if (port && xs_ports[i].tls == port && is_plain_tls(rule) &&
		    xs_ports[i].more)
			snprintf(text, size,
				 "port %u is that of a protocol that needs "
				 "more than TLS: %s:// has it",
				 port, scheme);
	}
}

static void judge_transport(const struct xs_rule *rule, char *text, size_t size)
{
	const char *mark = strstr(rule->text, "://");
	const char *equals = strchr(rule->text, '=');
	const struct xs_scheme *scheme;

	if (!mark || !equals || mark > equals)
		return;
	scheme = xs_scheme_find_span((struct xs_span){ rule->text, mark });
	if (scheme && scheme->kind == XS_SCHEME_TLS)
		snprintf(text, size,
			 "\"%s://\" in a pattern means tcp://: the rule is "
			 "about every TCP connection to that host",
			 scheme->name);
}

static void judge_target(const struct xs_rule *rule, char *text, size_t size)
{
	const char *equals = strchr(rule->text, '=');

	if (equals && equals[1] == '\0')
		snprintf(text, size,
			 "the target is empty, which leaves the connection "
			 "alone: write tcp:// if that is meant");
}

static judge *const judges[] = {
	judge_verification,  judge_optional, judge_star,    judge_port,
	judge_datagram_port, judge_upgrade,  judge_behind,  judge_transport,
	judge_target,	     judge_key,	     judge_answers,
};

/* --- two rules ----------------------------------------------------------- */

/* True when b's ports are all among a's. */
static bool covers_ports(const struct xs_pattern *a, const struct xs_pattern *b)
{
	if (a->nports == 0)
		return true;
	for (size_t i = 0; i < b->nports; i++) {
		size_t at = 0;

		/* Ranges of a list neither meet nor touch. */
		while (at < a->nports && a->ports[at].last < b->ports[i].last)
			at++;
		if (at == a->nports || a->ports[at].first > b->ports[i].first)
			return false;
	}
	return b->nports > 0;
}

static bool covers_network(const struct xs_pattern *a,
			   const struct xs_pattern *b)
{
	uint32_t scope = a->network.any.sa_family == AF_INET6
				 ? a->network.v6.sin6_scope_id
				 : 0;

	if (a->network.any.sa_family != b->network.any.sa_family ||
	    a->bits > b->bits ||
	    (scope != 0 && scope != b->network.v6.sin6_scope_id))
		return false;
	return xs_address_in_network(&b->network, &a->network, a->bits);
}

/* A glob without "?" that matches another glob's text matches all that it
 * does: where the other has a wildcard, this one can only have a star. */
static bool covers_name(const struct xs_pattern *a, const struct xs_pattern *b)
{
	if (strcmp(a->name, b->name) == 0)
		return true;
	if (a->kind != XS_HOST_GLOB ||
	    (b->kind == XS_HOST_GLOB && strchr(a->name, '?')))
		return false;
	return xs_glob_matches(a->name, b->name);
}

static bool covers(const struct xs_pattern *a, const struct xs_pattern *b)
{
	if (a->udp != b->udp)
		return false;
	if (a->kind != XS_HOST_ANY) {
		if (b->kind == XS_HOST_ANY ||
		    (a->kind == XS_HOST_NETWORK) !=
			    (b->kind == XS_HOST_NETWORK))
			return false;
		if (a->kind == XS_HOST_NETWORK ? !covers_network(a, b)
					       : !covers_name(a, b))
			return false;
	}
	return covers_ports(a, b);
}

/* The first rule above that leaves nothing to this one, or NULL. */
static const struct xs_rule *covering(const struct xs_rules *rules,
				      const struct xs_rule *rule)
{
	for (const struct xs_rule *above = rules->rule; above < rule; above++)
		if (covers(&above->pattern, &rule->pattern))
			return above;
	return NULL;
}

/* --- all ----------------------------------------------------------------- */

static void warn(FILE *file, const struct xs_rule *rule, const char *sentence)
{
	fprintf(file, "%s: warning: %s: %s\n", rule->place, rule->text,
		sentence);
}

size_t xs_lint(const struct xs_rules *rules, FILE *file)
{
	size_t count = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct xs_rule *rule = &rules->rule[i], *above = NULL;
		char text[512];

		for (size_t j = 0; j < sizeof(judges) / sizeof(judges[0]);
		     j++) {
			text[0] = '\0';
			judges[j](rule, text, sizeof(text));
			if (text[0] != '\0') {
				warn(file, rule, text);
				count++;
			}
		}
		if (i < COMPARE_MAX)
			above = covering(rules, rule);
		if (above) {
			snprintf(text, sizeof(text),
				 "never matches, because %s %s above takes "
				 "everything that it would",
				 above->place, above->text);
			warn(file, rule, text);
			count++;
		}
	}
	if (rules->count > COMPARE_MAX)
		fprintf(file,
			"only the first %d rules were compared with each "
			"other\n",
			COMPARE_MAX);
	return count;
}
