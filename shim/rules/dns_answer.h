/* What an answer of DNS says: the message that res_query(3) and its family give
 * (RFC 1035, 4.1).
 *
 * It comes from the network, so nothing in it is trusted: every length is
 * checked, a compressed name may only point back, and the time is proportional
 * to the message.  Pure; any thread.
 */
#ifndef XS_DNS_ANSWER_H
#define XS_DNS_ANSWER_H

#include "base/address.h"
#include "rules/match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message that is being read. */
struct xs_dns_answer {
	const uint8_t *message;
	size_t len;
	size_t at;	  /* the next record */
	unsigned records; /* of the section of answers, from there on */
	/* The name that was asked for, and the end of its chain of aliases as
	 * far as it has been read; lower case, without a dot at the end.  "":
	 * it has other bytes than letters, digits, "-", "_" and ".". */
	char question[XS_NAME_MAX];
	char canonical[XS_NAME_MAX];
};

/* Begins with message[0..len).  False when it is no answer to one question, or
 * says that there is none. */
bool xs_dns_answer_begin(struct xs_dns_answer *answer, const uint8_t *message,
			 size_t len);

/* The next address in the section of answers, of port 0.  False at the end, or
 * where the message is broken.
 *
 * Whose address it is does not count: programs take them as what they have
 * asked for, and whoever answers could as well give the question's name to it.
 */
bool xs_dns_answer_next(struct xs_dns_answer *answer,
			struct xs_address *address);

#endif
