# What every test script shares: a private folder, servers that are stopped,
# counting, and commands run with the library.  Source it, then:
#
#   suite_begin NAME             makes $T (private folder) and certificates
#   serve LISTENER…              tests/support/server.c; sets port_NAME
#   with_xsock RULES COMMAND…    runs COMMAND with the library, bounded in time
#   case_run COMMAND…            runs it, output to $OUT and $ERR, status $STATUS
#   pass NAME / fail NAME / skip NAME REASON
#   suite_end                    the relay must leave; prints the closing line
#
# From the environment, set by the Makefile:
#   XSOCK_TEST_BUILD    folder with what was built       (default: build)
#   XSOCK_TEST_PRELOAD  what goes into LD_PRELOAD        (default: its libxsock.so)
#   XSOCK_TEST_KEEP=1   keeps the folder for a look
#   CI=true             a missing tool is a failure, not a skip
#
# Root's tests run in a network and with names of their own: world.sh.

# Where Debian has its servers; not in everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
set -u
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$TESTS/support/world.sh"
. "$TESTS/support/within.sh"
BUILD=$(cd "${XSOCK_TEST_BUILD:-$TESTS/../build}" && pwd) || exit 1
PRELOAD=${XSOCK_TEST_PRELOAD:-$BUILD/libxsock.so}
SUPPORT=$BUILD/tests/support
# A version manager's shim is a shell script: take the real thing.
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=$(command -v python3)
. "$TESTS/support/certs.sh"

passed=0 failed=0 skipped=0
started=()
# Functions that stop what must not just be killed.
at_end=()

# --- counting -----------------------------------------------------------

pass()
{
	passed=$((passed + 1))
	echo "ok    $1"
}

# fail NAME [WHY]: with what the case wrote, and the end of the servers' logs
fail()
{
	failed=$((failed + 1))
	echo "FAIL  $1${2:+: $2}"
	show_file "status ${STATUS-}, standard output" "$OUT" 50
	show_file "standard error" "$ERR" 25
}

skip()
{
	if [ "${CI:-}" = true ]; then
		fail "$1" "cannot run: $2"
		return
	fi
	skipped=$((skipped + 1))
	echo "SKIP  $1: $2"
}

show_file()
{
	[ -s "$2" ] || return 0
	echo "      --- $1"
	head -c 20000 "$2" | tail -n "$3" | cut -c 1-300 | awk '{ print "      " $0 }'
}

# need NAME TOOL…: true when all tools are there; else skips the case
need()
{
	local name=$1 tool
	shift
	for tool; do
		command -v "$tool" >/dev/null ||
			{ skip "$name" "$tool is not installed"; return 1; }
	done
}

# private_mounts NAME: sets $mounts, the command in front of one that may mount
# for itself.  Else it skips the case, which only root must be able to run.
private_mounts()
{
	for mounts in "unshare -m" "unshare -rm"; do
		mounts=($mounts)
		"${mounts[@]}" mount --bind "$T" "$T" 2>/dev/null && return
	done
	if [ "$(id -u)" -eq 0 ]; then
		skip "$1" "no mount namespace to be had"
	else
		CI= skip "$1" "no mount namespace to be had"
	fi
	return 1
}

# --- life ---------------------------------------------------------------

# A folder and certificates; all that is started from here on is stopped.
folder_begin()
{
	T=$(mktemp -d "${TMPDIR:-/tmp}/xsock-$1.XXXXXX") || exit 1
	OUT=$T/out ERR=$T/err
	: >"$OUT"; : >"$ERR"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	certs_make "$T/certs" || exit 1
	CA=$CERTS/ca.pem
	# A relay of this run only: the file's identity is part of its key.
	RELAY=$T/xsock-relay
	cp "$BUILD/xsock-relay" "$RELAY" || exit 1
}

suite_begin()
{
	folder_begin "$1"
	mkdir "$T/servers" "$T/reports"
	if [ ! -x "$SUPPORT/server" ]; then
		echo "$SUPPORT/server is missing: make check builds it" >&2
		exit 1
	fi
	sanitizer_options
}

# Leaks in foreign programs are theirs; everything else that a sanitizer finds
# lands in a file, and a file fails the suite.
sanitizer_options()
{
	sanitized=
	case $PRELOAD in *san*) sanitized=1 ;; esac
	[ "$sanitized" ] || return 0
	export XSOCK_TEST_SANITIZED=1
	export ASAN_OPTIONS="detect_leaks=0:log_path=$T/reports/asan"
	export UBSAN_OPTIONS="print_stacktrace=1:log_path=$T/reports/ubsan"
	# What is not built with it synchronizes in ways that it does not see.
	export TSAN_OPTIONS="ignore_noninstrumented_modules=1:log_path=$T/reports/tsan"
	spare_curl
}

# With some versions of libasan, curl hangs in setlocale(3) before it does
# anything, with libasan alone.  There it gets the library of the build that is
# beside; the relay is the sanitized one still.
spare_curl()
{
	local plain=${BUILD%/*}/libxsock.so

	timeout 10 env LD_PRELOAD="$PRELOAD" curl -s file:///dev/null && return
	if [ ! -e "$plain" ]; then
		echo "curl does not run with $PRELOAD, and there is no $plain" >&2
		exit 1
	fi
	mkdir "$T/bin"
	cat >"$T/bin/curl" <<-END
	#!/bin/sh
	LD_PRELOAD=$plain exec $(command -v curl) "\$@"
	END
	chmod 755 "$T/bin/curl"
	PATH=$T/bin:$PATH
}

cleanup()
{
	local pid
	trap '' INT TERM
	for pid in "${at_end[@]+"${at_end[@]}"}"; do
		"$pid"
	done
	for pid in "${started[@]+"${started[@]}"}" $(relay_pids); do
		kill_tree "$pid"
		wait "$pid" 2>/dev/null
	done
	if [ "${XSOCK_TEST_KEEP:-}" ]; then
		echo "kept: $T"
	else
		rm -rf "$T"
	fi
}

# kill_tree PID: with all its descendants.  A stopped parent starts no more.
kill_tree()
{
	local pid=$1 child
	kill -STOP "$pid" 2>/dev/null || return 0
	for child in $(ps -o pid= --ppid "$pid"); do
		kill_tree "$child"
	done
	kill -9 "$pid" 2>/dev/null
}

# freeze PID…: stops them, and comes back when no thread of theirs runs any more
freeze()
{
	kill -STOP "$@" && within 10 are_stopped "$@"
}

are_stopped()
{
	local pid
	for pid; do
		! grep -L '^State:.*[tT] ' "/proc/$pid"/task/*/status | grep -q . ||
			return
	done
}

# Every process that runs this suite's copy of the relay, or one more copy that it
# has made, $RELAY-NAME.  (One find, not a readlink for each process of the
# machine.)
relay_pids()
{
	find /proc/[0-9]*/exe -maxdepth 0 \
		\( -lname "$RELAY" -o -lname "$RELAY-*" -o -lname "$RELAY (deleted)" \) \
		2>/dev/null | cut -d / -f 3
}

no_relay()
{
	[ -z "$(relay_pids)" ]
}

# For the end of a case whose relay had to stay until it was looked at.
stop_relays()
{
	local pid

	for pid in $(relay_pids); do
		kill "$pid"
	done
	within 20 no_relay
}

suite_end()
{
	local report
	: >"$OUT"; : >"$ERR"; STATUS=
	if within ${LEAVE:-15} no_relay; then
		pass "relay: has left by itself"
	else
		fail "relay: has left by itself" "still there: $(relay_pids)"
	fi
	# Warnings, as for a clone with a stack of its own, are no errors.
	for report in "$T"/reports/*; do
		grep -qsE 'ERROR:|runtime error:|WARNING: ThreadSanitizer:' "$report" || continue
		cp "$report" "$ERR"
		fail "sanitizer: ${report##*/}"
	done
	[ "$skipped" -eq 0 ] || echo "$skipped skipped"
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

# --- servers ------------------------------------------------------------

# start NAME COMMAND…: in the background, output to $T/NAME.log; sets $!
start()
{
	local name=$1
	shift
	"$@" >"$T/$name.log" 2>&1 </dev/null &
	started+=($!)
}

# serve LISTENER…: returns when all listen; $T/servers has their logs
serve()
{
	start server "$SUPPORT/server" "$T/servers" "$@"
	if ! within 30 test -e "$T/servers/ports"; then
		cat "$T/server.log" >&2
		exit 1
	fi
	. "$T/servers/ports"
	# Victims tell a port by its server's name, so no client may get that number at
	# another address (ip_local_reserved_ports, in this network only).
	sed 's/.*=//' "$T/servers/ports" | paste -sd, \
		>/proc/sys/net/ipv4/ip_local_reserved_ports || exit 1
}

port_open()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# wait_for FILE NAME: until the server NAME has made it
wait_for()
{
	within 20 test -e "$1" && return
	echo "$2 has not made $1" >&2
	cat "$T/$2.log" >&2
	exit 1
}

# start_on_port NAME FUNCTION [COUNT]: FUNCTION PORT… execs a server that cannot
# pick ports itself.  Sets $port, and all COUNT (1) of them in $ports: random
# ones below those that the kernel hands out; others are tried when the server
# does not get them.
start_on_port()
{
	local try
	for try in 1 2 3 4 5; do
		free_ports "${3:-1}"
		start "$1" "$2" "${ports[@]}"
		within 30 listens_or_ends "$!" "${ports[@]}" &&
			kill -0 "$!" && return
	done 2>/dev/null
	cat "$T/$1.log" >&2
	exit 1
}

# free_ports COUNT: sets $ports and, to the first, $port.  Nobody listens on
# them now, and no other call of this run has had them.
free_ports()
{
	ports=()
	while [ ${#ports[@]} -lt "$1" ]; do
		port=$((20000 + RANDOM % 12000))
		case $ports_taken in *" $port "*) continue ;; esac
		! port_open "$port" 2>/dev/null || continue
		ports_taken="$ports_taken $port "
		ports+=("$port")
	done
	port=${ports[0]}
}
ports_taken=

listens_or_ends()
{
	local pid=$1 one
	shift
	kill -0 "$pid" || return 0
	for one; do
		port_open "$one" || return
	done
}

# wanted NAME: has it one of the words of the command line, which the suite has put
# into words?  Without words everything is wanted.
wanted()
{
	local word
	[ ${#words[@]} -gt 0 ] || return 0
	for word in "${words[@]}"; do
		case $1 in *"$word"*) return 0 ;; esac
	done
	return 1
}

# --- cases --------------------------------------------------------------

# with_xsock RULES COMMAND…: XSOCK_LOG, XSOCK_OPTIONS … as the caller has them
with_xsock()
{
	local rules=$1
	shift
	XSOCK_RULES=$rules XSOCK_RELAY=${XSOCK_RELAY-$RELAY} \
	XSOCK_RELAY_IDLE=${XSOCK_RELAY_IDLE-1} \
		bounded env LD_PRELOAD="$PRELOAD" "$@"
}

# What takes so long hangs: nothing on a busy machine takes as long.
bounded()
{
	timeout -k 5 "${LIMIT:-90}" "$@"
}

# libssl_has_hybrid: X25519MLKEM768, which came with OpenSSL 3.5
libssl_has_hybrid()
{
	openssl list -tls-groups 2>/dev/null | grep -q X25519MLKEM768
}

# best_group: of two sides that leave it to libssl, by its name there
best_group()
{
	if libssl_has_hybrid; then echo X25519MLKEM768; else echo x25519; fi
}

case_run()
{
	"$@" >"$OUT" 2>"$ERR" </dev/null
	STATUS=$?
}
