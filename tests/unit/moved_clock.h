/* The date of a test program, for its own code and for OpenSSL's: it is moved
 * on by the test.  What runs by CLOCK_MONOTONIC is not concerned. */
#ifndef TEST_MOVED_CLOCK_H
#define TEST_MOVED_CLOCK_H

#include <stdint.h>

extern int64_t moved_us; /* by so much, in this test */

#endif
