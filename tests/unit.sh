#!/bin/bash
# Runs Criterion programs, several at a time, and shows their closing lines in the
# order of the programs.  What a sanitizer finds fails, also in the children, where
# Criterion does not look; but for the leaks of Criterion's own runner, which have no
# frame of ours.
#
#     unit.sh PROGRAM…
set -u
. "$(dirname "$0")/support/world.sh"
. "$(dirname "$0")/support/rows.sh"
# The relay's tests wait most of their time.
programs_at_once=$((2 * $(nproc)))

# Leaks with a frame in our sources, and everything else that is reported.
findings()
{
	awk '/(Direct|Indirect) leak of/ { block = $0; ours = 0; next }
	     block != "" && /^$/ { if (ours) print block; block = "" }
	     block != "" { if ($0 ~ / (shim|tools|tests)\//) ours = 1; next }
	     /runtime error:|ERROR: (Address|Undefined)|WARNING: ThreadSanitizer/' "$1"
}

# run PROGRAM OUT: its output to the file; sets $result, 124 when it has no end.
# gcc 12's libasan does not hold its locks over fork(2), so now and then a child that
# Criterion's runner has forked waits for ever, before a test has begun.  A
# sanitized program therefore runs one test at a time, which makes that rare, and is
# run again when it hangs, twice at most.
run()
{
	local seconds=600 tries=1 jobs
	jobs=$(nproc)
	! grep -q "libasan\.so" "$1" || seconds=400 tries=3 jobs=1
	while :; do
		timeout $seconds "$1" --jobs "$jobs" >"$2" 2>&1
		result=$?
		tries=$((tries - 1))
		[ $result -eq 124 ] && [ $tries -gt 0 ] || return 0
		echo "no end after $seconds s, as libasan may do: again"
	done
}

# judge PROGRAM OUT: runs it; what is to be shown of it in OUT.shown, and OUT.good
# if nothing was wrong
judge()
{
	local result found
	run "$1" "$2" >"$2.shown"
	found=$(findings "$2")
	if [ "$result" -eq 0 ] && [ ! "$found" ] && grep '^\[====\] Synthesis' "$2"; then
		: >"$2.good"
	else
		cat "$2"
		echo "FAIL  $1: exit status $result${found:+; $found}"
	fi >>"$2.shown"
}

status=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export LSAN_OPTIONS=exitcode=0
# libssl is not built with it, and synchronizes in ways that it does not see.
export TSAN_OPTIONS=ignore_noninstrumented_modules=1
number=0
for program; do
	number=$((number + 1))
	beside "$programs_at_once" judge "$program" "$folder/$number"
done
beside_end
number=0
for program; do
	number=$((number + 1))
	echo "== $program"
	cat "$folder/$number.shown"
	[ -e "$folder/$number.good" ] || status=1
done
exit $status
