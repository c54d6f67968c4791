/* The date of a test program, for its own code and for OpenSSL's: it is moved
 * on by the test.  What runs by CLOCK_MONOTONIC is not concerned. */
#ifndef TEST_MOVED_CLOCK_H
#define TEST_MOVED_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

extern int64_t moved_us; /* by so much, in this test */

/* gettimeofday(2), by which libssl's timers of DTLS run, moves by nothing else:
 * a machine that is busy lets none of them expire. */
extern bool clock_stands;

#endif
