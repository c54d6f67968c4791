#!/bin/bash
# The relay under load, and what it keeps afterwards.
#
#     run.sh                  all parts, in their short form
#     run.sh all              the same with 10,000 connections
#     run.sh hold [COUNT]     COUNT (10,000) connections at once from 100
#                             processes, both ways, compared by SHA-256; fewer
#                             where the limit of descriptors is lower
#     run.sh silent [COUNT]   COUNT (2,000) connects that no server answers
#     run.sh churn [SECONDS]  connections that come and go
#
# Memory and descriptors of the relay must be what they were.
. "$(dirname "$0")/../support/lib.sh"

load=$BUILD/tests/load/load
# So much more may be resident afterwards, in KB: allocators are no exact
# science.  A connection that is kept costs 13 KB at least, and a silent one 45.
slack=8000

resident()
{
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

# What a relay has open.  Its /proc/PID/fd is root's (PR_SET_DUMPABLE), as
# these tests' user mostly is.
open_files()
{
	ls "/proc/$1/fd" | wc -l
}

# An empty number is that of a relay which is gone.
is_number()
{
	case $1 in '' | 0 | *[!0-9]*) return 1 ;; esac
}

few_files()
{
	[ "$(open_files "$1")" -le "$2" ]
}

little_memory()
{
	[ "$(resident "$1")" -le "$2" ]
}

# A relay that has had one connection: sets $relay, $files and $memory.
# Nothing can be said without.
warm_up()
{
	with_xsock "$rule" "$load" hold 1 1 1000 "$port_echo" >"$OUT" 2>"$ERR" ||
		fail "$1: one connection"
	relay=$(relay_pids)
	sleep 0.2
	files=$(open_files "$relay") memory=$(resident "$relay")
	is_number "$relay" && is_number "$files" && is_number "$memory" && return
	fail "$1: one relay" "'$relay' with '$files' descriptors and '$memory' KB"
	return 1
} 2>/dev/null

# as_before NAME: the relay of warm_up, and what it has now
as_before()
{
	if [ "$(relay_pids)" != "$relay" ]; then
		fail "$1: the relay" "another one, or none: $(relay_pids)"
		return
	fi
	if within 20 few_files "$relay" "$files"; then
		pass "$1: descriptors $files, afterwards $(open_files "$relay")"
	else
		fail "$1: descriptors" "$files, afterwards $(open_files "$relay")"
	fi
	if within 20 little_memory "$relay" $((memory + slack)); then
		pass "$1: resident $memory KB, at most $peak, afterwards $(resident "$relay")"
	else
		fail "$1: resident" "$memory KB, at most $peak, afterwards $(resident "$relay")"
	fi
	stop_relays
}

# watch_peak PID: until that process ends; sets $peak, and $peak_files
watch_peak()
{
	local now
	peak=0 peak_files=0
	while kill -0 "$1" 2>/dev/null; do
		now=$(resident "$relay" 2>/dev/null)
		[ "${now:-0}" -gt "$peak" ] && peak=$now
		now=$(open_files "$relay" 2>/dev/null)
		[ "$now" -gt "$peak_files" ] && peak_files=$now
		sleep 0.2
	done
}

hold()
{
	local wanted=${1:-10000} hard each begin=$SECONDS
	ulimit -Sn "$(ulimit -Hn)"
	hard=$(ulimit -Hn)
	# The relay has two descriptors for a connection, three for a moment.
	[ "$hard" = unlimited ] || [ $((wanted * 2 + 400)) -le "$hard" ] ||
		wanted=$(((hard - 400) / 2))
	each=$((wanted / 100))
	[ "$each" -eq $((${1:-10000} / 100)) ] ||
		echo "note: RLIMIT_NOFILE is $hard: $((each * 100)) connections"
	warm_up hold || return
	LIMIT=400 with_xsock "$rule" "$load" hold 100 "$each" 20000 "$port_echo" >"$OUT" 2>"$ERR" &
	watch_peak $!
	wait $!
	STATUS=$?
	if [ "$STATUS" = 0 ] && grep -q "^$((each * 100)) connected, $((each * 100)) equal, 0 wrong, 0 failed" "$OUT"; then
		pass "hold: $((each * 100)) connections of 100 processes, 20,000 bytes both ways, SHA-256 equal, $((SECONDS - begin)) s"
	else
		fail "hold: $((each * 100)) connections" "$(tail -n 1 "$OUT")"
	fi
	as_before hold
}

silent()
{
	local count=${1:-2000}
	ulimit -Sn "$(ulimit -Hn)"
	warm_up silent || return
	with_xsock "*=tls://?timeout=5&cafile=$CA" \
		"$BUILD/tests/load/silent" "$count" 8 "$port_mute" >"$OUT" 2>"$ERR" &
	watch_peak $!
	wait $!
	STATUS=$?
	: >"$ERR" # a line for each
	if [ "$STATUS" = 0 ]; then
		pass "silent: $count connects that nobody answers"
	else
		fail "silent: $count connects that nobody answers"
	fi
	as_before silent
}

churn()
{
	local seconds=${1:-20} warm=$((${1:-20} / 5)) processes=8 most
	# A connection has four at most before its verdict, with that of the
	# control connection five; that of the process before may linger.
	most=$((processes * 10))
	warm_up churn || return
	LIMIT=$((seconds + 60)) with_xsock "$rule" "$load" churn $processes "$seconds" 30000 "$port_echo" >"$OUT" 2>"$ERR" &
	# What it is in the first fifth it may be until the end.
	sleep "$warm"
	memory=$(resident "$relay")
	watch_peak $!
	wait $!
	STATUS=$?
	if [ "$STATUS" = 0 ]; then
		pass "churn: $seconds s: $(tail -n 1 "$OUT")"
	else
		fail "churn: $seconds s" "$(tail -n 1 "$OUT")"
	fi
	if is_number "$memory" && is_number "$peak" && [ "$peak" -le $((memory + slack)) ]; then
		pass "churn: flat memory: $memory KB after $warm s, at most $peak KB later"
	else
		fail "churn: flat memory" "'$memory' KB after $warm s, '$peak' KB later"
	fi
	if is_number "$peak_files" && [ "$peak_files" -le $((files + most)) ]; then
		pass "churn: flat descriptors: $files before, at most $peak_files"
	else
		fail "churn: flat descriptors" "$files before, '$peak_files' later, more than $((files + most))"
	fi
	as_before churn
}

suite_begin load
[ ! "$sanitized" ] || slack=400000
rule="*=tls://localhost?cafile=$CA"
# It must not leave while the parts of a slow machine look at it.
export XSOCK_RELAY_IDLE=600 XSOCK_LOG=off
serve echo:echo,tls="$CERTS/good" mute:mute
case ${1-} in
'') hold 2000; silent; churn 10 ;;
all) hold; silent; churn ;;
*) "$@" ;;
esac
suite_end
