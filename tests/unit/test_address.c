/* Tests: shim/base/address.c.
 *
 * IP addresses: reading, writing, comparing, networks. */
#include "base/address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

static struct xs_address ip(const char *text)
{
	struct xs_address address;

	cr_assert(xs_address_parse(&address, text), "%s", text);
	return address;
}

static const char *const round_trips[] = {
	"192.0.2.1:25",	       "0.0.0.0:0",	  "255.255.255.255:65535",
	"[::1]:443",	       "[2001:db8::1]:1", "[fe80::1%7]:80",
	"[::ffff:10.1.2.3]:9",
};

Test(address, text_and_back)
{
	for (size_t i = 0; i < sizeof(round_trips) / sizeof(*round_trips);
	     i++) {
		struct xs_address address;
		char text[XS_ADDRESS_TEXT_MAX];

		cr_assert(xs_address_parse_port(&address, round_trips[i]));
		cr_assert_str_eq(
			xs_address_format(&address, text, sizeof(text)),
			round_trips[i]);
	}
}

static const char *const not_addresses[] = {
	"",	     "1.2.3.4",	    "1.2.3:80",	     "::1:80",
	"[::1]",     "[::1]80",	    "1.2.3.4:65536", "1.2.3.4:",
	"1.2.3.4:x", "[1.2.3.4]:1", "[fe80::1%]:1",  "[]:1",
	"[",	     "1.2.3.4:1 ",  "[::1:1",	     "localhost:80",
};

Test(address, what_is_no_address)
{
	for (size_t i = 0; i < sizeof(not_addresses) / sizeof(*not_addresses);
	     i++) {
		struct xs_address address;

		cr_assert_not(xs_address_parse_port(&address, not_addresses[i]),
			      "\"%s\"", not_addresses[i]);
	}
}

Test(address, from_sockaddr_checks_the_length)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct xs_address address;
	struct sockaddr local = { .sa_family = AF_UNIX };

	cr_assert(xs_address_from(&address, (void *)&v4, sizeof(v4)));
	cr_assert_not(xs_address_from(&address, (void *)&v4, sizeof(v4) - 1));
	cr_assert(xs_address_from(&address, (void *)&v6, sizeof(v6)));
	/* Without the scope id, as RFC 2133 had it. */
	cr_assert(xs_address_from(&address, (void *)&v6, 24));
	cr_assert_eq(address.len, sizeof(v6));
	cr_assert_not(xs_address_from(&address, (void *)&v6, 23));
	cr_assert_not(xs_address_from(&address, &local, sizeof(local)));
	cr_assert_not(xs_address_from(&address, &local, 1));
}

Test(address, mapped_is_the_same)
{
	struct xs_address a = ip("10.0.0.1"), b = ip("::ffff:10.0.0.1");
	struct xs_address c = ip("10.0.0.2");

	cr_assert(xs_address_same_ip(&a, &b));
	cr_assert_not(xs_address_same_ip(&a, &c));
	cr_assert_not(xs_address_same_ip(&c, &b));
}

static const struct {
	const char *address, *net;
	unsigned bits;
	bool in;
} networks[] = {
	{ "10.1.2.3", "10.0.0.0", 8, true },
	{ "11.1.2.3", "10.0.0.0", 8, false },
	{ "10.1.2.3", "10.1.2.2", 31, true },
	{ "10.1.2.4", "10.1.2.2", 31, false },
	{ "10.1.2.3", "0.0.0.0", 0, true },
	{ "::ffff:10.1.2.3", "10.0.0.0", 8, true },
	{ "::1", "0.0.0.0", 0, false },
	{ "10.1.2.3", "::", 0, false },
	{ "2001:db8::5", "2001:db8::", 32, true },
	{ "2001:db9::5", "2001:db8::", 32, false },
	{ "2001:db8::5", "::", 0, true },
	{ "2001:db8::5", "2001:db8::5", 128, true },
	{ "2001:db8::4", "2001:db8::5", 128, false },
};

Test(address, networks)
{
	for (size_t i = 0; i < sizeof(networks) / sizeof(*networks); i++) {
		struct xs_address address = ip(networks[i].address);
		struct xs_address net = ip(networks[i].net);

		cr_assert_eq(
			xs_address_in_network(&address, &net, networks[i].bits),
			networks[i].in, "%s in %s/%u", networks[i].address,
			networks[i].net, networks[i].bits);
	}
}

Test(address, families)
{
	struct xs_address a = ip("10.0.0.1");

	xs_address_set_port(&a, 99);
	cr_assert(xs_address_to_family(&a, AF_INET6));
	cr_assert_eq(a.v6.sin6_family, AF_INET6);
	cr_assert(IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr));
	cr_assert_eq(xs_address_port(&a), 99);
	cr_assert(xs_address_to_family(&a, AF_INET));
	cr_assert_eq(a.v4.sin_addr.s_addr, htonl(0x0a000001));
	a = ip("2001:db8::1");
	cr_assert_not(xs_address_to_family(&a, AF_INET));
	cr_assert_eq(a.v6.sin6_family, AF_INET6);
}
