/* Tests: shim/rules/match.c, shim/rules/index.c.
 *
 * Which rule decides, also compared with trying all rules one by one. */
#include "rules/match.h"

#include <criterion/criterion.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct xs_arena arena;

static struct xs_rules *read_rules(const char *text)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_rules *rules = xs_rules_read(text, NULL, "/", &arena, &err);

	cr_assert_not_null(rules, "%s: %s", text, err.text);
	return rules;
}

static struct xs_address address(const char *ip, uint16_t port)
{
	struct xs_address to;

	cr_assert(xs_address_parse(&to, ip), "%s", ip);
	xs_address_set_port(&to, port);
	return to;
}

/* The number of the rule, from 1; 0: none. */
static int which(const struct xs_rules *rules, const char *ip, uint16_t port,
		 const char *name)
{
	struct xs_address to = address(ip, port);
	const struct xs_rule *rule = xs_match(rules, false, &to, name);

	return rule ? (int)(rule - rules->rule) + 1 : 0;
}

Test(match, no_rules_match_nothing)
{
	cr_assert_eq(which(read_rules(""), "192.0.2.1", 80, "a"), 0);
	cr_assert_null(xs_match_name(read_rules(""), "a"));
}

Test(match, exact_names)
{
	struct xs_rules *rules = read_rules("a.example=tls:// b.example=deny://"
					    " A.EXAMPLE.=tcp://");

	cr_assert_eq(which(rules, "192.0.2.1", 80, "a.example"), 1);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "b.example"), 2);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "example"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "x.a.example"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 80, NULL), 0);
}

Test(match, globs)
{
	struct xs_rules *rules = read_rules(
		"*.example.com=tls:// w?w.*=tls:// *x*y*=tls:// mail*=tls://");

	cr_assert_eq(which(rules, "192.0.2.1", 80, "a.example.com"), 1);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "a.b.example.com"), 1);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "example.com"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "badexample.com"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "badexample.org"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "www.org"), 2);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "w.w.org"), 2);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "www"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "xy"), 3);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "yx"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "mail"), 4);
	cr_assert_eq(which(rules, "192.0.2.1", 80, "mailhost.x"), 4);
	/* A glob is about names. */
	cr_assert_eq(which(rules, "192.0.2.1", 80, NULL), 0);
}

Test(match, star_is_everything)
{
	struct xs_rules *rules = read_rules("*:80=tls:// **:81=tls://");

	cr_assert_eq(which(rules, "192.0.2.1", 80, NULL), 1);
	cr_assert_eq(which(rules, "2001:db8::1", 80, "x"), 1);
	cr_assert_eq(which(rules, "192.0.2.1", 81, NULL), 2);
	cr_assert_eq(which(rules, "192.0.2.1", 82, NULL), 0);
}

Test(match, networks)
{
	struct xs_rules *rules = read_rules(
		"10.1.2.3=tls:// 10.1.0.0/16=tls:// [2001:db8::/33]=tls:// "
		"[::/0]=tls:// 0.0.0.0/0=tls://");

	cr_assert_eq(which(rules, "10.1.2.3", 80, NULL), 1);
	cr_assert_eq(which(rules, "10.1.2.3", 80, "a.name"), 1);
	cr_assert_eq(which(rules, "::ffff:10.1.2.3", 80, NULL), 1);
	cr_assert_eq(which(rules, "10.1.255.1", 80, NULL), 2);
	cr_assert_eq(which(rules, "::ffff:10.1.255.1", 80, NULL), 2);
	cr_assert_eq(which(rules, "2001:db8:7fff::1", 80, NULL), 3);
	cr_assert_eq(which(rules, "2001:db8:8000::1", 80, NULL), 4);
	cr_assert_eq(which(rules, "10.2.0.1", 80, NULL), 5);
}

Test(match, the_first_rule_wins_across_kinds)
{
	const char *ip = "10.1.2.3", *name = "a.example.com";

	cr_assert_eq(which(read_rules("*=tcp:// a.example.com=tls://"), ip, 80,
			   name),
		     1);
	cr_assert_eq(which(read_rules("10.0.0.0/8=tcp:// a.example.com=tls://"),
			   ip, 80, name),
		     1);
	cr_assert_eq(
		which(read_rules("*.example.com=tcp:// "
				 "10.0.0.0/8=deny:// a.example.com=tls://"),
		      ip, 80, name),
		1);
	cr_assert_eq(which(read_rules("*.com:81=tcp:// 10.0.0.0/8:81=deny:// "
				      "a.example.com:81=tls:// *=tls://"),
			   ip, 80, name),
		     4);
	cr_assert_eq(which(read_rules("*.example.com:443=tcp:// *.com=tls://"),
			   ip, 80, name),
		     2);
}

Test(match, ports)
{
	struct xs_rules *rules = read_rules("a:80,443,8000-8010=tls:// "
					    "a:1-100=tls:// a:65535=tls://");

	cr_assert_eq(which(rules, "192.0.2.1", 80, "a"), 1);
	cr_assert_eq(which(rules, "192.0.2.1", 443, "a"), 1);
	cr_assert_eq(which(rules, "192.0.2.1", 8000, "a"), 1);
	cr_assert_eq(which(rules, "192.0.2.1", 8010, "a"), 1);
	cr_assert_eq(which(rules, "192.0.2.1", 8011, "a"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 81, "a"), 2);
	cr_assert_eq(which(rules, "192.0.2.1", 442, "a"), 0);
	cr_assert_eq(which(rules, "192.0.2.1", 65535, "a"), 3);
	cr_assert_eq(which(rules, "192.0.2.1", 0, "a"), 0);
}

Test(match, udp_and_tcp_do_not_meet)
{
	struct xs_rules *rules = read_rules("udp://*=deny:// a=tls://");
	struct xs_address to = address("192.0.2.1", 53);

	cr_assert_eq(xs_match(rules, true, &to, "a"), &rules->rule[0]);
	cr_assert_eq(xs_match(rules, false, &to, "a"), &rules->rule[1]);
	cr_assert_null(xs_match(rules, false, &to, "b"));

	/* By a name, an address, a glob and a star, above the other's. */
	rules = read_rules("a=tls:// udp://a=dtls:// 192.0.2.0/24=tls:// "
			   "udp://192.0.2.0/24=udp://:5 *.b=tls:// "
			   "udp://*.b=dtls:// *=tls:// udp://*=dtls://");
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "a", NULL, "x.b", "c" };

		to = address(i == 1 ? "192.0.2.1" : "198.51.100.1", 53);
		cr_assert_eq(xs_match(rules, false, &to, names[i]),
			     &rules->rule[2 * i]);
		cr_assert_eq(xs_match(rules, true, &to, names[i]),
			     &rules->rule[2 * i + 1]);
	}
}

Test(match, walks_are_of_one_transport)
{
	struct xs_rules *rules = read_rules("a:1=tls:// udp://b:1=dtls:// "
					    "udp://*.c:2=dtls:// *.d:3=tls://");
	size_t at = 0;

	cr_assert_eq(xs_match_next_named(rules, true, 1, &at), &rules->rule[1]);
	cr_assert_null(xs_match_next_named(rules, true, 1, &at));
	cr_assert_eq(xs_match_glob(rules, true, 2), &rules->rule[2]);
	cr_assert_null(xs_match_glob(rules, false, 2));
	cr_assert_null(xs_match_glob(rules, true, 3));
	cr_assert(xs_match_has_port(rules, true, 2));
	cr_assert_not(xs_match_has_port(rules, false, 2));
	cr_assert_not(xs_match_has_named(rules, true, 2));
}

Test(match, scopes)
{
	struct xs_rules *rules =
		read_rules("[fe80::1%1]=tls:// [fe80::2]=tls://");

	cr_assert_eq(which(rules, "fe80::1%1", 80, NULL), 1);
	cr_assert_eq(which(rules, "fe80::1", 80, NULL), 1);
	cr_assert_eq(which(rules, "fe80::1%2", 80, NULL), 0);
	cr_assert_eq(which(rules, "fe80::2%2", 80, NULL), 2);
}

Test(match, an_unknown_address_matches_no_network)
{
	struct xs_rules *rules = read_rules("0.0.0.0/0=deny:// a:80=tls://");
	struct xs_address to = { .len = 0 };

	xs_address_set_port(&to, 80);
	cr_assert_eq(xs_match(rules, false, &to, "a"), &rules->rule[1]);
}

Test(match, names_for_lookups)
{
	struct xs_rules *rules = read_rules("a:80=tls:// a:81=deny:// "
					    "10.0.0.0/8=tcp:// *.b:1=tls:// "
					    "c*=tls://");

	cr_assert_eq(xs_match_name(rules, "a"), &rules->rule[0]);
	cr_assert_eq(xs_match_name(rules, "x.b"), &rules->rule[3]);
	cr_assert_eq(xs_match_name(rules, "cx"), &rules->rule[4]);
	cr_assert_null(xs_match_name(rules, "b"));
	cr_assert_eq(
		xs_match_name(read_rules("*:99=tls://"), "q")->pattern.kind,
		XS_HOST_ANY);
}

Test(match, walking_named_rules)
{
	struct xs_rules *rules =
		read_rules("a:80=tls:// *.x=tls:// b=tls:// 10.0.0.1=tls:// "
			   "udp://c=deny:// d:81=tls:// e:1,80=tls://");
	size_t at = 0;

	cr_assert_eq(xs_match_next_named(rules, false, 80, &at),
		     &rules->rule[0]);
	cr_assert_eq(xs_match_next_named(rules, false, 80, &at),
		     &rules->rule[2]);
	cr_assert_eq(xs_match_next_named(rules, false, 80, &at),
		     &rules->rule[6]);
	cr_assert_null(xs_match_next_named(rules, false, 80, &at));
	cr_assert_null(xs_match_next_named(rules, false, 80, &at));
	at = 0;
	cr_assert_eq(xs_match_next_named(rules, true, 80, &at),
		     &rules->rule[4]);
	cr_assert_null(xs_match_next_named(rules, true, 80, &at));
}

Test(match, ports_that_no_rule_is_about)
{
	struct xs_rules *rules =
		read_rules("a:80=tls:// *.x:1000-1100=tls:// *:7,9=deny:// "
			   "udp://c:53=deny:// udp://10.0.0.1=deny://");

	cr_assert(xs_match_has_port(rules, false, 80));
	cr_assert(xs_match_has_port(rules, false, 1000));
	cr_assert(xs_match_has_port(rules, false, 1064));
	cr_assert(xs_match_has_port(rules, false, 1100));
	cr_assert(xs_match_has_port(rules, false, 9));
	cr_assert_not(xs_match_has_port(rules, false, 8));
	cr_assert_not(xs_match_has_port(rules, false, 53));
	cr_assert_not(xs_match_has_port(rules, false, 999));
	cr_assert_not(xs_match_has_port(rules, false, 1101));
	cr_assert(xs_match_has_port(rules, true, 0));
	cr_assert(xs_match_has_port(rules, true, 65535));
	cr_assert(xs_match_has_named(rules, false, 80));
	cr_assert_not(xs_match_has_named(rules, false, 1000));
	cr_assert(xs_match_has_named(rules, true, 53));
	cr_assert_not(xs_match_has_named(rules, true, 54));
	cr_assert_not(xs_match_has_port(read_rules(""), false, 80));
	cr_assert_not(xs_match_has_named(read_rules("*=tls://"), false, 80));
}

Test(match, the_first_glob_for_a_port_that_wants_more_than_plaintext)
{
	struct xs_rules *rules = read_rules(
		"a.test:80=tls:// *:80=tls:// *.x.test:80=tcp:// "
		"*.y.test:80-90=tls:// *.z.test:80=deny:// *.y.test:99=tcp://");

	cr_assert_eq(xs_match_glob(rules, false, 80), &rules->rule[3]);
	cr_assert_eq(xs_match_glob(rules, false, 90), &rules->rule[3]);
	cr_assert_null(xs_match_glob(rules, false, 99));
	cr_assert_null(xs_match_glob(rules, false, 91));
	cr_assert_null(xs_match_glob(rules, true, 80));
	cr_assert_null(xs_match_glob(read_rules("a=tls://"), false, 80));
}

Test(match, strictness)
{
	struct xs_rules *rules = read_rules(
		"a=tcp:// a=tls://?verify_peer=0&verify_peer_name=0 "
		"a=tls://?verify_peer_name=0 a=tlsv1.2:// a=deny://");

	cr_assert_lt(xs_match_strictness(NULL),
		     xs_match_strictness(&rules->rule[0]));
	for (int i = 1; i < 5; i++)
		cr_assert_lt(xs_match_strictness(&rules->rule[i - 1]),
			     xs_match_strictness(&rules->rule[i]), "%d", i);
}

Test(match, names_are_normalised)
{
	char normal[XS_NAME_MAX], text[300];

	cr_assert(xs_name_normalise("WWW.Example.COM.", normal));
	cr_assert_str_eq(normal, "www.example.com");
	cr_assert(xs_name_normalise("localhost", normal));
	cr_assert_not(xs_name_normalise("", normal));
	cr_assert_not(xs_name_normalise("192.0.2.1", normal));
	cr_assert_not(xs_name_normalise("127.1", normal));
	cr_assert_not(xs_name_normalise("::1", normal));
	cr_assert_not(xs_name_normalise("fe80::1%eth0", normal));
	memset(text, 'a', sizeof(text));
	text[255] = '\0';
	cr_assert(xs_name_normalise(text, normal));
	text[255] = 'a';
	text[256] = '\0';
	cr_assert_not(xs_name_normalise(text, normal));
}

Test(match, globs_are_not_exponential, .timeout = 10)
{
	char glob[300] = "", name[300] = "";
	struct xs_rules *rules;

	for (int i = 0; i < 30; i++)
		strcat(glob, "*a");
	strcat(glob, "*b=tls://");
	for (int i = 0; i < 250; i++)
		strcat(name, "a");
	rules = read_rules(glob);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(which(rules, "192.0.2.1", 80, name), 0);
}

/* --- against the plain way ---------------------------------------------- */

static bool plain_match(const struct xs_rule *rule, bool udp,
			const struct xs_address *to, const char *name)
{
	const struct xs_pattern *pattern = &rule->pattern;
	bool port = pattern->nports == 0;

	for (size_t i = 0; i < pattern->nports; i++)
		port |= xs_address_port(to) >= pattern->ports[i].first &&
			xs_address_port(to) <= pattern->ports[i].last;
	if (!port || pattern->udp != udp)
		return false;
	switch (pattern->kind) {
	case XS_HOST_ANY:
		return true;
	case XS_HOST_NAME:
		return name && strcmp(name, pattern->name) == 0;
	case XS_HOST_GLOB:
		return name && fnmatch(pattern->name, name, 0) == 0;
	case XS_HOST_NETWORK:
		return xs_address_in_network(to, &pattern->network,
					     pattern->bits);
	}
	return false;
}

static uint32_t seed;

static unsigned pick(unsigned below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* From few letters, so that things meet. */
static void random_name(char *text, size_t size, bool glob)
{
	static const char *const labels[] = { "a",  "b", "ab", "com",
					      "?b", "*", "a*", "*b*" };
	unsigned count = pick(3) + 1;
	size_t len = 0;

	for (unsigned i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s",
					i ? "." : "",
					labels[pick(glob ? 8 : 4)]);
}

static void random_ip(char *text, size_t size)
{
	switch (pick(3)) {
	case 0:
		snprintf(text, size, "10.%u.%u.%u", pick(3), pick(3), pick(4));
		break;
	case 1:
		snprintf(text, size, "::ffff:10.%u.%u.%u", pick(3), pick(3),
			 pick(4));
		break;
	default:
		snprintf(text, size, "2001:db8:%u:%x::%u", pick(3),
			 pick(2) * 0x8000, pick(3));
	}
}

static size_t random_rule(char *text, size_t size)
{
	char host[64], ip[64], ports[32] = "";

	random_ip(ip, sizeof(ip));
	if (pick(2))
		snprintf(ports, sizeof(ports), ":%u,%u-%u", pick(3) + 1,
			 pick(3) + 3, pick(3) + 6);
	switch (pick(6)) {
	case 0:
		snprintf(host, sizeof(host), "*");
		/* Not too many, or nothing else is ever reached. */
		snprintf(ports, sizeof(ports), ":%u", pick(9) + 1);
		break;
	case 1:
		random_name(host, sizeof(host), true);
		break;
	case 2:
		snprintf(host, sizeof(host), "[%.40s/%u]",
			 strchr(ip, ':') ? ip : "::1", pick(33) + 96);
		break;
	case 3:
		snprintf(host, sizeof(host), strchr(ip, ':') ? "[%s]" : "%s",
			 ip);
		break;
	case 4:
		snprintf(host, sizeof(host), "10.%u.0.0/%u", pick(3), pick(33));
		break;
	default:
		random_name(host, sizeof(host), false);
	}
	return (size_t)snprintf(text, size, "%s%s%s=deny://\n",
				pick(4) ? "" : "udp://", host, ports);
}

static void compare(const struct xs_rules *rules, const char *text)
{
	char ip[64], name[64];
	struct xs_address to;
	bool udp = pick(4) == 0, named = pick(3) != 0;
	const struct xs_rule *plain = NULL;

	random_ip(ip, sizeof(ip));
	random_name(name, sizeof(name), false);
	to = address(ip, (uint16_t)(pick(9) + 1));
	for (size_t i = 0; i < rules->count && !plain; i++)
		if (plain_match(&rules->rule[i], udp, &to, named ? name : NULL))
			plain = &rules->rule[i];
	/* Criterion is slow at assertions that hold. */
	if (xs_match(rules, udp, &to, named ? name : NULL) != plain ||
	    (plain && !xs_match_has_port(rules, udp, xs_address_port(&to))))
		cr_assert_fail("%s %s:%u %s, rules:\n%s", udp ? "udp" : "tcp",
			       ip, xs_address_port(&to), named ? name : "",
			       text);
}

Test(match, agrees_with_trying_all_rules, .timeout = 120)
{
	for (seed = 1; seed < 400; seed++) {
		uint32_t start = seed;
		char text[4000];
		size_t len = 0;
		unsigned count = pick(30);

		text[0] = '\0';
		for (unsigned i = 0; i < count; i++)
			len += random_rule(text + len, sizeof(text) - len);
		struct xs_rules *rules = read_rules(text);

		for (int i = 0; i < 200; i++)
			compare(rules, text);
		xs_arena_free(&arena);
		seed = start;
	}
}

/* --- many rules --------------------------------------------------------- */

static double time_of(const struct xs_rules *rules, const char *name)
{
	struct xs_address to = address("10.39.249.1", 443);
	struct timespec start, end;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (int i = 0; i < 20000; i++)
		xs_match(rules, false, &to, name);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	return (double)(end.tv_sec - start.tv_sec) +
	       (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

/* Names for a port do not cost those who connect to another. */
Test(match, ten_thousand_names_are_not_walked_for_another_port, .timeout = 60)
{
	char *text = malloc(10000 * 40), *at = text;
	const struct xs_rules *rules;
	struct timespec start, end;

	for (int i = 0; i < 10000; i++)
		at += sprintf(at, "h%d.example.com:443=tls://\n", i);
	rules = read_rules(text);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (int i = 0; i < 20000; i++) {
		size_t from = 0;

		cr_assert_null(xs_match_next_named(rules, false, 80, &from));
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	/* Most of a second if they were. */
	cr_assert_lt((double)(end.tv_sec - start.tv_sec) +
			     (double)(end.tv_nsec - start.tv_nsec) / 1e9,
		     0.1);
	free(text);
}

/* Ten thousand rules of each kind that has a key; the last one matches. */
Test(match, ten_thousand_rules_are_about_as_fast_as_one, .timeout = 60)
{
	for (int kind = 0; kind < 3; kind++) {
		char *text = malloc(10000 * 40), *at = text;
		char name[64] = "x.y";
		double few, many;

		for (int i = 0; i < 10000; i++) {
			if (kind == 2)
				at += sprintf(at, "10.%d.%d.1=tls://\n",
					      i / 250, i % 250);
			else
				at += sprintf(at, "%sh%d.example.com=tls://\n",
					      kind ? "*." : "", i);
		}
		if (kind < 2)
			snprintf(name, sizeof(name), "%sh9999.example.com",
				 kind ? "x." : "");
		few = time_of(read_rules("a=tls:// *.b=tls:// 10.0.0.1=tls:// "
					 "*=tls://"),
			      name);
		many = time_of(read_rules(text), name);
		cr_assert_lt(many, few * 10 + 0.1, "%d: %f %f", kind, few,
			     many);
		free(text);
	}
}
