/* An IP address with a port: parse, print, compare.
 *
 * A struct xs_address is a sockaddr_in or sockaddr_in6 that is known to be
 * complete.  IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2) compare equal to
 * the IPv4 address that they carry, because the peer is the same.
 *
 * No I/O (but for a scope that is given by interface name), no allocation.
 */
#ifndef XS_ADDRESS_H
#define XS_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct xs_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len; /* bytes in use; 0: no address */
};

/* Longest text of xs_address_format, with its NUL:
 * "[" 45 characters "%" 10 digits "]:" 5 digits. */
#define XS_ADDRESS_TEXT_MAX 72

/* Takes a sockaddr of len bytes.  False when it is not AF_INET or AF_INET6 or
 * is too short for its family. */
bool xs_address_from(struct xs_address *to, const struct sockaddr *from,
		     socklen_t len);

/* Parses "192.0.2.1", "2001:db8::1" or "fe80::1%eth0" (no brackets, no port;
 * the port becomes 0).  False when text is not an IP address. */
bool xs_address_parse(struct xs_address *to, const char *text);

/* Parses "192.0.2.1:25" or "[2001:db8::1%2]:25", what xs_address_format
 * writes.  False when text is anything else. */
bool xs_address_parse_port(struct xs_address *to, const char *text);

/* Writes "192.0.2.1:25" or "[2001:db8::1%2]:25" into text, always ended with
 * NUL, and returns text. */
const char *xs_address_format(const struct xs_address *address, char *text,
			      size_t size);

/* The same without brackets and port: "192.0.2.1", "2001:db8::1". */
const char *xs_address_format_ip(const struct xs_address *address, char *text,
				 size_t size);

/* The port in host order. */
uint16_t xs_address_port(const struct xs_address *address);
void xs_address_set_port(struct xs_address *address, uint16_t port);

/* The bytes that the kernel does not read (sin_zero; sin6_flowinfo), where the
 * library leaves a tag (rules/names.h).  Those of an IPv6 address are 32 bits;
 * of a family that is none of both there are none. */
uint64_t xs_address_unread(const struct sockaddr *address);
void xs_address_set_unread(struct sockaddr *address, uint64_t bytes);

/* True when both are the same IP address; ports and scopes do not count. */
bool xs_address_same_ip(const struct xs_address *a, const struct xs_address *b);

/* True when address lies in the network net/bits.  bits counts in the family
 * of net: 0 to 32 or 0 to 128. */
bool xs_address_in_network(const struct xs_address *address,
			   const struct xs_address *net, unsigned bits);

/* The 16 bytes of the IPv6 form; IPv4 becomes ::ffff:a.b.c.d. */
void xs_address_bytes(const struct xs_address *address, uint8_t bytes[16]);

/* Gives address the form that a socket of this family uses: IPv4 becomes
 * IPv4-mapped for AF_INET6, IPv4-mapped becomes IPv4 for AF_INET.  False, and
 * *address unchanged, when the family cannot express it. */
bool xs_address_to_family(struct xs_address *address, int family);

#endif
