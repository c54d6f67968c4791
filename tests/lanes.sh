#!/bin/bash
# check.sh itself: each suite is run once, whatever LANES says, one that was
# ended before its end fails, and none goes on without check.sh.  A program stands in
# for make.
. "$(dirname "$0")/support/lib.sh"

suite_begin lanes

cat >"$T/make" <<'EOF'
#!/bin/bash
echo "$*" >>"$RUNS"
case " $* $ENDED " in
*" BUILD="*" yes "*)
	# Of the shells between check.sh and this one, the first.
	at=$PPID shells=
	while [ "$at" != "$FIRST" ]; do
		shells="$at $shells"
		at=$(awk '/^PPid:/ { print $2 }' "/proc/$at/status")
	done
	kill -KILL ${shells%% *} ;;
*" leave "*)
	sleep 60 &
	echo $! >"$RUNS" ;;
*" fail "*)
	# The unit tests the first time, the relay's each time.
	case $*:$(grep -c "check-unit" "$RUNS") in
	*check-relay*:*) echo "FAIL  relay" && exit 1 ;;
	*check-unit*:1) echo "FAIL  unit" && exit 1 ;;
	esac ;;
*" wait "*)
	echo $$ >"$RUNS"
	exec sleep 60 ;;
esac
echo "1 passed, 0 failed"
EOF
chmod 755 "$T/make"

# checked LANES ENDED SUITE…: its status; what it has run in $T/runs.  ENDED "yes":
# the shell that runs the suites with a build of their own is killed.
checked()
{
	local lanes=$1 ended=$2
	shift 2
	rm -f "$T/runs"
	LANES=$lanes AGAIN=${again-0} ENDED=$ended RUNS=$T/runs MAKE=$T/make BUILD=$T/build LIMIT=60 \
		bounded bash -c 'FIRST=$$ exec "$0" "$@"' "$TESTS/check.sh" "$@" \
		>"$OUT" 2>"$ERR"
}

# runs_once LANES
runs_once()
{
	local twice
	checked "$1" no build unit relay clang asan-unit search
	twice=$(sort "$T/runs" | uniq -d)
	[ "$(wc -l <"$T/runs")" = 6 ] && [ ! "$twice" ] &&
		pass "LANES=$1: each suite is run once" ||
		fail "LANES=$1: each suite is run once" "$(cat "$T/runs")"
}

for lanes in 1 2 3 0 -1 x; do
	runs_once "$lanes"
done

# Each of the two lanes with a copy of the build makes its suites there.
mkdir -p "$T/build/obj" "$T/build/tests"
touch "$T/build/built_by" "$T/build/tests/one"
checked 2 no build relay transparency
for lane in waits:check-relay theirs:transparency; do
	copy=$T/build/${lane%:*}
	grep -q " ${lane#*:} BUILD=$copy\$" "$T/runs" &&
		[ -e "$copy/built_by" ] && [ -e "$copy/tests/one" ] &&
		pass "a copy of the build: ${lane%:*}" ||
		fail "a copy of the build: ${lane%:*}" "$(cat "$T/runs")"
done

checked 2 yes unit asan-unit
status=$?
[ "$status" = 1 ] && grep -q "^asan-unit *0 *1 " "$OUT" &&
	pass "a suite that was ended fails" || fail "a suite that was ended fails" "status $status"
grep -q "^FAIL  asan-unit: it was not run to its end$" "$OUT" &&
	pass "a suite that was ended: said" || fail "a suite that was ended: said"

# tried AGAIN SUITE…: the unit tests fail the first time, the relay's each time.
tried()
{
	local again=$1
	shift
	checked 1 fail build "$@"
}
tried 0 unit
status=$?
[ "$status" = 1 ] && [ "$(grep -c unit "$T/runs")" = 1 ] &&
	pass "AGAIN=0: no suite is run again" || fail "AGAIN=0: no suite is run again"
tried 2 unit
status=$?
[ "$status" = 0 ] && [ "$(grep -c unit "$T/runs")" = 2 ] &&
	pass "AGAIN=2: a suite that failed once" || fail "AGAIN=2: a suite that failed once"
grep -A4 "^=== what failed in the first of two runs" "$OUT" | grep -q "^FAIL  unit$" &&
	pass "AGAIN=2: its failure is shown" || fail "AGAIN=2: its failure is shown"
tried 2 unit relay
status=$?
[ "$status" = 1 ] && grep -q "^relay *0 *1 " "$OUT" && grep -q "^unit *1 *0 " "$OUT" &&
	pass "AGAIN=2: a suite that fails twice" || fail "AGAIN=2: a suite that fails twice"
tried 1 unit relay
status=$?
[ "$status" = 1 ] && [ "$(grep -c unit "$T/runs")" = 1 ] &&
	pass "AGAIN=1: two that fail" || fail "AGAIN=1: two that fail"

# A process that a suite leaves holds the suite's output open.
checked 1 leave unit
status=$?
left=$(cat "$T/runs")
[ "$status" = 0 ] && kill "$left" 2>"$ERR" &&
	pass "a process that a suite left is not waited for" ||
	fail "a process that a suite left is not waited for" "status $status"

# Its own end is that of what it runs.
is_begun()
{
	[ -s "$T/runs" ]
}
is_gone()
{
	! kill -0 "$(cat "$T/runs")" 2>"$ERR"
}
rm -f "$T/runs"
LANES=2 AGAIN=0 ENDED=wait RUNS=$T/runs MAKE=$T/make BUILD=$T/build \
	"$TESTS/check.sh" unit asan-unit >"$OUT" 2>&1 &
check=$!
started+=("$check")
within 20 is_begun
kill -TERM "$check"
within 20 is_gone && pass "a suite ends with check.sh" || fail "a suite ends with check.sh"

suite_end
