#!/bin/bash
# The relay's system calls fail, one at a time, while it carries a connection:
# strace is attached to a relay that is there, and refuses the N-th call of a
# name.  Whatever happens then, plaintext must not, nor a client that waits for
# ever, nor a relay that crashes; and a failure must be told.
#
#     run.sh short             the first call of each name
#     run.sh all [PATH…]       each call; of the paths tls, smtp (STARTTLS) and
#                              ftp (with data connections), or of these; PATH may
#                              be PATH:CALL
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"

secret=SECRET-that-must-not-travel
# What is refused has one of these words as its error.
errors=ENOMEM
# Not these: glibc itself ends a process whose futex fails; a close that fails
# and leaves the descriptor open is none that the kernel knows; the rest cannot
# fail, or is the sleep between two events.
never=' futex close exit exit_group restart_syscall rt_sigreturn clock_gettime
	sched_yield epoll_wait gettid getpid munmap '

# attached PID…: whether all their threads are traced
attached()
{
	local pid
	for pid; do
		! grep -qsE '^TracerPid:[[:space:]]*0$' "/proc/$pid"/task/*/status || return
	done
}

# traced PATH [INJECTION]: the client of PATH, with the relay traced
traced()
{
	local way=$1 port=port_$1
	shift
	: >"$T/lines"
	strace -f -yy -s 64 -o "$T/trace" ${1+-e inject="$1"} $(printf -- '-p %s ' $relay) 2>"$T/tracer" &
	tracer=$!
	within 10 attached $relay || return
	LIMIT=40 case_run with_xsock "$rules" \
		"$PYTHON" -B "$here/client.py" "$way" "${!port}" "$secret"
	kill -INT "$tracer"
	wait "$tracer" 2>/dev/null
}

# The relay that carries the connections, or those: sets $relay.  A client that
# was refused may have started another one.
relay=
find_relay()
{
	[ -z "$relay" ] || ! kill -0 $relay 2>/dev/null || return 0
	with_xsock "$rules" "$PYTHON" -B "$here/client.py" tls "$port_tls" "$secret" >/dev/null 2>&1
	relay=$(relay_pids)
}

# "NAME COUNT" of each call that a connection needs: most of one thread
calls_of()
{
	awk '$2 ~ /^[a-z_0-9]+\(/ { name = $2; sub(/\(.*/, "", name); n[name " " $1]++ }
	END {
		for (key in n) {
			split(key, part, " ")
			if (n[key] > most[part[1]]) most[part[1]] = n[key]
		}
		for (name in most) print name, most[name]
	}' "$T/trace" | LC_ALL=C sort
}

travelled()
{
	grep -qE "^[0-9]+ +(write|writev|send|sendto|sendmsg)\([0-9]+<TCP.*$secret" "$T/trace" ||
		grep -qs "$secret" "$T"/servers/trap.data "$T"/smtp/smtp.good.performed.plain "$T"/ftp/*.plain
}

# Sets $outcome.
judge()
{
	if travelled; then
		outcome=plaintext
	elif grep -q ' +++ killed by ' "$T/trace"; then
		outcome=crash
	elif [ "$STATUS" -ge 124 ]; then
		outcome=hang
	elif [ "$STATUS" = 0 ]; then
		outcome=TLS
	elif grep -q '^xsock: ' "$T/lines" "$ERR"; then
		outcome=told
	else
		outcome=silent
	fi
	counts[$outcome]=$((${counts[$outcome]-0} + 1))
}

# refuse PATH CALL N ERROR
refuse()
{
	find_relay
	traced "$1" "$2:error=$4:when=$3"
	grep -q '(INJECTED)' "$T/trace" || return 0
	runs=$((runs + 1))
	judge
	case $outcome in
	TLS | told) return ;;
	esac
	grep '(INJECTED)' "$T/trace" | cut -c 1-200 >>"$OUT"
	fail "$1: $2, call $3: $4" "$outcome"
}

sweep()
{
	local way=${1%%:*} only=${1#*:} call count n error
	[ "$only" != "$1" ] || only=
	find_relay
	traced "$way"
	if [ "$STATUS" -ne 0 ]; then
		fail "$way, with nothing refused"
		return
	fi
	calls_of >"$T/calls"
	while read -r call count; do
		case $never in *" $call "* | *"$call "*) continue ;; esac
		[ -z "$only" ] || [ "$call" = "$only" ] || continue
		[ "$count" -gt "$most" ] && count=$most
		for ((n = 1; n <= count; n++)); do
			for error in $errors; do
				refuse "$way" "$call" "$n" "$error" </dev/null
			done
		done
	done <"$T/calls"
}

case ${1-short} in
short) most=1 ;;
all) most=12 errors="ENOMEM EINTR" ;;
*) exit 2 ;;
esac
shift
suite_begin relay-faults
need "a relay whose calls are refused" strace || suite_end
if [ "$(id -u)" -ne 0 ]; then
	CI= skip "a relay whose calls are refused" "the relay lets nobody but root trace it"
	suite_end
fi
serve tls_server:echo,tls="$CERTS/good" trap:sink
mkdir "$T/smtp" "$T/ftp"
start smtp "$PYTHON" -B "$TESTS/starttls/hostile.py" "$T/smtp" "$CERTS"
start ftp "$PYTHON" -B "$TESTS/starttls/ftp_server.py" "$T/ftp" "$CERTS"
within 30 test -e "$T/smtp/cases" && within 30 test -e "$T/ftp/port" || exit 1
port_tls=$port_trap
port_smtp=$(awk '$1 == "smtp" && $2 == "good" && $4 == "performed" { print $5 }' "$T/smtp/cases")
port_ftp=$(cat "$T/ftp/port")
rules="127.0.0.1:$port_tls=tls://localhost:$port_tls_server
	127.0.0.1:$port_smtp=smtp+starttls://?peer_name=localhost
	127.0.0.1:$port_ftp=ftp+starttls://?peer_name=localhost"
export XSOCK_OPTIONS="cafile=$CA&timeout=4" XSOCK_LOG=error:$T/lines XSOCK_RELAY_IDLE=120
declare -A counts
runs=0
[ $# -gt 0 ] || set -- tls smtp ftp
for way; do
	sweep "$way"
done
for outcome in TLS told silent plaintext hang crash; do
	printf '%-10s %s\n' "$outcome" "${counts[$outcome]-0}"
done
if [ "$runs" -eq 0 ]; then
	fail "no system call was refused"
elif [ "$failed" -eq 0 ]; then
	pass "$runs connections ($*), each with a system call of the relay refused"
fi
find_relay
[ -z "$relay" ] || stop_relays
suite_end
