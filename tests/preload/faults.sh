#!/bin/bash
# Each system call that a connect needs is refused in turn.  Whatever happens
# then, plaintext must not, nor a connect that hangs; and a failure must be told:
# by an errno that TCP or a rule may give, and by a line.
#
#     faults.sh [CALL…]     all system calls, or these
#     XSOCK_TEST_ALL=1      each occurrence, not only the first five and the last
#
# A seccomp filter that the program has put on itself, and that the relay which it
# starts has, too, refuses a call always.  strace refuses the first, the second …
# occurrence of it, in the program or in the relay.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/syslog.sh"

filtered=$BUILD/tests/preload/filtered
# How many cases run at the same time.
jobs=4

# What connect(2) may give of TCP, and what rules, relay and handshake mean.
clean=' EACCES EADDRINUSE EADDRNOTAVAIL ECONNREFUSED ECONNRESET EHOSTUNREACH EKEYREJECTED EMFILE ENETUNREACH ENOBUFS ENOMEM EPROTO ETIMEDOUT '
# By this the line itself is written.
unsaid=' write '
# They end a process or a handler, or go on with what was interrupted: they cannot
# fail.
ends=' exit exit_group restart_syscall rt_sigreturn '

# --- one case -------------------------------------------------------------------

# Each has a folder, a secret, and a relay of its own.
case_begin()
{
	here=$T/case-$1
	mkdir -p "$here"
	cp "$BUILD/xsock-relay" "$here/relay"
	secret=SECRET-$1-that-must-not-travel
}

# victim HOW ERRNO MODE
victim()
{
	LIMIT=25 XSOCK_RELAY=$here/relay XSOCK_RELAY_IDLE=${idle:-0} \
		with_xsock "127.0.0.1:$port_trap=tls://localhost:$port_sink?cafile=$CA&timeout=4" \
		"$filtered" "$1" "$2" 127.0.0.1 "$port_trap" "$secret" "$3"
}

heard()
{
	grep -qa "$secret" "$T/servers/$1.data"
}

# judge STATUS CALL ERRNO: what has become of the case in $here
judge()
{
	local errno pid
	errno=$(tail -n 1 "$here/out")
	pid=$(sed -n 's/^pid //p' "$here/out")
	if [ "$1" = 0 ] && [ "$errno" = connected ]; then
		if heard trap; then echo plaintext
		elif within 10 heard sink; then echo TLS
		else echo "connected, and nothing arrives"
		fi
	elif heard trap; then echo plaintext
	elif [ "$1" = 124 ] || [ "$1" = 137 ]; then echo hang
	elif [ "$1" = 3 ] && [ "$2" = socket ]; then echo told
	elif [ "$1" != 1 ]; then echo "crash, status $1"
	elif [ "${clean/ $errno /}" = "$clean" ] &&
		! { [ "$2" = connect ] && [ "$errno" = "$3" ]; }; then
		echo "not clean: $errno"
	elif grep -q "^xsock: filtered\[" "$here/err"; then echo told
	elif grep -q "xsock: filtered\[$pid\]: " "$T/syslog"; then
		echo syslog
	else echo "silent, $errno"
	fi
}

# --- by seccomp -----------------------------------------------------------------

# filter NUMBER CALL ERRNO MODE
filter()
{
	case_begin "$1"
	victim "${@:2}" >"$here/out" 2>"$here/err" </dev/null
	judge $? "$2" "$3" >"$here/outcome"
}

# --- by strace ------------------------------------------------------------------

is_traced()
{
	grep -q '^TracerPid:[^0-9]*[1-9]' "/proc/$1/status" || ! kill -0 "$1"
} 2>/dev/null

has_stopped()
{
	grep -q '^State:.T' "/proc/$1/status" || ! kill -0 "$1"
} 2>/dev/null

said_pid()
{
	pid=$(sed -n 's/^pid //p' "$here/out")
	[ "$pid" ]
}

# trace PID OPTIONS: in the background, with an end; sets $tracer
trace()
{
	# shellcheck disable=SC2086
	timeout -k 5 60 strace -qq -f $2 -p "$1" 2>>"$here/strace" &
	tracer=$!
	within 20 is_traced "$1"
}

# Traces the program from its stop on: program_under "STRACE OPTIONS" MODE
program_under()
{
	local pid tracer running status
	victim stop - "$2" >"$here/out" 2>"$here/err" </dev/null &
	running=$!
	within 20 said_pid && within 20 has_stopped "$pid"
	trace "$pid" "$1"
	kill -CONT "$pid"
	wait $running
	status=$?
	wait $tracer
	return $status
} 2>/dev/null

# Traces the relay of a program that connects twice: relay_under OPTIONS MODE
relay_under()
{
	local relay tracer status
	idle=5 victim none - blocking >"$here/out" 2>"$here/err" </dev/null
	relay=$(RELAY=$here/relay relay_pids)
	trace "$relay" "$1"
	idle=0 victim none - "$2" >"$here/out" 2>"$here/err" </dev/null
	status=$?
	kill "$relay" "$tracer"
	wait $tracer
	return $status
} 2>/dev/null

# inject NUMBER program|relay CALL N ERRNO MODE
inject()
{
	case_begin "$1"
	"$2_under" "-o /dev/null -e trace=$3 -e inject=$3:error=$5:when=$4" "$6"
	judge $? "$3" "$5" >"$here/outcome"
}

# calls_of FILE: "COUNT CALL" of each that a process made, the most of all
calls_of()
{
	awk '{ call = $2; sub(/\(.*/, "", call) }
	     $2 ~ /^[a-z_0-9]+\(/ { n = ++made[$1, call]
		if (n > most[call]) most[call] = n }
	     END { for (call in most) print most[call], call }' "$1" | sort -k 2
}

# --- all ------------------------------------------------------------------------

# "CALL: ERRNO …|COMMAND…" of each case; its number is its place.
cases=()

# add CALL TEXT COMMAND…: unless other calls are asked for
add()
{
	! wanted_call "$1" || cases+=("$1$2|${*:3}")
}

wanted_call()
{
	[ ${#words[@]} -eq 0 ] || [[ " ${words[*]} " == *" $1 "* ]]
}

# worker FIRST: runs each so manieth case, from that one on
worker()
{
	local number row
	for ((number = $1; number < ${#cases[@]}; number += jobs)); do
		row=${cases[$number]#*|}
		"${row%% *}" "$number" ${row#* }
	done
}

# run_cases HEADING: all that were added; prints what has become of them
run_cases()
{
	local -A counts=()
	local number outcome call good=yes workers=()
	for ((number = 0; number < jobs; number++)); do
		worker $number &
		workers+=($!)
	done
	wait "${workers[@]}"
	for number in "${!cases[@]}"; do
		outcome=$(cat "$T/case-$number/outcome" 2>/dev/null)
		call=${cases[$number]%%:*}
		case $outcome in silent*)
			[ "${unsaid/ $call /}" = "$unsaid" ] || outcome=unsaid ;;
		esac
		counts[${outcome%%,*}]=$((${counts[${outcome%%,*}]-0} + 1))
		case $outcome in TLS | told | syslog | unsaid) continue ;; esac
		good=
		OUT=$T/case-$number/out ERR=$T/case-$number/err \
			fail "$1, ${cases[$number]%%|*}" "${outcome:-has not run}"
	done
	printf '%s: TLS %d, clean errno with a line %d, the same in syslog %d, plaintext %d, hang %d\n' \
		"$1" "${counts[TLS]-0}" "${counts[told]-0}" "${counts[syslog]-0}" \
		"${counts[plaintext]-0}" "${counts[hang]-0}"
	[ ! "$good" ] || pass "$1: ${#cases[@]} connects"
	rm -rf "$T"/case-*
	cases=()
}

# A relay that does not end by itself is a failure.
stop_filtered()
{
	local exe
	for exe in $(find /proc/[0-9]*/exe -maxdepth 0 -lname "$T/case-*" 2>/dev/null); do
		readlink "$exe"
		kill -9 "$(cut -d / -f 3 <<<"$exe")"
	done
}

# path PROGRAM|RELAY MODE: which calls a connect makes, to $T/path.…; all of them
# must be known
path()
{
	local file=$T/path.$1.$2 unknown
	case_begin "$1-$2"
	"$1_under" "-o $file" "$2"
	calls_of "$file" >"$file.calls"
	cp "$here/out" "$OUT"
	unknown=$(awk '{ print $2 }' "$file.calls" | grep -vxF -f "$T/known")
	if ! grep -q connect "$file.calls"; then
		fail "the path of the $1, $2" "no connect is seen"
	elif [ "$unknown" ]; then
		fail "the path of the $1, $2: filtered.c knows it" "not $(echo $unknown)"
	else
		pass "the path of the $1, $2: $(wc -l <"$file.calls") calls, which are known"
	fi
}

# Each occurrence in turn; of many the first ones and the last one, unless all are
# wanted.
add_injections()
{
	local count call n error
	while read -r count call; do
		[ "${ends/ $call /}" = "$ends" ] || continue
		for ((n = 1; n <= count; n++)); do
			[ "${XSOCK_TEST_ALL:-}" ] || [ $n -le 5 ] ||
				[ $n -eq "$count" ] || continue
			error=EPERM
			[ $((n % 2)) -eq 1 ] || error=ENOSYS
			add "$call" ": $error, $2, occurrence $n" \
				inject "$1" "$call" $n $error "$2"
		done
	done <"$T/path.$1.$2.calls"
}

words=("$@")
suite_begin faults
at_end+=(stop_filtered)
need faults strace || suite_end
if [ "$(id -u)" -eq 0 ]; then
	own_syslog
else
	: >"$T/syslog"
	CI= skip "what is told to syslog" "only root can have a logger here"
fi
serve trap:http sink:sink,tls="$CERTS/good"
"$filtered" --list >"$T/calls"
cat "$T/calls" - <<<"${ends// /$'\n'}" | sed '/^$/d' >"$T/known"
for mode in blocking nonblocking; do
	path program $mode
	path relay $mode
done
rm -rf "$T"/case-*

while read -r call; do
	for error in EPERM ENOSYS; do
		for mode in blocking nonblocking; do
			add "$call" ": $error, $mode" filter "$call" $error $mode
		done
	done
done <"$T/calls"
run_cases "refused by seccomp"
for who in program relay; do
	for mode in blocking nonblocking; do
		add_injections $who $mode
	done
	run_cases "refused once in the $who"
done
# One that may not write cannot wake the thread which ends it.
left=$(sleep 6; stop_filtered) # the timeout of the rule, and some more
echo "relays that did not leave by themselves: $(wc -w <<<"${left// (deleted)/}")"
suite_end
