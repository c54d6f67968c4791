#!/bin/sh
# Runs Criterion programs and shows their closing lines.  What a sanitizer
# finds fails, also in the children, where Criterion does not look; but for
# the leaks of Criterion's own runner, which have no frame of ours.
#
#     unit.sh PROGRAM…
set -u

# Leaks with a frame in our sources, and everything else that is reported.
findings()
{
	awk '/(Direct|Indirect) leak of/ { block = $0; ours = 0; next }
	     block != "" && /^$/ { if (ours) print block; block = "" }
	     block != "" { if ($0 ~ / (shim|tools|tests)\//) ours = 1; next }
	     /runtime error:|ERROR: (Address|Thread|Undefined)/' "$1"
}

status=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
export LSAN_OPTIONS=exitcode=0
for program; do
	echo "== $program"
	timeout 600 "$program" --jobs "$(nproc)" >"$out" 2>&1
	result=$?
	found=$(findings "$out")
	if [ $result -ne 0 ] || [ "$found" ]; then
		cat "$out"
		echo "FAIL  $program: exit status $result${found:+; $found}"
		status=1
	else
		grep '^\[====\] Synthesis' "$out"
	fi
done
exit $status
