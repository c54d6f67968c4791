#!/bin/sh
# Runs Criterion programs and shows their closing lines.  What a sanitizer
# finds fails, also in the children, where Criterion does not look; but for
# the leaks of Criterion's own runner, which have no frame of ours.
#
#     unit.sh PROGRAM…
set -u
. "$(dirname "$0")/support/world.sh"

# Leaks with a frame in our sources, and everything else that is reported.
findings()
{
	awk '/(Direct|Indirect) leak of/ { block = $0; ours = 0; next }
	     block != "" && /^$/ { if (ours) print block; block = "" }
	     block != "" { if ($0 ~ / (shim|tools|tests)\//) ours = 1; next }
	     /runtime error:|ERROR: (Address|Undefined)|WARNING: ThreadSanitizer/' "$1"
}

# run PROGRAM: its output to $out; sets $result, 124 when it has no end.  gcc 12's
# libasan does not hold its locks over fork(2), so now and then a child that
# Criterion's runner has forked waits for ever, before a test has begun.  A
# sanitized program therefore runs one test at a time, which makes that rare, and is
# run again when it hangs, twice at most.
run()
{
	seconds=600 tries=1 jobs=$(nproc)
	! grep -q "libasan\.so" "$1" || seconds=400 tries=3 jobs=1
	while :; do
		timeout $seconds "$1" --jobs "$jobs" >"$out" 2>&1
		result=$?
		tries=$((tries - 1))
		[ $result -eq 124 ] && [ $tries -gt 0 ] || return 0
		echo "no end after $seconds s, as libasan may do: again"
	done
}

status=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
export LSAN_OPTIONS=exitcode=0
# libssl is not built with it, and synchronizes in ways that it does not see.
export TSAN_OPTIONS=ignore_noninstrumented_modules=1
for program; do
	echo "== $program"
	run "$program"
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
