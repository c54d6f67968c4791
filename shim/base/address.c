/* IP addresses with ports; see address.h. */
#include "base/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ::ffff:0:0/96 */
static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

bool xs_address_from(struct xs_address *to, const struct sockaddr *from,
		     socklen_t len)
{
	memset(to, 0, sizeof(*to));
	if (len < (socklen_t)sizeof(from->sa_family))
		return false;
	if (from->sa_family == AF_INET && len >= (socklen_t)sizeof(to->v4))
		to->len = sizeof(to->v4);
	/* Linux takes a sockaddr_in6 without its scope id (RFC 2133). */
	else if (from->sa_family == AF_INET6 &&
		 len >= (socklen_t)offsetof(struct sockaddr_in6, sin6_scope_id))
		to->len = len < (socklen_t)sizeof(to->v6)
				  ? len
				  : (socklen_t)sizeof(to->v6);
	else
		return false;
	memcpy(&to->any, from, to->len);
	to->len = from->sa_family == AF_INET ? sizeof(to->v4) : sizeof(to->v6);
	return true;
}

/* "%eth0" or "%2" behind an IPv6 address.  False when there is no such
 * interface. */
static bool parse_scope(struct xs_address *to, const char *scope)
{
	char *end;
	unsigned long number = strtoul(scope, &end, 10);

	if (scope[0] >= '0' && scope[0] <= '9' && *end == '\0' &&
	    number <= UINT32_MAX)
		to->v6.sin6_scope_id = (uint32_t)number;
	else
		to->v6.sin6_scope_id = if_nametoindex(scope);
	return to->v6.sin6_scope_id != 0;
}

bool xs_address_parse(struct xs_address *to, const char *text)
{
	char ip[INET6_ADDRSTRLEN];
	const char *scope = strchr(text, '%');
	size_t len = scope ? (size_t)(scope - text) : strlen(text);

	memset(to, 0, sizeof(*to));
	if (len >= sizeof(ip))
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (!scope && inet_pton(AF_INET, ip, &to->v4.sin_addr) == 1) {
		to->v4.sin_family = AF_INET;
		to->len = sizeof(to->v4);
		return true;
	}
	if (inet_pton(AF_INET6, ip, &to->v6.sin6_addr) != 1)
		return false;
	to->v6.sin6_family = AF_INET6;
	to->len = sizeof(to->v6);
	return !scope || parse_scope(to, scope + 1);
}

bool xs_address_parse_port(struct xs_address *to, const char *text)
{
	char ip[XS_ADDRESS_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	const char *start = text;
	char *end;
	unsigned long port;
	size_t len;

	if (!colon)
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port > UINT16_MAX)
		return false;
	len = (size_t)(colon - text);
	if (*text == '[') {
		if (len < 2 || colon[-1] != ']')
			return false;
		start++;
		len -= 2;
	}
	if (len >= sizeof(ip))
		return false;
	memcpy(ip, start, len);
	ip[len] = '\0';
	if (!xs_address_parse(to, ip) ||
	    (to->any.sa_family == AF_INET6) != (*text == '['))
		return false;
	xs_address_set_port(to, (uint16_t)port);
	return true;
}

const char *xs_address_format_ip(const struct xs_address *address, char *text,
				 size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (address->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &address->v4.sin_addr, ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, &address->v6.sin6_addr, ip, sizeof(ip));
	if (address->any.sa_family == AF_INET6 && address->v6.sin6_scope_id)
		snprintf(text, size, "%s%%%u", ip, address->v6.sin6_scope_id);
	else
		snprintf(text, size, "%s", ip);
	return text;
}

const char *xs_address_format(const struct xs_address *address, char *text,
			      size_t size)
{
	char ip[XS_ADDRESS_TEXT_MAX];
	bool v6 = address->any.sa_family == AF_INET6;

	xs_address_format_ip(address, ip, sizeof(ip));
	snprintf(text, size, v6 ? "[%s]:%u" : "%s:%u", ip,
		 xs_address_port(address));
	return text;
}

uint16_t xs_address_port(const struct xs_address *address)
{
	/* sin_port and sin6_port share their place. */
	return ntohs(address->v4.sin_port);
}

void xs_address_set_port(struct xs_address *address, uint16_t port)
{
	address->v4.sin_port = htons(port);
}

uint64_t xs_address_unread(const struct sockaddr *address)
{
	uint64_t bytes = 0;

	if (address->sa_family == AF_INET)
		memcpy(&bytes,
		       ((const struct sockaddr_in *)(const void *)address)
			       ->sin_zero,
		       sizeof(bytes));
	else if (address->sa_family == AF_INET6)
		bytes = ((const struct sockaddr_in6 *)(const void *)address)
				->sin6_flowinfo;
	return bytes;
}

void xs_address_set_unread(struct sockaddr *address, uint64_t bytes)
{
	if (address->sa_family == AF_INET)
		memcpy(((struct sockaddr_in *)(void *)address)->sin_zero,
		       &bytes, sizeof(bytes));
	else if (address->sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)address)->sin6_flowinfo =
			(uint32_t)bytes;
}

void xs_address_bytes(const struct xs_address *address, uint8_t bytes[16])
{
	if (address->any.sa_family == AF_INET6) {
		memcpy(bytes, &address->v6.sin6_addr, 16);
		return;
	}
	memcpy(bytes, mapped_prefix, 12);
	memcpy(bytes + 12, &address->v4.sin_addr, 4);
}

bool xs_address_same_ip(const struct xs_address *a, const struct xs_address *b)
{
	uint8_t x[16], y[16];

	xs_address_bytes(a, x);
	xs_address_bytes(b, y);
	return memcmp(x, y, 16) == 0;
}

static bool is_mapped(const uint8_t bytes[16])
{
	return memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool xs_address_in_network(const struct xs_address *address,
			   const struct xs_address *net, unsigned bits)
{
	uint8_t x[16], y[16];
	unsigned left = bits + (net->any.sa_family == AF_INET ? 96 : 0);

	xs_address_bytes(address, x);
	xs_address_bytes(net, y);
	/* "::/0" is every IPv6 address, not every IPv4 address. */
	if (is_mapped(x) != is_mapped(y))
		return false;
	for (unsigned i = 0; i < 16 && left > 0; i++) {
		unsigned take = left < 8 ? left : 8;
		uint8_t mask = (uint8_t)(0xff << (8 - take));

		if ((x[i] ^ y[i]) & mask)
			return false;
		left -= take;
	}
	return true;
}

bool xs_address_to_family(struct xs_address *address, int family)
{
	struct xs_address other = { .len = 0 };

	if (address->any.sa_family == family)
		return true;
	if (family == AF_INET6) {
		other.v6.sin6_family = AF_INET6;
		other.v6.sin6_port = address->v4.sin_port;
		xs_address_bytes(address, other.v6.sin6_addr.s6_addr);
		other.len = sizeof(other.v6);
	} else {
		if (!IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
			return false;
		other.v4.sin_family = AF_INET;
		other.v4.sin_port = address->v6.sin6_port;
		memcpy(&other.v4.sin_addr, address->v6.sin6_addr.s6_addr + 12,
		       4);
		other.len = sizeof(other.v4);
	}
	*address = other;
	return true;
}
