/* Any bytes as an answer of DNS: read without harm, and what it says are names
 * and addresses. */
#include "rules/dns_answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "\xc0\x0c",
				     "\xc0\x0c\x00\x01\x00\x01",
				     "\xff\xff",
				     "\xc0",
				     "\x3f",
				     "\x04test\x01",
				     "\x01\x01\x01\x01",
				     "\x81\x80\x01\x01",
				     NULL };
#endif

static void check_name(const char name[XS_NAME_MAX])
{
	size_t len = strnlen(name, XS_NAME_MAX);

	if (len > 253 ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xs_dns_answer answer;
	struct xs_address address;
	/* As long as the message, so that what is behind it is missed. */
	uint8_t *message = malloc(size ? size : 1);
	unsigned n = 0;

	if (!message)
		abort();
	memcpy(message, data, size);
	if (xs_dns_answer_begin(&answer, message, size)) {
		check_name(answer.question);
		while (xs_dns_answer_next(&answer, &address)) {
			check_name(answer.canonical);
			if (address.len == 0 || ++n > size)
				abort();
		}
	}
	free(message);
	return 0;
}

#include "driver.h"
