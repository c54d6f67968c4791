/* XMPP before TLS (xmpp.c) and behind it (xmpp_filter.c). */
#ifndef XS_XMPP_H
#define XS_XMPP_H

#include "relay/starttls/protocol.h"

/* The length of the tag that data begins with, up to its ">", which may also be
 * in a quoted attribute; 0: more is needed. */
size_t xs_xmpp_tag(const uint8_t *data, size_t size);

/* TLS stands, and from here on the dialogue is the filter's.  Returns OPEN, or
 * MORE where the application takes part already, or BROKEN without memory. */
xs_step xs_xmpp_filter;

#endif
