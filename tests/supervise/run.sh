#!/bin/bash
# "xsock run --supervise": programs that no library gets into, and those that
# have lost it.
#
#     run.sh [PART…] [WAY…]     without PART: all of them
#
# XSOCK_TEST_VICTIM is a victim.c that was built for another ABI; with SOCKETCALL
# set, one of i386 makes its calls by socketcall(2).
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/support/programs.sh"
. "$TESTS/supervise/programs.sh"

VICTIM=${XSOCK_TEST_VICTIM:-$BUILD/tests/supervise/victim}
export XSOCK_RELAY_IDLE=1
unset XSOCK_EXEC XSOCK_LOG
all_parts=" ways many same refusals datagrams abi programs names resolver process killed reused cannot "
parts=() words=()
for word; do
	# "names" is a part and a way: behind a way, all are ways.
	case $all_parts in
	*" $word "*) [ ${#words[@]} -gt 0 ] || { parts+=("$word"); continue; } ;;
	esac
	words+=("$word")
done
[ ${#parts[@]} -gt 0 ] ||
	read -r -a parts <<<"$all_parts"

# supervised RULES COMMAND…
supervised()
{
	local rules=$1
	shift
	XSOCK_RELAY=$RELAY bounded "$BUILD/xsock" run "--supervise=${WHEN:-always}" \
		-l "${LOG:-info}" -r "$rules" -- "$@"
}

# judge NAME STATUS TEXT…: the status; each TEXT in what it printed, or not, if
# it begins with "!"
judge()
{
	local name=$1 status=$2 text
	shift 2
	[ "$STATUS" = "$status" ] ||
		{ fail "$name" "status $STATUS, not $status"; return; }
	for text; do
		case $text in
		!*) ! grep -qF -- "${text#!}" "$OUT" "$ERR" ;;
		*) grep -qF -- "$text" "$OUT" "$ERR" ;;
		esac || { fail "$name" "\"$text\""; return; }
	done
	pass "$name"
}

supervisors()
{
	local exe
	for exe in /proc/[0-9]*/exe; do
		[ "$(readlink "$exe" 2>/dev/null)" = "$BUILD/xsock" ] &&
			grep -q xsock-supervise "${exe%exe}comm" 2>/dev/null &&
			echo "$exe"
	done
}

no_supervisor()
{
	[ -z "$(supervisors)" ]
}

# --- connects ------------------------------------------------------------------

tls_rule()
{
	echo "127.0.0.1:$1=tls://?cafile=$CA"
}

# What a static program does: wrapped, and as plainly if no rule is about it.
try_ways()
{
	local way port
	for way in blocking nonblocking epoll copies closed threads vfork names alarm restart storm; do
		wanted "$way" || continue
		port=$port_tls
		case $way in alarm | restart) port=$port_slow ;; esac
		case_run supervised "$(tls_rule $port)" "$VICTIM" $way $port
		judge "$way" 0 "victim[" "verified \"127.0.0.1\""
		case_run "$VICTIM" $way $port_plain
		cp "$OUT" "$T/plainly"
		case_run supervised "$(tls_rule $port_tls)" "$VICTIM" $way $port_plain
		if cmp -s "$OUT" "$T/plainly"; then
			judge "$way, no rule" 0 "!xsock:"
		else
			fail "$way, no rule" "another output than without"
		fi
		case_run bounded "$VICTIM" $way $port_tls
		if [ $STATUS != 0 ] || [ $way = vfork ] || [ $way = alarm ]; then
			pass "$way, without xsock"
		else
			fail "$way, without xsock" "the server takes plaintext"
		fi
	done
}

# More answers that nobody waited for than a small table has places.
try_many()
{
	case_run supervised "$(tls_rule $port_tls)" "$VICTIM" many $port_tls
	judge "150 interrupted connects are made again" 0 "150 interrupted"
}

# The same errno as without.
try_same()
{
	local way
	for way in bad unix; do
		case_run "$VICTIM" $way $port_plain
		cp "$OUT" "$T/plainly"
		case_run supervised "$(tls_rule $port_tls)" "$VICTIM" $way $port_plain
		cmp -s "$OUT" "$T/plainly" && pass "$way: as without" ||
			fail "$way: as without" "$(diff "$T/plainly" "$OUT")"
	done
	case_run "$VICTIM" reset $port_reset
	cp "$OUT" "$T/plainly"
	case_run supervised "127.0.0.1:$port_reset=tcp://?relay=yes" "$VICTIM" reset $port_reset
	cmp -s "$OUT" "$T/plainly" && grep -q "read: ECONNRESET" "$OUT" &&
		pass "a reset by the server: as without" ||
		fail "a reset by the server: as without" "$(cat "$T/plainly")"
	case_run supervised "127.0.0.1:$port_reset=tcp://?relay=yes" \
		sh -c "$VICTIM reset $port_reset 2>&1 | cat"
	judge "a line behind the connect, to a pipe" 0 "the connection to the server broke"
	case_run supervised "$(tls_rule $port_tls)" "$VICTIM" blocking $port_closed
	judge "a port that is closed" 1 "connect: ECONNREFUSED" "!xsock:"
	case_run supervised "$(tls_rule $port_closed)" "$VICTIM" blocking $port_closed
	judge "a port that is closed, by a rule" 1 "connect: ECONNREFUSED" "xsock: victim["
}

# Nothing that a rule is about leaves without DTLS.
try_datagrams()
{
	local port

	start dtls_echo "$SUPPORT/dtls_server" "$CERTS/good"
	within 10 grep -q '^port' "$T/dtls_echo.log"
	port=$(sed -n 's/^port //p' "$T/dtls_echo.log")
	case_run supervised "udp://127.0.0.1:$port=dtls://?cafile=$CA" \
		"$VICTIM" datagrams "$port"
	judge "datagrams: with an address refused, connected by DTLS" 0 \
		"sendto: EACCES" "sendmsg: EACCES" "sendmmsg: EACCES" \
		"much room: EACCES" "no family: EACCES" \
		"got hello" "DTLSv1.2" "has no way to the relay"
	cp "$T/dtls_echo.log" "$OUT"
	if grep -q plain "$T/dtls_echo.log"; then
		fail "datagrams: no plaintext"
	else
		pass "datagrams: no plaintext"
	fi
	start udp_echo "$SUPPORT/dtls_server" -
	within 10 grep -q '^port' "$T/udp_echo.log"
	port=$(sed -n 's/^port //p' "$T/udp_echo.log")
	case_run supervised "udp://192.0.2.1=dtls://" "$VICTIM" datagrams "$port"
	judge "datagrams: other addresses are left alone" 0 "sendto: 6" \
		"sendmsg: 6" "sendmmsg: 1" "much room: 6" "no family: 6" "got hello"
	case_run bounded "$PYTHON" "$TESTS/supervise/stand_in.py"
	judge "datagrams: a stand-in has not the peer's address" 0 "not from the peer" \
		"bound to it" "IP_TRANSPARENT" "IP_FREEBIND" "IP_PKTINFO" "!seen"
}

try_refusals()
{
	local lines
	lines=$(wc -l <"$T/servers/plain.log")
	case_run supervised "127.0.0.1:$port_plain=deny://" "$VICTIM" blocking $port_plain
	judge "deny" 1 "connect: EACCES" "xsock: victim[" "denied by this rule"
	case_run supervised "127.0.0.1:$port_plain=deny://" \
		sh -c "$VICTIM blocking $port_plain 2>$T/other; cat $T/other; false"
	judge "deny, with another standard error" 1 "connect: EACCES" "denied by this rule"
	case_run supervised "127.0.0.1:$port_plain=deny://" \
		sh -c "$VICTIM blocking $port_plain 2>/dev/null; false"
	judge "deny, with /dev/null" 1 "connect: EACCES" "!xsock:"
	case_run supervised "127.0.0.1:$port_plain=deny://" \
		sh -c "$VICTIM blocking $port_plain 2>&-; false"
	judge "deny, with none" 1 "connect: EACCES" "!xsock:"
	case_run supervised "127.0.0.1:$port_plain=deny://" "$VICTIM" nonblocking $port_plain
	judge "deny, non-blocking" 1 "connect: EACCES"
	case_run supervised "127.0.0.1:$port_plain=deny://" "$VICTIM" fastopen $port_plain
	judge "MSG_FASTOPEN" 0 "sendto: EOPNOTSUPP" "sendmsg: EOPNOTSUPP" \
		"sendmmsg: EOPNOTSUPP"
	case_run supervised "127.0.0.1:$port_plain=deny://" \
		"$VICTIM" changing $port_closed $port_plain
	judge "an address that changes meanwhile" 0 never
	[ "$(wc -l <"$T/servers/plain.log")" = "$lines" ] &&
		pass "the server that is denied has seen nothing" ||
		fail "the server that is denied has seen nothing" \
			"$(tail -n 3 "$T/servers/plain.log")"
	case_run supervised "127.0.0.1:$port_bad=tls://?cafile=$CA" \
		"$VICTIM" blocking $port_bad
	judge "a certificate of an unknown CA" 1 "connect: EKEYREJECTED" "not trusted"
	case_run supervised "127.0.0.1:$port_bad=tls://?cafile=$CA" \
		"$VICTIM" nonblocking $port_bad
	judge "the same, non-blocking" 1 "connect: EINPROGRESS" "SO_ERROR: EKEYREJECTED"
	[ ! -s "$T/servers/bad.data" ] && pass "its server has got no byte" ||
		fail "its server has got no byte"
	# As a user: root may look into all.
	case_run bounded $([ "$(id -u)" != 0 ] ||
		echo setpriv --bounding-set -sys_ptrace) \
		"$BUILD/xsock" run --supervise=always -r "$(tls_rule $port_tls)" -- \
		sh -c "$VICTIM undumpable $port_plain; false"
	judge "a program that forbids to look into it" 1 "connect: EACCES" \
		"xsock: victim[" "a connect is refused, because"
	case_run supervised "$(tls_rule $port_tls)" "$VICTIM" uring $port_tls
	judge "io_uring" 0 "io_uring_setup: ENOSYS"
}

# --- other ABIs -----------------------------------------------------------------

# What a program of this ABI can do beside.  Where the kernel runs no such calls,
# nothing can get past by them.
try_abi()
{
	[ "$(uname -m)" != x86_64 ] || try_gate32
	try_preloaded32
}

try_gate32()
{
	local name="the gate of 32-bit programs"
	case_run "$VICTIM" gate32 $port_plain
	if [ $STATUS = 3 ]; then
		CI= skip "$name" "this kernel has none"
	else
		judge "$name, plain" 0 "socketcall without arguments: EFAULT" \
			"!io_uring_setup: ENOSYS"
		case_run "$VICTIM" gate32 $port_tls
		judge "$name, without xsock" 1
		case_run supervised "$(tls_rule $port_tls)" "$VICTIM" gate32 $port_tls
		judge "$name" 0 "socketcall without arguments: EFAULT" \
			"io_uring_setup: ENOSYS"
		[ "$(grep -c "verified \"127.0.0.1\"" "$ERR")" = 2 ] &&
			pass "$name, both connections" ||
			fail "$name, both connections" "not two lines"
	fi
	case_run "$VICTIM" x32 $port_plain
	if [ $STATUS = 3 ]; then
		CI= skip "a call of the x32 ABI" "this kernel has none"
		return
	fi
	judge "a call of the x32 ABI, plain" 0 "connect: 0"
	case_run supervised "$(tls_rule $port_tls)" "$VICTIM" x32 $port_plain
	judge "a call of the x32 ABI" 3 "this kernel has no such calls"
}

# A dynamically linked program of 32 bits, with the library for it: it asks the
# supervisor, and tells it the names.
try_preloaded32()
{
	local name="32 bits, with the library" program=$BUILD/m32/tests/supervise/lookup
	if [ ! -x "$program" ] || ! "$program" localhost $port_plain >/dev/null 2>&1; then
		CI= skip "$name" "this kernel runs no such program"
		return
	fi
	case_run supervised "local*:$port_tls=tls://?cafile=$CA" "$program" localhost $port_tls
	judge "$name" 0 "got hello" "verified \"localhost\""
	case_run supervised "$(tls_rule $port_tls)" "$program" localhost $port_plain
	judge "$name, no rule" 0 "got hello" "!xsock:"
	case_run supervised "$(tls_rule $port_tls)" "$BUILD/xsock" run \
		-r "$(tls_rule $port_plain)" -- "$program" localhost $port_tls
	judge "$name, other rules inside" 1 "connect: EACCES" \
		"is supervised by an xsock run with other rules"
}

# --- names --------------------------------------------------------------------

# The library tells the supervisor the names.
try_names()
{
	local connect='import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
s.sendall(b"hello\n"); print(s.recv(6).decode(), s.getpeername()[1])'
	case_run supervised "local*:$port_tls=tls://?cafile=$CA" \
		"$PYTHON" -c "$connect" localhost $port_tls
	judge "a glob" 0 "hello" " $port_tls" "verified \"localhost\""
	case_run supervised "$(tls_rule $port_tls)" \
		"$BUILD/xsock" run -r "localhost:$port_web=tls://?cafile=$CA" -- \
		curl -sS "http://localhost:$port_web/"
	judge "xsock run with other rules inside" 7 "is supervised by an xsock run with other rules"
	case_run env LD_PRELOAD="$PRELOAD" XSOCK_RULES="$(tls_rule $port_tls)" \
		XSOCK_RELAY="$RELAY" timeout -k 5 30 "$BUILD/xsock" run \
		--supervise=always -l info -- "$VICTIM" blocking $port_tls
	judge "xsock has the library itself" 0 "got hello" "verified"
	case_run env LD_PRELOAD="$PRELOAD" XSOCK_RULES="$(tls_rule $port_plain)" \
		XSOCK_RELAY="$RELAY" timeout -k 5 30 "$BUILD/xsock" run \
		--supervise=always -r "$(tls_rule $port_tls)" -- \
		"$VICTIM" blocking $port_plain
	judge "and rules that this xsock run replaces" 0 "got hello" "!xsock:"
	# libc connects inside of it: first to the port, then the protocol begins.
	case_run supervised "$(tls_rule $port_tls)" "$PYTHON" -c 'import ctypes, socket, sys
host = ctypes.c_char_p(b"127.0.0.1")
print(ctypes.CDLL(None).rexec(ctypes.byref(host), socket.htons(int(sys.argv[1])),
                              b"user", b"secret", b"true", None))' $port_tls
	judge "rexec" 0 "verified \"127.0.0.1\"" "!is refused"
	LOG=warning case_run supervised "$(tls_rule $port_tls)" \
		"$PYTHON" -c 'import os, sys; os.execve(sys.argv[1], sys.argv[1:], {})' \
		"$VICTIM" blocking $port_tls
	judge "no line about a static program" 0 "got hello" "!xsock:"
}

# Where the library is not, a rule's name is looked up, and a glob is missed,
# which is told.
try_resolver()
{
	local name="a resolver of its own" to
	[ "${XSOCK_TEST_WORLD-}" = entered ] ||
		{ skip "$name" "it needs a network of its own"; return; }
	need "$name" go && build_go get 0 && build_go get_cgo 1 || return
	ip address add 192.0.2.1/24 dev lo
	start nameserver "$PYTHON" "$TESTS/preload/nameserver.py" \
		db.example.test=192.0.2.7
	within 10 grep -q ready "$T/nameserver.log" || return
	to="tls://127.0.0.1:$port_web?cafile=$CA&peer_name=localhost"
	case_run supervised "db.example.test:$port_closed=$to" \
		"$T/get" "db.example.test:$port_closed"
	judge "$name, an exact name" 0 "200 " "verified \"localhost\""
	LOG=warning case_run supervised "*.example.test:$port_closed=$to" \
		sh -c '"$@"; "$@"' sh "$T/get" "db.example.test:$port_closed"
	judge "$name, a glob" 1 "connection refused" "nobody knows whether the rule is meant"
	[ "$(grep -c '^xsock: get\[[0-9]*\]: 192.0.2.7:' "$ERR")" = 2 ] &&
		pass "$name, each process is told" ||
		fail "$name, each process is told" "not two lines"
	GODEBUG=netdns=cgo case_run supervised "*.example.test:$port_closed=$to" \
		"$T/get_cgo" "db.example.test:$port_closed"
	judge "Go with cgo, a glob" 0 "200 " "verified \"localhost\""
	case_run bounded "$PYTHON" "$TESTS/supervise/port53.py"
	judge "answers that a supervisor does not see" 0 "!seen"
}

# --- the process ----------------------------------------------------------------

try_process()
{
	local pid
	case_run supervised "$(tls_rule $port_tls)" sh -c 'exit 7'
	judge "exit status" 7
	case_run supervised "$(tls_rule $port_tls)" sh -c 'kill -USR1 $$'
	judge "signal" 138
	case_run supervised "$(tls_rule $port_tls)" /nowhere/program
	judge "a program that is not there" 127
	if [ "$(id -u)" = 0 ]; then
		case_run supervised "$(tls_rule $port_tls)" grep NoNewPrivs: /proc/self/status
		judge "no_new_privs, root" 0 "NoNewPrivs:	0" "!xsock:"
	fi
	case_run bounded $([ "$(id -u)" != 0 ] ||
		echo setpriv --bounding-set -sys_admin) \
		"$BUILD/xsock" run --supervise=always -l info -r "$(tls_rule $port_tls)" -- \
		grep NoNewPrivs: /proc/self/status
	judge "no_new_privs is told" 0 "NoNewPrivs:	1" "set-user-ID" "get no other rights"
	start child env XSOCK_RELAY="$RELAY" "$BUILD/xsock" run --supervise=always \
		-r "$(tls_rule $port_tls)" -- sh -c 'echo $$ $(cat /proc/$$/task/$$/children); exec sleep 600'
	pid=$!
	within 10 test -s "$T/child.log"
	# The only child that it sees is the one that looks.
	[ "$(cut -d ' ' -f 1 "$T/child.log")" = "$pid" ] &&
		[ "$(wc -w <"$T/child.log")" = 2 ] && pass "it is the caller's child" ||
		fail "it is the caller's child" "$(cat "$T/child.log")"
	kill "$pid"
	wait "$pid" 2>/dev/null
	within 10 no_supervisor && pass "the supervisor ends with the tree" ||
		fail "the supervisor ends with the tree" "$(supervisors)"
}

try_killed()
{
	local exe pid
	mkfifo "$T/fifo"
	exec 3<>"$T/fifo"
	start waits env XSOCK_RELAY="$RELAY" "$BUILD/xsock" run --supervise=always \
		-r "$(tls_rule $port_plain)" -- sh -c "exec $VICTIM wait $port_plain <$T/fifo"
	pid=$!
	within 10 grep -q ready "$T/waits.log"
	for exe in $(supervisors); do
		exe=${exe#/proc/}
		kill -9 "${exe%/exe}"
	done
	within 10 no_supervisor
	echo >&3
	wait "$pid"
	grep -q "connect: ENOSYS" "$T/waits.log" && pass "the supervisor is killed" ||
		fail "the supervisor is killed" "$(cat "$T/waits.log")"
	exec 3>&-
	# The other way round: what waits for a connect is killed.
	start dies env XSOCK_RELAY="$RELAY" "$BUILD/xsock" run --supervise=always \
		-r "$(tls_rule $port_mute)" -- "$VICTIM" blocking $port_mute
	pid=$!
	within 10 eval '[ -n "$(relay_pids)" ]'
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	within 10 no_supervisor && pass "the program is killed while it connects" ||
		fail "the program is killed while it connects" "$(supervisors)"
}

# The number of a process that has died while the relay was asked.
try_reused()
{
	local name="another process with the number" pid relay
	[ "$(id -u)" = 0 ] || { skip "$name" "only root may choose it"; return; }
	mkfifo "$T/lines"
	exec 3<>"$T/lines"
	start reused env XSOCK_RELAY="$RELAY" "$BUILD/xsock" run --supervise=always \
		-r "$(tls_rule $port_tls)" -- sh -c "exec $VICTIM reuse $port_tls <$T/lines"
	pid=$!
	within 10 grep -q connected "$T/reused.log"
	relay=$(relay_pids)
	freeze $relay
	echo >&3
	within 10 grep -q reused "$T/reused.log"
	kill -CONT $relay
	echo >&3
	wait "$pid"
	grep -q untouched "$T/reused.log" && pass "$name" ||
		fail "$name" "$(cat "$T/reused.log")"
	exec 3>&-
}

try_cannot()
{
	case_run supervised "$(tls_rule $port_tls)" "$BUILD/xsock" run \
		--supervise=always -r "$(tls_rule $port_tls)" -- true
	judge "a second supervisor" 125 "a supervisor of somebody else's is there already"
	if need "a filter that is refused late" strace; then
		case_run bounded strace -o /dev/null -e trace=seccomp \
			-e inject=seccomp:error=EPERM "$BUILD/xsock" run \
			--supervise=always -r "$(tls_rule $port_tls)" -- true
		judge "a filter that is refused late" 125 "seccomp(2) is forbidden here"
		within 10 no_supervisor ||
			fail "a filter that is refused late" "a supervisor is left"
	fi
	local call rule
	rule=$(tls_rule $port_tls)
	for call in pidfd_getfd process_vm_readv; do
		need "$call is refused" strace || break
		case_run bounded strace -f -o /dev/null -e trace=$call \
			-e inject=$call:error=EPERM "$BUILD/xsock" run \
			--supervise=auto -r "$rule" -- "$VICTIM" blocking $port_tls
		judge "$call is refused, auto" 126 "is statically linked"
		case_run bounded strace -f -o /dev/null -e trace=$call \
			-e inject=$call:error=EPERM "$BUILD/xsock" run \
			--supervise=always -r "$rule" -- "$VICTIM" blocking $port_tls
		judge "$call is refused, always" 125 "may not look into another one"
	done
	case_run supervised "$(tls_rule $port_tls)" "$BUILD/xsock" run \
		--supervise=auto -r "$(tls_rule $port_tls)" -- "$VICTIM" blocking $port_tls
	judge "a second one, auto" 126 "is statically linked"
	WHEN=auto case_run supervised "$(tls_rule $port_tls)" "$VICTIM" blocking $port_tls
	judge "auto" 0 "got hello"
	WHEN=sometimes case_run supervised "$(tls_rule $port_tls)" true
	judge "another word" 125 "always, auto or never"
}

suite_begin supervise
serve tls:echo,tls="$CERTS/good" slow:echo,tls="$CERTS/good",slow=1500 \
	web:http,tls="$CERTS/good" bad:echo,tls="$CERTS/unknownca" \
	plain:echo closed:closed mute:mute reset:reset
for part in "${parts[@]}"; do
	"try_$part"
done
within 10 no_supervisor || fail "no supervisor is left" "$(supervisors)"
suite_end
