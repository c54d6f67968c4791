/* ManageSieve's responses (RFC 5804, 1.2 and 4): capabilities, OK, NO, BYE.
 * A string in them may be a literal, {n} CR LF and n bytes, so one response
 * is not always one line. */
#ifndef XS_SIEVE_H
#define XS_SIEVE_H

#include "relay/starttls/protocol.h"

/* The length of a line with the literals in it (xs_frame). */
size_t xs_sieve_frame(struct xs_dialogue *dialogue, bool from_app,
		      const uint8_t *data, size_t size, struct xs_error *err);

enum xs_sieve_kind {
	XS_SIEVE_WRONG,
	XS_SIEVE_CAPABILITY, /* a string: its name, and perhaps another */
	XS_SIEVE_OK,
	XS_SIEVE_NO,
	XS_SIEVE_BYE,
};

/* What it is; of a capability, whether it is this one. */
enum xs_sieve_kind xs_sieve_read(struct xs_unit unit, const char *capability,
				 bool *is);

#endif
