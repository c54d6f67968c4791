/* Usual ports; see ports.h. */
#include "xsock/ports.h"

#include "base/scheme.h"

#include <stdio.h>

const struct xs_ports xs_ports[] = {
	{ 21, 990, "ftp", true },	{ 23, 992, NULL, false },
	{ 25, 465, "smtp", false },	{ 80, 443, NULL, false },
	{ 110, 995, "pop3", false },	{ 119, 563, "nntp", false },
	{ 143, 993, "imap", false },	{ 389, 636, "ldap", false },
	{ 587, 465, "smtp", false },	{ 1883, 8883, NULL, false },
	{ 3306, 0, "mysql", false },	{ 4190, 0, "sieve", false },
	{ 5222, 5223, "xmpp", true },	{ 5269, 5270, "xmpp-server", false },
	{ 5432, 0, "postgres", false }, { 5672, 5671, NULL, false },
	{ 4222, 0, "nats", false },	{ 6667, 6697, "irc", false },
};
const size_t xs_ports_count = sizeof(xs_ports) / sizeof(xs_ports[0]);

/* IANA's registry; RFC 7360, 3 has RADIUS's. */
static const struct {
	uint16_t plain, dtls;
} datagrams[] = {
	{ 53, 853 },	{ 161, 10161 }, { 162, 10162 },
	{ 514, 6514 },	{ 1812, 2083 }, { 1813, 2083 },
	{ 3478, 5349 }, { 5060, 5061 }, { 5683, 5684 },
};

uint16_t xs_ports_dtls(uint16_t plain)
{
	for (size_t i = 0; i < sizeof(datagrams) / sizeof(datagrams[0]); i++)
		if (datagrams[i].plain == plain)
			return datagrams[i].dtls;
	return 0;
}

const char *xs_ports_scheme(const char *protocol)
{
	char name[32];
	const struct xs_scheme *scheme;

	snprintf(name, sizeof(name), "%s+tls", protocol ? protocol : "");
	scheme = xs_scheme_find(name);
	return scheme ? scheme->name : "tls";
}
