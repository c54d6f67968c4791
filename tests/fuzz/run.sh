#!/bin/sh
# Replays each fuzz target's seeds, and a bounded run of mutations of them that
# is the same every time.  search.sh ("make fuzz") is the real run.
set -u
cd "$(dirname "$0")" || exit 1
programs=${XSOCK_TEST_BUILD:-../../build}/tests/fuzz
passed=0 failed=0

for program in "$programs"/fuzz_*; do
	case $program in
	*.[a-z]*) continue ;;
	esac
	name=${program##*/fuzz_}
	runs=${XSOCK_FUZZ_RUNS:-100000}
	case $name in
	# Each has a table of its own, of ten megabytes.
	names) runs=$((runs / 10)) ;;
	# Each has a handshake, and sockets.
	connection | dtls) runs=$((runs / 100)) ;;
	esac
	if timeout 300 "$program" -n "$runs" "$name"/*; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL  $name: exit status $?"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
