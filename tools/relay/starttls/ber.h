/* BER as LDAP has it (X.690; RFC 4511, 5.1): definite lengths only. */
#ifndef XS_BER_H
#define XS_BER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Universal tags. */
enum {
	XS_BER_BOOLEAN = 0x01,
	XS_BER_INTEGER = 0x02,
	XS_BER_OCTETS = 0x04,
	XS_BER_ENUMERATED = 0x0a,
	XS_BER_SEQUENCE = 0x30,
	XS_BER_SET = 0x31,
};

/* Elements, one behind the other. */
struct xs_ber {
	const uint8_t *at, *end;
};

/* Reads tag and length.  The size of both in *head, 0: more bytes are needed.
 * False: not a definite length of at most four bytes (RFC 4511, 5.1). */
bool xs_ber_read_head(struct xs_ber ber, size_t *head, size_t *len);

/* Takes the first element, which must be whole and of this tag. */
bool xs_ber_take(struct xs_ber *ber, uint8_t tag, struct xs_ber *value);

/* A number from 0 to 2^31 - 1. */
bool xs_ber_take_number(struct xs_ber *ber, uint8_t tag, uint32_t *number);

#endif
