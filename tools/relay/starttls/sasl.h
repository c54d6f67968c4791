/* SASL mechanisms that bind to TLS (RFC 5802, "-PLUS"), in what a server
 * offers behind TLS.
 *
 * An application that sees no TLS cannot use them.  Some give up when they are
 * offered one, because they take it for an attack; others choose it, and fail.
 * So a filter takes them out of the lists, and leaves everything else as it is.
 */
#ifndef XS_SASL_H
#define XS_SASL_H

#include "relay/starttls/protocol.h"

/* Does a mechanism of this name bind to TLS? */
bool xs_sasl_binds(const void *name, size_t len);

/* A list had no other mechanisms than those: has the user told. */
void xs_sasl_none_left(struct xs_dialogue *dialogue);

/* TLS stands, and from here on the dialogue is the filter's, in the protocol of
 * lines that the dialogue has (sasl_lines.c).  Returns OPEN, or MORE where the
 * application takes part already, or BROKEN without memory. */
xs_step xs_sasl_filter;

#endif
