/* Tests: shim/rules/pattern.c, ports.c, target.c.
 *
 * Patterns and targets, in every form that the manual lists. */
#include "rules/rules.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct xs_arena arena;
static struct xs_error err;

/* Reads one rule, which must be good. */
static const struct xs_rule *good(const char *text)
{
	struct xs_rules *rules;

	xs_error_clear(&err);
	rules = xs_rules_read(text, NULL, "/", &arena, &err);
	cr_assert_not_null(rules, "%s: %s", text, err.text);
	cr_assert_eq(rules->count, 1, "%s", text);
	return rules->rule;
}

/* The rule is refused at that column, in a sentence with these words. */
static void bad(const char *text, int column, const char *words)
{
	char place[64];

	xs_error_clear(&err);
	cr_expect_null(xs_rules_read(text, NULL, "/", &arena, &err), "%s",
		       text);
	cr_expect_eq(err.kind, XS_ERR_RULES, "%s", text);
	snprintf(place, sizeof(place), "XSOCK_RULES:1:%d: ", column);
	cr_expect(strncmp(err.text, place, strlen(place)) == 0, "%s: %s", text,
		  err.text);
	cr_expect(strstr(err.text, words), "%s: %s", text, err.text);
}

/* "HOST:PORT" of a target; HOST empty for none. */
static const char *shown(const struct xs_target *target)
{
	static char text[400];
	char ip[XS_ADDRESS_TEXT_MAX] = "";

	if (target->address.len > 0)
		xs_address_format_ip(&target->address, ip, sizeof(ip));
	snprintf(text, sizeof(text), "%s %s:%u", target->scheme->name,
		 target->host ? target->host : ip, target->port);
	return text;
}

Test(target, every_form_of_the_php_page)
{
	static const char *const forms[][2] = {
		{ "127.0.0.1", "tcp 127.0.0.1:0" },
		{ "fe80::1", "tcp fe80::1:0" },
		{ "www.example.com", "tcp www.example.com:0" },
		{ "tcp://127.0.0.1", "tcp 127.0.0.1:0" },
		{ "tcp://fe80::1", "tcp fe80::1:0" },
		{ "tcp://www.example.com", "tcp www.example.com:0" },
		{ "ssl://www.example.com", "ssl www.example.com:0" },
		{ "tls://www.example.com", "tls www.example.com:0" },
		{ "tcp://127.0.0.1:80", "tcp 127.0.0.1:80" },
		{ "tcp://[fe80::1]:80", "tcp fe80::1:80" },
		{ "tcp://www.example.com:80", "tcp www.example.com:80" },
		/* and what follows from the grammar */
		{ "", "tcp :0" },
		{ ":80", "tcp :80" },
		{ "tls://", "tls :0" },
		{ "tls://:443", "tls :443" },
		{ "tlsv1.0://a", "tlsv1.0 a:0" },
		{ "tlsv1.1://a", "tlsv1.1 a:0" },
		{ "tlsv1.2://a", "tlsv1.2 a:0" },
		{ "TLSv1.3://A.B.", "tlsv1.3 a.b:0" },
		{ "[fe80::1]", "tcp fe80::1:0" },
		{ "tls://fe80::1", "tls fe80::1:0" },
		{ "tls://[::1]:https", "tls ::1:443" },
		{ "tls://_x.a-b", "tls _x.a-b:0" },
		{ "tcp://tls:1", "tcp tls:1" },
		{ "deny://", "deny :0" },
		{ "?", "tcp :0" },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char text[100];

		snprintf(text, sizeof(text), "*=%s", forms[i][0]);
		cr_expect_str_eq(shown(&good(text)->target), forms[i][1],
				 "%s: %s", text, shown(&good(text)->target));
	}
}

Test(target, a_bare_ipv6_address_has_no_port)
{
	const struct xs_rule *rule = good("*=tls://fe80::1:80");
	char text[XS_ADDRESS_TEXT_MAX];

	cr_assert_str_eq(
		xs_address_format_ip(&rule->target.address, text, sizeof(text)),
		"fe80::1:80");
	cr_assert_eq(rule->target.port, 0);
}

Test(target, unknown_transports_are_refused_with_a_suggestion)
{
	bad("www.example.com=tsl://", 17,
	    "unknown transport \"tsl\" (did you "
	    "mean \"tls\"?)");
	bad("*=gopher://", 3, "unknown transport \"gopher\": \"xsock check");
	bad("*=https://", 3, "(did you mean \"tls\"?)");
	bad("*=IMAPS://", 3, "(did you mean \"imap+tls\"?)");
	bad("*=ircs://", 3, "(did you mean \"tls\"?)");
	bad("*=imap://", 3, "(did you mean \"imap+starttls\"?)");
	bad("*=xmpp-server://", 3, "(did you mean \"xmpp-server+starttls\"?)");
	bad("*=://", 3, "no transport");
	bad("*=\x01://", 3, "\"\\x01\"");
}

Test(target, schemes_that_cannot_be_used_are_refused_by_name)
{
	bad("*=sslv2://", 3, "OpenSSL removed");
#ifndef XS_HAVE_SSL3
	bad("*=sslv3://www.example.com", 3, "built without");
#endif
}

Test(target, a_scheme_without_slashes_is_no_host)
{
	bad("*=tls", 3, "written tls://");
	bad("*=TLS:443", 3, "written tls://");
	bad("*=deny", 3, "written deny://");
}

Test(target, udp_goes_with_udp)
{
	static const char *const schemes[] = { "udp", "dtls", "dtlsv1.2",
					       "deny" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "udp://*=%s://", schemes[i]);
		cr_assert(good(text)->pattern.udp, "%s", text);
		cr_assert_str_eq(good(text)->target.scheme->name, schemes[i]);
	}
	cr_assert_not(good("tcp://*=deny://")->pattern.udp);
}

Test(target, the_other_transport_is_an_error_that_says_what_is_meant)
{
	bad("udp://*=tls://", 9,
	    "\"tls\" is for TCP, and this pattern is for UDP: dtls:// is "
	    "meant, or a pattern without udp://");
	bad("udp://a:1=tlsv1.2://b:2", 11, "dtlsv1.2:// is meant");
	bad("udp://a=tlsv1.3://", 9, "UDP: dtls:// is meant");
	bad("udp://a=smtp+starttls://", 9, "UDP: dtls:// is meant");
	bad("udp://a=starttls://", 9, "UDP: dtls:// is meant");
	bad("udp://a=postgres+tls://", 9, "UDP: dtls:// is meant");
	bad("udp://*=tcp://", 9, "UDP: udp:// is meant");
	bad("udp://*=:53", 9, "UDP: udp:// is meant");
	bad("udp://*=www.example.com", 9, "UDP: udp:// is meant");
	bad("*=dtls://", 3,
	    "\"dtls\" is for UDP, and this pattern is for TCP: tls:// is "
	    "meant, or a pattern that starts with udp://");
	bad("tcp://*=udp://", 9, "TCP: tcp:// is meant");
	bad("*=udp://www.example.com:53", 3, "TCP: tcp:// is meant");
	bad("tls://a=dtlsv1.2://", 9, "TCP: tlsv1.2:// is meant");
}

Test(target, every_form_of_udp)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} forms[] = {
		{ "udp://", "", 0 },
		{ "udp://:53", "", 53 },
		{ "udp://www.example.com", "www.example.com", 0 },
		{ "udp://www.example.com:53", "www.example.com", 53 },
		{ "udp://127.0.0.1", "127.0.0.1:0", 0 },
		{ "udp://127.0.0.1:53", "127.0.0.1:0", 53 },
		{ "udp://fe80::1", "[fe80::1]:0", 0 },
		{ "udp://[fe80::1]", "[fe80::1]:0", 0 },
		{ "udp://[fe80::1]:53", "[fe80::1]:0", 53 },
		{ "dtls://[2001:db8::1]:5684", "[2001:db8::1]:0", 5684 },
		{ "dtls://www.example.com", "www.example.com", 0 },
		{ "dtls://:domain-s", "", 853 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct xs_target *target;
		char text[100], host[XS_ADDRESS_TEXT_MAX] = "";

		snprintf(text, sizeof(text), "udp://*=%s", forms[i].text);
		target = &good(text)->target;
		if (target->address.len)
			xs_address_format(&target->address, host, sizeof(host));
		cr_expect_str_eq(target->host ? target->host : host,
				 forms[i].host, "%s", text);
		cr_expect_eq(target->port, forms[i].port, "%s", text);
	}
}

Test(target, bad_hosts)
{
	bad("*=tls://*.example.com", 9, "glob");
	bad("*=tls://a/", 10, "\"/\"");
	bad("*=tls://10.0.0.0/8", 17, "\"/\"");
	bad("*=tls://user@host", 13, "\"@\"");
	bad("*=tls://a..b", 11, "empty label");
	bad("*=tls://.", 9, "empty label");
	bad("*=tls://1.2.3", 9, "not an IPv4 address");
	bad("*=tls://1.2.3.4.5", 9, "not an IPv4 address");
	bad("*=tls://256.1.1.1", 9, "not an IPv4 address");
	bad("*=tls://[::1", 9, "without \"]\"");
	bad("*=tls://[]", 10, "not an IPv6 address");
	bad("*=tls://[1.2.3.4]", 10, "not an IPv6 address");
	bad("*=tls://[::1]x", 14, "only a port");
	bad("*=tls://a:1:2", 9, "not an IPv6 address");
	bad("*=tls://b\xc3\xbc"
	    "cher.de",
	    10, "xn--");
	bad("*=tls://[fe80::1%no-such-if0]", 10, "known interface");
	bad("*=deny://host", 10, "neither host nor port");
	bad("*=deny://:80", 10, "neither host nor port");
}

Test(target, names_have_limits)
{
	char text[600];
	char label[70];

	memset(label, 'a', sizeof(label));
	snprintf(text, sizeof(text), "*=tls://%.63s", label);
	good(text);
	snprintf(text, sizeof(text), "*=tls://x.%.64s", label);
	bad(text, 11, "63 bytes");
	snprintf(text, sizeof(text), "*=tls://%.63s.%.63s.%.63s.%.61s", label,
		 label, label, label);
	good(text);
	snprintf(text, sizeof(text), "*=tls://%.63s.%.63s.%.63s.%.62s", label,
		 label, label, label);
	bad(text, 9, "253 bytes");
}

Test(target, bad_ports)
{
	bad("*=tls://a:0", 11, "1 to 65535");
	bad("*=tls://a:65536", 11, "1 to 65535");
	bad("*=tls://a:99999999999999999999", 11, "1 to 65535");
	bad("*=tls://a:", 10, "no port");
	bad("*=tls://a:-1", 11, "neither a port");
	bad("*=tls://a:1-2", 11, "neither a port");
	bad("*=tls://a:*", 11, "stands alone");
	bad("*=tls://a:no-such-service", 11, "neither a port");
	good("*=tls://a:65535");
	good("*=tls://a:00080");
}

/* --- patterns ----------------------------------------------------------- */

static const char *shown_pattern(const struct xs_pattern *pattern)
{
	static const char *const kinds[] = { "any", "name", "glob", "network" };
	static char text[1000];
	char ip[XS_ADDRESS_TEXT_MAX] = "";
	size_t len;

	if (pattern->kind == XS_HOST_NETWORK)
		xs_address_format_ip(&pattern->network, ip, sizeof(ip));
	len = (size_t)snprintf(text, sizeof(text), "%s%s %s",
			       pattern->udp ? "udp " : "", kinds[pattern->kind],
			       pattern->name ? pattern->name : ip);
	if (pattern->kind == XS_HOST_NETWORK)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "/%u",
					pattern->bits);
	for (size_t i = 0; i < pattern->nports; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					" %u-%u", pattern->ports[i].first,
					pattern->ports[i].last);
	return text;
}

Test(pattern, every_form)
{
	static const char *const forms[][2] = {
		/* of the PHP page */
		{ "127.0.0.1", "network 127.0.0.1/32" },
		{ "fe80::1", "network fe80::1/128" },
		{ "www.example.com", "name www.example.com" },
		{ "tcp://127.0.0.1", "network 127.0.0.1/32" },
		{ "tcp://fe80::1", "network fe80::1/128" },
		{ "tcp://www.example.com", "name www.example.com" },
		{ "ssl://www.example.com", "name www.example.com" },
		{ "sslv2://www.example.com", "name www.example.com" },
		{ "sslv3://www.example.com", "name www.example.com" },
		{ "tls://www.example.com", "name www.example.com" },
		{ "tcp://127.0.0.1:80", "network 127.0.0.1/32 80-80" },
		{ "tcp://[fe80::1]:80", "network fe80::1/128 80-80" },
		{ "tcp://www.example.com:80", "name www.example.com 80-80" },
		/* of the grammar */
		{ "*", "any " },
		{ "*:*", "any " },
		{ "**", "any " },
		{ "*:443", "any  443-443" },
		{ "*.Example.COM.", "glob *.example.com" },
		{ "a?c**d", "glob a?c*d" },
		{ "10.0.0.0/8", "network 10.0.0.0/8" },
		{ "10.9.8.7/8", "network 10.0.0.0/8" },
		{ "10.9.8.7/0", "network 0.0.0.0/0" },
		{ "10.9.8.255/25", "network 10.9.8.128/25" },
		{ "[2001:db8::1/32]", "network 2001:db8::/32" },
		{ "[2001:db8::ffff/127]:1", "network 2001:db8::fffe/127 1-1" },
		{ "[::/0]", "network ::/0" },
		{ "[::1]", "network ::1/128" },
		{ "::", "network ::/128" },
		{ "::ffff:10.0.0.1", "network 10.0.0.1/32" },
		{ "[::ffff:10.9.8.7/104]", "network 10.0.0.0/8" },
		{ "[fe80::1%1]", "network fe80::1%1/128" },
		{ "[fe80::1%lo]", "network fe80::1%1/128" },
		{ "a:https", "name a 443-443" },
		{ "a:HTTPS", "name a 443-443" },
		{ "a:ftp-data", "name a 20-20" },
		{ "a:8000-8010", "name a 8000-8010" },
		{ "a:1-65535", "name a 1-65535" },
		{ "a:443,80,https", "name a 80-80 443-443" },
		{ "a:80,81,79-80", "name a 79-81" },
		{ "a:65535,1,63,64,128-191",
		  "name a 1-1 63-64 128-191 65535-65535" },
		{ "a_b.-c", "name a_b.-c" },
		{ "xn--bcher-kva.example", "name xn--bcher-kva.example" },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char text[100];

		snprintf(text, sizeof(text), "%s=tls://", forms[i][0]);
		cr_expect_str_eq(shown_pattern(&good(text)->pattern),
				 forms[i][1], "%s: %s", text,
				 shown_pattern(&good(text)->pattern));
	}
	/* Of datagrams, the same. */
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *host = strstr(forms[i][0], "://");
		char text[100], expected[100];

		snprintf(text, sizeof(text), "udp://%s=dtls://",
			 host ? host + 3 : forms[i][0]);
		snprintf(expected, sizeof(expected), "udp %s", forms[i][1]);
		cr_expect_str_eq(shown_pattern(&good(text)->pattern), expected,
				 "%s: %s", text,
				 shown_pattern(&good(text)->pattern));
	}
}

Test(pattern, one_list_leaves_nothing_to_the_next)
{
	struct xs_rules *rules;

	xs_error_clear(&err);
	rules = xs_rules_read("a:80,1-65535=tls:// b:22,60000=tls://", NULL,
			      "/", &arena, &err);
	cr_assert_not_null(rules, "%s", err.text);
	cr_assert_str_eq(shown_pattern(&rules->rule[0].pattern),
			 "name a 1-65535");
	cr_assert_str_eq(shown_pattern(&rules->rule[1].pattern),
			 "name b 22-22 60000-60000");
}

Test(pattern, no_ranges_are_every_port)
{
	const struct xs_port_range range = { 5, 6 };

	cr_assert(xs_ports_have(NULL, 0, 1));
	cr_assert(xs_ports_have(&range, 1, 6));
	cr_assert_not(xs_ports_have(&range, 1, 4));
	cr_assert_not(xs_ports_have(&range, 1, 7));
}

Test(pattern, bad_hosts)
{
	bad("=tls://", 1, "every host");
	bad(":443=tls://", 1, "every host");
	bad("tcp://=tls://", 7, "every host");
	bad("tcp=tls", 5, "would be a host");
	bad("tpc://a=tls://", 1, "(did you mean \"tcp\"?)");
	bad("deny://a=tls://", 1, "tcp:// or udp://");
	bad("dtls://a=deny://", 1, "the application uses udp://");
	bad("dtlsv1.2://a=deny://", 1, "the application uses udp://");
	bad("a/b=tls://", 2, "only an IP address");
	bad("a.b/8=tls://", 4, "only an IP address");
	bad("10.*=tls://", 1, "network such as");
	bad("192.168.?.1=tls://", 1, "IPv4");
	bad("10.0.0.0/33=tls://", 10, "0 to 32");
	bad("10.0.0.0/=tls://", 10, "0 to 32");
	bad("10.0.0.0/-1=tls://", 10, "0 to 32");
	bad("10.0.0.0/8/8=tls://", 10, "0 to 32");
	bad("[2001:db8::/129]=tls://", 13, "0 to 128");
	bad("[2001:db8::]/32=tls://", 13, "brackets");
	bad("2001:db8::/32=tls://", 1, "brackets");
	bad("[10.0.0.1]=tls://", 2, "not an IPv6 address");
	bad("[*]=tls://", 2, "not an IPv6 address");
	bad("[::ffff:0:0/95]=tls://", 13, "IPv4");
	bad("a:b:c=tls://", 1, "not an IPv6 address");
	bad("*.b\xc3\xbc"
	    "cher.de=tls://",
	    4, "xn--");
	bad("a\"b=tls://", 2, "cannot stand");
}

Test(pattern, bad_ports)
{
	bad("a:=tls://", 2, "no port");
	bad("a:0=tls://", 3, "1 to 65535");
	bad("a:80-0=tls://", 6, "1 to 65535");
	bad("a:80-79=tls://", 3, "backwards");
	bad("a:80,=tls://", 6, "missing");
	bad("a:,80=tls://", 3, "missing");
	bad("a:80,*=tls://", 6, "stands alone");
	bad("a:80,70-60=tls://", 6, "backwards");
	bad("a:htps=tls://", 3, "(did you mean \"https\"?)");
	bad("a:80-90-100=tls://", 3, "neither a port");
}
