#!/bin/sh
# Criterion's tests with parameters vanish with -flto, and the run succeeds.
#
# Seen with: libcriterion 2.4.1-2, gcc 12.2.0-14+deb12u1 (Debian 12).
# Input: one ParameterizedTest with three parameters, and one Test.
# Expected: four tests, however the program is compiled.
# Seen: with -flto only the Test is listed and run.  The summary says that all
#   tests have passed, and the exit status is 0.
# For xsock: 251 of 469 unit tests were gone, and the run was green.  So the tests
#   are compiled without -flto, only what they link is not.
. "$(dirname "$0")/debian.sh"
debian_root bookworm gcc-12=12.2.0-14+deb12u1 libcriterion-dev=2.4.1-2 libc6-dev dash

cat >"$root/tmp/tests.c" <<'END'
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

ParameterizedTestParameters(findings, numbers)
{
	static int numbers[] = { 1, 2, 3 };

	return cr_make_param_array(int, numbers, 3);
}

ParameterizedTest(int *number, findings, numbers)
{
	cr_assert(*number > 0);
}

Test(findings, single)
{
	cr_assert(1);
}
END

# tested FLAG…: how many tests were run, and the exit status
tested()
{
	debian_run sh -c 'cd /tmp && gcc-12 "$@" -O2 -o tests tests.c -lcriterion &&
		./tests --jobs 1; echo "status $?"' sh "$@" 2>&1 |
		sed -n 's/.*Tested: \([0-9]*\) .*/\1 tests/p; s/^status/&/p' |
		paste -sd ' ' -
}

seen "without -flto" "4 tests status 0" "$(tested)"
seen "with -flto" "1 tests status 0" "$(tested -flto)"
finding_end
