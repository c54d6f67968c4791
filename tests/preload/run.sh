#!/bin/bash
# Runs each victim plain, with the library and rules that match nothing, and
# wrapped.  The first two must print the same.  A wrapped run must print the
# same too, but for the keys that VICTIM.differs names with a reason.
#
#     run.sh [VICTIM…]
#
# XSOCK_TEST_MODES=nomatch leaves out the wrapped runs, where no relay can be
# started.  XSOCK_TEST_SUPERVISED=1 has a supervisor in place of the library.
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/preload/plaintext.sh"
. "$TESTS/preload/datagrams.sh"
. "$TESTS/preload/peers.sh"
# No lookup may wait long for a name server that a machine does not have.
export RES_OPTIONS="timeout:1 attempts:1"

# VICTIM:MODES.  Every victim runs plain and with no match; MODES are the
# wrapped runs:
#   tls    over TLS
#   relay  through the relay without TLS (tcp://?relay=yes)
#   mute   as tls; where a connect stays pending, it is the handshake that does
#   slow   as tls, to servers that wait before the handshake
#   early  as slow, with connect=early
#   udp    UDP through the relay without DTLS (udp://?relay=yes)
#   moved  UDP to another port (udp://:PORT)
#   dtls   DTLS
victims=(
	blocking:tls,relay,early
	nonblocking:tls,relay,mute,slow,early
	families:tls
	identity:tls,relay
	flags:tls
	halfclose:tls,relay,early
	signals:tls,mute
	names:tls
	fastopen:tls,slow
	connecting:tls,relay,slow,early
	own_port:tls,relay,early
	prepared:tls,relay,slow,early
	threads:tls,relay
	forks:tls
	processes:tls,relay
	streams:tls,relay
	limits:tls,mute
	many:tls,relay,slow
	unreachable:tls
	corners:tls,relay,slow,early
	copies:tls,relay
	sending:tls,relay,early
	ended:tls,relay
	descriptors:tls,relay
	high:tls,relay
	sets:tls,relay,slow,early
	loads:tls,relay
	readiness:tls,relay
	io:tls,relay,early
	uring:tls,relay,slow
	resets:tls,relay,early
	left:tls,relay,mute,early
	datagrams:udp,moved,dtls
	peers:udp,moved,dtls
	recverr:udp,moved,dtls
)

behaviours=(echo sink greet source reset last bye)

start_servers()
{
	local b listeners=(closed:closed full:full mute:mute
		trap:sink trap2:sink)
	for b in "${behaviours[@]}"; do
		# Wrapped runs are told a port that refuses, so that only the
		# rule can lead them to the server.
		listeners+=("plain_$b:$b" "tls_$b:$b,tls=$CERTS/good"
			    "slow_$b:$b,tls=$CERTS/good,slow=100"
			    "front_$b:closed")
	done
	serve "${listeners[@]}"
}

# start_udp_server NAME ARGUMENT: its log is emptied now and then.
start_udp_server()
{
	"$SUPPORT/dtls_server" "$2" >>"$T/$1.log" 2>&1 </dev/null &
	started+=($!)
}

# UDP: an echo, one behind DTLS, and ports of nobody.
start_udp_servers()
{
	start_udp_server udp_echo -
	start_udp_server udp_mute mute
	start_udp_server dtls_echo "$CERTS/good"
	within 10 grep -q '^port' "$T/udp_echo.log" &&
		within 10 grep -q '^port' "$T/udp_mute.log" &&
		within 10 grep -q '^port' "$T/dtls_echo.log" || exit 1
	port_udp_echo=$(sed -n 's/^port //p' "$T/udp_echo.log")
	port_udp_mute=$(sed -n 's/^port //p' "$T/udp_mute.log")
	port_dtls_echo=$(sed -n 's/^port //p' "$T/dtls_echo.log")
	free_ports 2
	port_udp_front=${ports[0]} port_udp_closed=${ports[1]}
}

# The environment of a victim: ports MODE-OF-PORTS PENDING
ports()
{
	local b name tcp=$1
	[ "$1" != udp ] || tcp=plain
	for b in "${behaviours[@]}"; do
		name=port_${tcp}_$b
		echo "${b^^}=${!name}"
	done
	echo "CLOSED=$port_closed"
	echo "UDP_CLOSED=$port_udp_closed"
	if [ "$1" = plain ] || [ "$1" = udp ]; then
		echo "UDP_ECHO=$port_udp_echo"
	else
		echo "UDP_ECHO=$port_udp_front"
	fi
	echo "PENDING=$2"
}

# rules TARGET-PREFIX URL-SCHEME PENDING-TARGET
rules()
{
	local b from to
	for b in "${behaviours[@]}"; do
		from=port_front_$b to=port_$1_$b
		echo "*:${!from}=$2://:${!to}$3"
	done
	echo "*:$port_closed=$2://$3"
	echo "*:$4=$2://$5$3"
}

# Programs that no library gets into have a supervisor.
if [ "${XSOCK_TEST_SUPERVISED-}" ]; then
	with_xsock()
	{
		local rules=$1
		shift
		XSOCK_RELAY=${XSOCK_RELAY-$RELAY} XSOCK_RELAY_IDLE=1 bounded \
			"$BUILD/xsock" run --supervise=always -r "$rules" -- env "$@"
	}
fi

matches_nothing='
	192.0.2.0/24=tls:// [2001:db8::/32]=tls:// *.example.test=deny://
	nosuch.example.test:9=tls://:443 127.0.0.1:1-9=deny://
	192.0.2.1:21=ftp+starttls:// udp://192.0.2.1:53=deny://
	udp://*.example.test=dtls:// udp://192.0.2.0/24=udp://?relay=yes'

run_victim()
{
	local victim=$1 mode=$2
	local program=${XSOCK_TEST_VICTIMS:-$BUILD/tests/preload}/$victim
	local world= level=warning
	# They start programs with another environment, which is told.
	case $victim in processes | descriptors) level=error ;; esac
	[ "$victim" != unreachable ] || world="unshare -rn"
	case $mode in
	plain)
		bounded $world env $(ports plain "$port_full") "$program" ;;
	nomatch)
		XSOCK_LOG=$level XSOCK_RELAY=/nonexistent \
			with_xsock "$matches_nothing" $(ports plain "$port_full") $world "$program" ;;
	tls | slow)
		XSOCK_OPTIONS=cafile=$CA with_xsock \
			"$(rules $mode tls '' "$port_full" '')" \
			$(ports front "$port_full") $world "$program" ;;
	early)
		XSOCK_OPTIONS="cafile=$CA&connect=early" with_xsock \
			"$(rules slow tls '' "$port_full" '')" \
			$(ports front "$port_full") $world "$program" ;;
	relay)
		with_xsock "$(rules plain tcp '?relay=yes' "$port_full" '')" \
			$(ports front "$port_full") "$program" ;;
	udp)
		XSOCK_LOG=off with_xsock "udp://127.0.0.1=udp://?relay=yes" \
			$(ports udp "$port_full") "$program" ;;
	moved)
		XSOCK_LOG=off with_xsock \
			"udp://*:$port_udp_front=udp://127.0.0.1:$port_udp_echo
			udp://*:$port_udp_closed=udp://?relay=yes" \
			$(ports front "$port_full") "$program" ;;
	dtls)
		XSOCK_LOG=off with_xsock \
			"udp://*:$port_udp_front=dtls://:$port_dtls_echo?cafile=$CA
			udp://*:$port_udp_closed=dtls://" \
			$(ports front "$port_full") "$program" ;;
	mute)
		XSOCK_OPTIONS=cafile=$CA with_xsock \
			"$(rules tls tls '' "$port_front_mute" ":$port_mute")" \
			$(ports front "$port_front_mute") "$program" ;;
	esac
}

# What a wrapped run must print: the plain output, with the lines that
# VICTIM.differs names replaced, and that of ../supervise where there is a
# supervisor.  Its lines are "KEY: TEXT", "KEY: *" for
# anything, "[MODE]" for what follows to count in that mode only, and "#" for
# the reason.  A key below a heading is "HEADING/KEY" or just "KEY".
expected()
{
	local differs=$T/differs
	cat "$TESTS/preload/$1.differs" \
		${XSOCK_TEST_SUPERVISED:+"$TESTS/supervise/$1.differs"} >"$differs" 2>/dev/null
	awk -v mode="$2" -v any="$3" '
	function key_of(line) {
		sub(/: .*/, "", line); sub(/^ +/, "", line); return line
	}
	FNR == NR && FILENAME != "-" {
		if (/^#/ || /^$/) next
		if (/^\[/) { only = substr($0, 2, length($0) - 2); next }
		if (only == "" || only == mode) {
			key = $0; sub(/: .*/, "", key)
			text = $0; sub(/^[^:]*(:[^ ][^:]*)*: /, "", text)
			change[key] = text
		}
		next
	}
	/^[^ ]/ && !/: / { heading = $0 }
	{
		key = key_of($0)
		full = (/^ / ? heading "/" key : key)
		at = (full in change) ? full : (key in change) ? key : ""
		if (at == "" || (any && change[at] != "*")) { print; next }
		indent = $0; sub(/[^ ].*/, "", indent)
		print indent key ": " change[at]
	}' "$differs" -
}

check_victim()
{
	local victim=$1 mode
	if [ "$victim" = unreachable ] && ! unshare -rn true 2>/dev/null; then
		skip "$victim" "no network namespace to be had"
		return
	fi
	if [ "$victim" = high ] && ! (ulimit -n 120000) 2>/dev/null; then
		# No package gives them; only who may raise the limit does.
		CI= skip "$victim, above 65535" "no more than $(ulimit -Hn)"
	fi
	case_run run_victim "$victim" plain
	cp "$OUT" "$T/$victim.plain"
	if [ "$victim" = uring ] && [ "$STATUS" -eq 77 ]; then
		CI= skip "$victim" "this kernel refuses io_uring: $(cat "$OUT")"
		return
	fi
	if [ "$STATUS" -ne 0 ] || [ ! -s "$OUT" ]; then
		fail "$victim, plain" "did not run"
		return
	fi
	case_run run_victim "$victim" nomatch
	compare "$victim, no match" "$T/$victim.plain" "$OUT"
	[ "${XSOCK_TEST_MODES-}" != nomatch ] || return 0
	for mode in ${2//,/ }; do
		case_run run_victim "$victim" "$mode"
		expected "$victim" "$mode" "" <"$T/$victim.plain" >"$T/expected"
		expected "$victim" "$mode" any <"$OUT" >"$T/seen"
		compare "$victim, $mode" "$T/expected" "$T/seen"
	done
}

# compare NAME EXPECTED SEEN
compare()
{
	local same=yes
	diff -U1 --label expected --label seen "$2" "$3" >"$T/diff" || same=no
	cp "$T/diff" "$OUT"
	if [ "$STATUS" -ne 0 ]; then
		fail "$1" "exit status $STATUS"
	elif [ $same = no ]; then
		fail "$1" "prints something else"
	elif [ -s "$ERR" ] && [ "${1#*, }" = "no match" ]; then
		fail "$1" "wrote to standard error"
	else
		pass "$1"
	fi
}

# Who leaves at once after the last write: the server has every byte, and a
# proper end.
check_leaving()
{
	local how sum log=$T/servers/tls_sink.log
	sum=$("$PYTHON" -c '
import hashlib
whole = bytes(i % 251 for i in range(10 << 20))
print(hashlib.sha256(whole).hexdigest())')

	for how in exit kill exec; do
		: >"$log"
		XSOCK_OPTIONS=cafile=$CA case_run with_xsock \
			"*:$port_front_sink=tls://:$port_tls_sink" \
			$(ports front "$port_full") \
			"$BUILD/tests/preload/leaving" $how
		within 10 grep -q '^end' "$log"
		cp "$log" "$OUT"
		if grep -q "^end close_notify bytes 10485760 sha256 $sum" "$log"
		then
			pass "leaving by $how: 10 MiB and the end arrive"
		else
			fail "leaving by $how: 10 MiB and the end arrive"
		fi
	done
}

# A connect that is closed before it ends: the server learns at once.
check_abandoned()
{
	local log=$T/servers/mute.log

	: >"$log"
	XSOCK_OPTIONS=cafile=$CA case_run with_xsock \
		"*:$port_front_echo=tls://:$port_mute" "$PYTHON" -c '
import socket, sys
s = socket.socket()
s.setblocking(False)
s.connect_ex(("127.0.0.1", int(sys.argv[1])))
s.close()' "$port_front_echo"
	within 20 grep -q '^end' "$log"
	cp "$log" "$OUT"
	if grep -q '^accepted' "$log" && grep -q '^end' "$log"; then
		pass "abandoned: closed in the handshake, the server learns"
	else
		fail "abandoned: closed in the handshake, the server learns"
	fi
}

# Who starts the relay does not get a child.
check_starter()
{
	cp "$RELAY" "$T/relay-of-its-own"
	XSOCK_RELAY=$T/relay-of-its-own XSOCK_RELAY_IDLE=0 case_run \
		with_xsock "*:$port_closed=tls://" CLOSED="$port_closed" \
		"$BUILD/tests/preload/starter"
	printf '%s\n' "wait before: -1 ECHILD" "connect: -1 ECONNREFUSED" \
		"wait with a relay: -1 ECHILD" "wait afterwards: -1 ECHILD" \
		"SIGCHLD: 0" | diff -U1 - "$OUT" >"$T/diff"
	if [ -s "$T/diff" ]; then
		cp "$T/diff" "$OUT"
		fail "starter: the relay is nobody's child"
	else
		pass "starter: the relay is nobody's child"
	fi
}

# check_relay_gone HOW LINES WORDS-OF-THE-LOG: the relay is stopped or killed while
# a connect waits.
check_relay_gone()
{
	local relay=$T/relay-$1
	cp "$RELAY" "$relay"
	XSOCK_RELAY=$relay XSOCK_RELAY_IDLE=0 case_run with_xsock \
		"*:$port_front_echo=tls://:$port_mute?timeout=1" \
		"$PYTHON" "$TESTS/preload/relay_gone.py" "$relay" "$1" \
		"$port_front_echo"
	printf '%s\n' "$2" | diff -U1 - "$OUT" >"$T/diff"
	if [ -s "$T/diff" ]; then
		cp "$T/diff" "$OUT"
		fail "a relay that is $1: who waits is told"
	elif ! grep -q "$3" "$ERR"; then
		fail "a relay that is $1: who waits is told" "no line"
	else
		pass "a relay that is $1: who waits is told"
	fi
}

check_relays_gone()
{
	check_relay_gone stopped "begun: EINPROGRESS
blocking connect: ETIMEDOUT
getsockopt: ETIMEDOUT" 'the relay @xsock-relay/[0-9a-f]* (process [1-9][0-9]*) has not answered'
	check_relay_gone killed "begun: EINPROGRESS
begun: EINPROGRESS
poll says HUP: True
connect: EACCES
poll says HUP: True
SO_ERROR: EACCES
connect behind SO_ERROR: ECONNABORTED" 'the relay ended before'
}

# A library that connects in its constructor, before or behind ours.
check_early()
{
	local early=$BUILD/tests/preload/plugins/early.so order
	local before=${PRELOAD% *}

	[ "$before" != "$PRELOAD" ] || before=
	for order in "$early $BUILD/libxsock.so" "$BUILD/libxsock.so $early"; do
		PRELOAD="$before $order" XSOCK_OPTIONS=cafile=$CA case_run \
			with_xsock "*:$port_front_echo=tls://:$port_tls_echo" \
			$(ports front "$port_full") /bin/true
		if [ "$(cat "$OUT")" = "constructor: early" ]; then
			pass "early: a constructor connects, ${order##*/} is last"
		else
			fail "early: a constructor connects, ${order##*/} is last"
		fi
	done
}

# Two copies must not take each other for libc.
check_copies()
{
	local before=${PRELOAD% *}

	[ "$before" != "$PRELOAD" ] || before=
	mkdir -p "$T/copy"
	cp "$BUILD/libxsock.so" "$T/copy"
	PRELOAD="$before $BUILD/libxsock.so $T/copy/libxsock.so" \
		XSOCK_OPTIONS=cafile=$CA case_run with_xsock \
		"*:$port_front_echo=tls://:$port_tls_echo" "$PYTHON" -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"once\n")
print(s.recv(5), s.getpeername()[1] == int(sys.argv[1]))' "$port_front_echo"
	if [ "$(cat "$OUT")" = "b'once\\n' True" ]; then
		pass "two copies of the library"
	else
		fail "two copies of the library"
	fi
}

# ss -xp and /proc show what the README says.
check_shown()
{
	local end relay program

	XSOCK_OPTIONS=cafile=$CA case_run with_xsock \
		"*:$port_front_echo=tls://:$port_tls_echo" "$PYTHON" -c '
import os, socket, subprocess, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("local %s:%d" % s.getsockname(), "pid", os.getpid())
shown = subprocess.run(["ss", "-Hxpn"], stdout=subprocess.PIPE).stdout.decode()
print("\n".join(l for l in shown.splitlines() if "@xsock/" in l))
inode = os.readlink("/proc/self/fd/%d" % s.fileno())[8:-1]
for line in open("/proc/net/unix"):
    if line.split()[6] == inode:
        print("proc", line.split()[7])' "$port_front_echo"
	program=$(sed -n 's/^local \(.*\) pid .*/\1/p' "$OUT")
	end="@xsock/[0-9a-f]*/[0-9a-f]*/127.0.0.1:$port_front_echo<$program"
	relay="@xsock/[0-9a-f]*=$program>127.0.0.1:$port_tls_echo "
	# Only root may look into the relay.
	[ "$(id -u)" -ne 0 ] || relay+=".*\"xsock-relay\""
	if [ "$program" ] && grep -q "$end .*\"python3\",pid=$(
		sed -n 's/.* pid //p' "$OUT")," "$OUT" &&
		grep -q "$relay" "$OUT" &&
		grep -qx "proc $end" "$OUT"; then
		pass "shown: ss and /proc tell the program's end and the relay's"
	else
		fail "shown: ss and /proc tell the program's end and the relay's"
	fi
}

suite_begin preload
start_servers
start_udp_servers
# A front door for the mute server.
port_front_mute=$port_mute
for entry in "${victims[@]}"; do
	victim=${entry%%:*}
	[ $# -eq 0 ] || [[ " $* " == *" $victim "* ]] || continue
	check_victim "$victim" "${entry#*:}"
done
if [ $# -eq 0 ] || [[ " $* " == *" leaving "* ]]; then
	check_leaving
fi
if [ $# -eq 0 ] || [[ " $* " == *" abandoned "* ]]; then
	check_abandoned
fi
if [ $# -eq 0 ] || [[ " $* " == *" starter "* ]]; then
	check_starter
fi
if [ $# -eq 0 ] || [[ " $* " == *" gone "* ]]; then
	check_relays_gone
fi
if [ $# -eq 0 ] || [[ " $* " == *" shown "* ]]; then
	need shown ss && check_shown
fi
if [ $# -eq 0 ] || [[ " $* " == *" early "* ]]; then
	check_early
	check_copies
fi
if [ $# -eq 0 ] || [[ " $* " == *" datagrams "* ]]; then
	check_datagrams
	check_peers
fi
if [ $# -eq 0 ] || [[ " $* " == *" plaintext "* ]]; then
	check_plaintext
fi
suite_end
