#!/bin/bash
# What "make check" runs: the suites below, in this order, and beside them those
# that have a build of their own.  A suite that fails does not end the run.  The end
# is what failed, once more, and a table with one row for each suite.
#
#     check.sh [NAME…]     all suites, or these; NAME may be a pattern: 'asan-*'
#
# build/check/NAME.log keeps what a suite printed, build/check/table the table.  From
# the environment: SUITE_SECONDS, LANES, AGAIN, FUZZ_SECONDS.
set -u
cd "$(dirname "$0")/.." || exit 1
make=${MAKE:-make}
build=${BUILD:-build}
logs=$build/check
# A suite that hangs fails, and the ones behind it run.
seconds=${SUITE_SECONDS:-1800}
# LANES=1, or what is no number above it: one suite at a time; more: suites in lanes
# beside each other
lanes=${LANES:-$(nproc)}
[ "$lanes" -gt 1 ] 2>/dev/null || lanes=1
# AGAIN=N: where no more than N suites have failed, each of them is run once more,
# with nothing beside it, and the second run counts.  The first one is shown, too.
again=${AGAIN:-0}
# All processors build, unless who calls has said how many jobs.
case ${MAKEFLAGS-} in
*jobserver*) jobs= ;;
*) jobs=-j$(nproc) ;;
esac

# NAME, and the Makefile's target.  Those behind "asan" run once more, on a
# build with the sanitizers of addresses and of undefined behaviour.
suites='
	build		check-build		asan
	rebuild		check-rebuild
	lanes		check-lanes
	lint		lint
	unit		check-unit		asan
	relay		check-relay		asan
	symbols		check-symbols		asan
	entry-points	check-entry-points
	fuzz		check-fuzz		asan
	tools		check-tools		asan
	probe		check-probe		asan
	status		check-status		asan
	ps		check-ps		asan
	trace		check-trace
	rules		check-rules		asan
	unit-files	check-unit-files	asan
	completion	check-completion	asan
	exec		check-exec
	supervise	check-supervise
	daemons		daemons
	faults		check-faults
	memory		check-memory
	preload		check-preload		asan
	resolver	check-resolver		asan
	lookups		check-lookups		asan
	servers		check-servers		asan
	ftp		check-ftp		asan
	farm		check-farm		asan
	install		check-install		asan
	manuals		check-manuals
	recipes		check-recipes
	deb		check-deb
	load		check-load
	udp		check-udp
	search		fuzz
	clang		check-clang
	lto		check-lto
	matrix		matrix
	bench		bench-check
	hosts		hosts
	starttls	starttls
	transparency	transparency
'
asan="BUILD=$build/asan SANITIZE=address,undefined"

# "NAME TARGET [VARIABLE=VALUE…]" of each suite
all_suites()
{
	local name target again
	while read -r name target again; do
		[ ! "$name" ] || echo "$name $target"
	done <<<"$suites"
	while read -r name target again; do
		[ ! "$again" ] || echo "$again-$name $target $asan"
	done <<<"$suites"
}

# wanted NAME PATTERN…: whether one of the patterns fits, or there is none
wanted()
{
	local name=$1 pattern
	shift
	[ $# -gt 0 ] || return 0
	for pattern; do
		# shellcheck disable=SC2053
		[[ $name == $pattern ]] && return 0
	done
	return 1
}

# Every pattern fits a suite; else the user meant another one.
check_names()
{
	local pattern name
	for pattern; do
		while read -r name _; do
			wanted "$name" "$pattern" && continue 2
		done < <(all_suites)
		echo "make check: no suite is called \"$pattern\"; there are:" \
			$(all_suites | cut -d ' ' -f 1) >&2
		exit 2
	done
}

# What a suite's closing lines count: sets $passed, $failed and $skipped.  A
# suite may have several runners, and each of them such a line.
count()
{
	read -r passed failed skipped < <(awk '
	/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
	/^[0-9]+ skipped$/ { skipped += $1 }
	/^\[====\] Synthesis: / {
		gsub(/\033\[[0-9;]*m/, "")
		passed += $7; failed += $4 - $7
	}
	END { print passed + 0, failed + 0, skipped + 0 }' "$1")
}

# within_seconds NAME COMMAND…: with a process group of its own, so that all of it
# can be ended.  An interrupt at the terminal ends it, too.
within_seconds()
{
	local name=$1 status
	shift
	# Before it starts: the end may come at any time.
	trap 'kill $!; exit 143' HUP INT TERM
	env --default-signal=INT,QUIT timeout --kill-after=30 "$seconds" "$@" &
	wait $!
	status=$?
	# By TERM, and by KILL when that was not enough.
	case $status in
	124 | 137) echo "FAIL  $name: no end within $seconds s" ;;
	esac
	return $status
}

# One that builds only has nothing to count but its own end.  Any other one that
# counts nothing has not run.
judge_suite()
{
	local name=$1 status=$2
	count "$logs/$name.log"
	if [ "$status" -eq 0 ] && [ $((passed + failed + skipped)) -eq 0 ]; then
		case $name in
		build | *-build) passed=1 ;;
		*) failed=1 ;;
		esac
	elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
		failed=1
	fi
	echo "$name $passed $failed $skipped $3" >"$logs/$name.row"
	[ "$failed" -eq 0 ] ||
		show_failures "$name" "$logs/$name.log" >"$logs/$name.failures"
}

# run_suite NAME TARGET [VARIABLE=VALUE…]: what it prints is shown, and kept.  What
# shows it ends with the suite, though a process that was left may hold the log open.
run_suite()
{
	local name=$1 begin=$SECONDS log=$logs/$1.log suite
	shift
	printf '\n=== %s\n' "$name"
	: >"$log"
	# shellcheck disable=SC2086
	within_seconds "$name" "$make" --no-print-directory $jobs "$@" >"$log" 2>&1 &
	suite=$!
	tail --pid="$suite" --sleep-interval=0.2 --lines=+1 --follow "$log"
	wait "$suite"
	judge_suite "$name" $? $((SECONDS - begin))
}

# The same, of which one line is shown.
run_aside()
{
	local name=$1 begin=$SECONDS
	shift
	# shellcheck disable=SC2086
	within_seconds "$name" "$make" --no-print-directory $jobs "$@" \
		>"$logs/$name.log" 2>&1 &
	wait $!
	judge_suite "$name" $? $((SECONDS - begin))
	printf '\n=== %s, at the same time: %s passed, %s failed; %s\n' "$name" \
		"$passed" "$failed" "$logs/$name.log"
}

# show_failures NAME LOG: each failure with what is told of it; where the log
# has none, the suite itself broke off, and its last lines say why
show_failures()
{
	printf '\n--- %s\n' "$1"
	awk '/^(FAIL|\[FAIL\]|\[----\])/ { shown = 40 }
	     /^(ok|SKIP|==)/ { shown = 0 }
	     shown > 0 { print; shown--; any = 1 }
	     END { exit !any }' "$2" || tail -n 15 "$2"
}

# Suites with a build of their own disturb no other one: each has its own network
# and its own relay, and looks for processes of its own build.  So those that wait
# most of their time, for daemons, time-outs and other people's test suites, have a
# copy of the build, and run beside the others.  Those in one lane share what they
# fetch.  Fuzzing uses the time that the others leave, for minutes, so that it is a
# lane of its own.
lane_of()
{
	case $1 in
	relay | daemons | udp | matrix | starttls) echo waits ;;
	transparency) echo theirs ;;
	asan-*) echo asan ;;
	clang | lto) echo compilers ;;
	search) echo search ;;
	*) echo first ;;
	esac
}

# build_of LANE: what make is told where it is a copy
build_of()
{
	case $1 in
	waits | theirs) echo "BUILD=$build/$1" ;;
	esac
}

# copy_build LANE: the build as it is behind the first suite.  Later ones install it,
# for which parts of it are made again.
copy_build()
{
	local copy=$build/$1
	[ "$(build_of "$1")" ] && [ -e "$build/built_by" ] || return 0
	rm -rf "$copy/obj" "$copy/tests"
	mkdir -p "$copy"
	cp -a "$build/obj" "$build/tests" "$copy"
	find "$build" -maxdepth 1 -type f -exec cp -a -t "$copy" {} +
}

# wanted_suites PATTERN…: lines of all_suites
wanted_suites()
{
	while read -r name rest; do
		! wanted "$name" "$@" || echo "$name $rest"
	done < <(all_suites)
}

# run_lane LANE: it runs beside the first one where there is a second processor,
# behind that one's first suite: the build, which they use, too.
run_lane()
{
	local lane=$1
	trap 'kill $(jobs -p) 2>/dev/null; exit 143' TERM
	while read -r name target settings; do
		[ "$(lane_of "$name")" = "$lane" ] || continue
		# shellcheck disable=SC2046,SC2086
		run_aside "$name" "$target" $settings $(build_of "$lane") </dev/null
	done <<<"$chosen"
}

start_lanes()
{
	local lane
	for lane in waits theirs asan compilers search; do
		copy_build $lane
		run_lane $lane &
		aside="$aside $!"
	done
}

run_all()
{
	local aside=
	# Whoever ends this shell alone ends what it runs, too.
	trap 'kill $(jobs -p) 2>/dev/null' EXIT
	while read -r name target settings; do
		if [ "$lanes" -gt 1 ] && [ "$(lane_of "$name")" != first ]; then
			continue
		fi
		# shellcheck disable=SC2086
		run_suite "$name" "$target" $settings </dev/null
		[ "$lanes" -eq 1 ] || [ "$aside" ] || start_lanes
	done <<<"$chosen"
	# shellcheck disable=SC2086
	[ ! "$aside" ] || wait $aside
	trap - EXIT
}

# One that has left no row was ended before it could.
judge_unended()
{
	while read -r name _; do
		[ ! -e "$logs/$name.row" ] || continue
		echo "$name 0 1 0 0" >"$logs/$name.row"
		printf '\n--- %s\nFAIL  %s: it was not run to its end\n' "$name" "$name" \
			>"$logs/$name.failures"
	done <<<"$chosen"
}

failed_suites()
{
	while read -r name rest; do
		[ ! -e "$logs/$name.failures" ] || echo "$name $rest"
	done <<<"$chosen"
}

# What was printed first is kept as NAME.first.log.
run_again()
{
	local suites name target settings
	suites=$(failed_suites)
	[ "$suites" ] && [ "$(wc -l <<<"$suites")" -le "$again" ] || return 0
	while read -r name target settings; do
		mv "$logs/$name.failures" "$logs/$name.first"
		mv "$logs/$name.log" "$logs/$name.first.log"
		[ "$lanes" -eq 1 ] || settings+=" $(build_of "$(lane_of "$name")")"
		# shellcheck disable=SC2086
		run_suite "$name" "$target" $settings </dev/null
	done <<<"$suites"
}

# show TITLE SUFFIX: what has been kept of failures, if there is any
show()
{
	in_order "$2" >"$logs/$2"
	[ ! -s "$logs/$2" ] || { printf '\n=== %s\n' "$1" && cat "$logs/$2"; }
}

# in_order SUFFIX: what each suite has left, in the order of the suites
in_order()
{
	while read -r name _; do
		cat "$logs/$name.$1" 2>/dev/null
	done <<<"$chosen"
}

check_names "$@"
rm -rf "$logs"
mkdir -p "$logs"
chosen=$(wanted_suites "$@")
# All in one row, where only such are wanted.
others=$(while read -r name _; do lane_of "$name"; done <<<"$chosen" | grep -x first)
[ "$others" ] || lanes=1
run_all
judge_unended
run_again
in_order row >"$logs/table"
show 'what failed in the first of two runs, beside other suites' first
show 'what failed' failures
printf '\n=== make check, %d s\n' $SECONDS
awk -f tests/support/table.awk "$logs/table"
