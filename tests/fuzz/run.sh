#!/bin/sh
# Replays each fuzz target's seeds, and a bounded run of mutations of them that
# is the same every time.  For a real run:
#
#   clang -g -O1 -std=gnu11 -D_GNU_SOURCE -DXS_LIBFUZZER -Ishim \
#     -fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_rules.c \
#     shim/{address,arena,error,host,index,match,parse,pattern,ports,rule_file,rules,scheme,target,text}.c shim/option*.c
#   ./a.out CORPUS tests/fuzz/rules
set -u
cd "$(dirname "$0")" || exit 1
programs=${XSOCK_TEST_BUILD:-../../build}/tests/fuzz
passed=0 failed=0

for program in "$programs"/fuzz_*; do
	case $program in
	*.[a-z]*) continue ;;
	esac
	name=${program##*/fuzz_}
	if timeout 300 "$program" -n "${XSOCK_FUZZ_RUNS:-100000}" "$name"/*; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL  $name: exit status $?"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
