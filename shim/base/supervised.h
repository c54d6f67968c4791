/* How a process learns that a supervisor decides about its connects ("xsock run
 * --supervise").
 *
 * A variable could get to a process that is not supervised.  So the
 * supervisor's filter of system calls, which no process of the tree can lose,
 * answers an lseek(2) that no program makes.  (A connect would end a process
 * whose own filter kills for it, though it may only want to start a program.)
 */
#ifndef XS_SUPERVISED_H
#define XS_SUPERVISED_H

#include "base/hash.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* lseek(-1, the rules' number, this) = -1 with this errno, or with the other
 * where the supervisor has other rules. */
enum {
	XS_SUPERVISED_WHENCE = 0x78736f63,
	XS_SUPERVISED_ERRNO = EUSERS,
	XS_SUPERVISED_OTHERS = EXFULL,
};

/* The number of XSOCK_RULES and XSOCK_OPTIONS (NULL: not set). */
static inline uint32_t xs_supervised_rules(const char *rules,
					   const char *options)
{
	uint64_t hash = xs_hash(XS_HASH_START, rules, strlen(rules) + 1);

	if (options)
		hash = xs_hash(hash, options, strlen(options) + 1);
	return (uint32_t)(hash ^ hash >> 32);
}

#endif
