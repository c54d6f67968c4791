#!/bin/sh
# Runs Criterion programs and shows their closing lines.  A leak or another
# finding of a sanitizer, which Criterion does not see in its children, fails.
#
#     unit.sh PROGRAM…
set -u

status=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for program; do
	echo "== $program"
	timeout 600 "$program" --jobs "$(nproc)" >"$out" 2>&1
	result=$?
	if [ $result -ne 0 ] || grep -qE 'Sanitizer|runtime error:' "$out"; then
		cat "$out"
		echo "FAIL  $program: exit status $result"
		status=1
	else
		tail -n 1 "$out"
	fi
done
exit $status
