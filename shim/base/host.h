/* Host names, addresses and "host:port", as rules and options write them.
 *
 * A name is stored in lower case without its trailing dot, so that a
 * comparison is a strcmp.  No look-up happens here.
 */
#ifndef XS_HOST_H
#define XS_HOST_H

#include "base/address.h"
#include "base/parse.h"

/* Longest host name in text form (RFC 1035, 2.3.4: 255 octets on the wire),
 * and longest label. */
#define XS_HOST_LEN_MAX	  253
#define XS_HOST_LABEL_MAX 63

/* "host:port" taken apart. */
struct xs_host_port {
	struct xs_span host; /* without brackets; may be empty */
	struct xs_span port; /* empty: none was given */
	bool ipv6;	     /* in brackets, or with two colons: an IPv6 address
				or nothing */
};

/* Splits "name", "name:port", "192.0.2.1:port", "[2001:db8::1]:port",
 * "2001:db8::1" or ":port".  Returns 0, or -1 with the error set. */
int xs_host_split(struct xs_parse *parse, struct xs_span text,
		  struct xs_host_port *split);

/* Reads an IP address; its port becomes 0.  False when it is none. */
bool xs_host_address(struct xs_span text, struct xs_address *address);

/* Checks a name and stores it in the arena.  With glob, "*" and "?" may stand
 * anywhere.  Returns 0, or -1 with the error set: what is wrong with it. */
int xs_host_name(struct xs_parse *parse, struct xs_span text, bool glob,
		 const char **name);

/* Reads an IPv6 address (split.ipv6), IPv4 address or name of a host.  Exactly
 * one of address->len and *name is set.  Returns 0, or -1 with the error
 * set. */
int xs_host_read(struct xs_parse *parse, const struct xs_host_port *split,
		 struct xs_address *address, const char **name);

/* True when text has "*" or "?" in it. */
bool xs_host_is_glob(struct xs_span text);

#endif
