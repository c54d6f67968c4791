/* Usual ports: plaintext, the same service with TLS, and how it takes TLS
 * later. */
#ifndef XS_USUAL_PORTS_H
#define XS_USUAL_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Plaintext ports, where the same service takes TLS at once, and the protocol
 * in which it takes it later, if there is one. */
struct xs_ports {
	uint16_t plain, tls; /* tls 0: it has none of its own */
	const char *upgrade; /* "smtp" of smtp+starttls://, or NULL */
	bool more; /* tls:// is not enough at that port: data connections in
		      plaintext, clients that give up */
};
extern const struct xs_ports xs_ports[];
extern const size_t xs_ports_count;

/* The usual port of the same service with DTLS; 0: none is known, or it is that
 * port. */
uint16_t xs_ports_dtls(uint16_t plain);

/* The scheme for TLS at once of a protocol (NULL: none), without "://". */
const char *xs_ports_scheme(const char *protocol);

#endif
