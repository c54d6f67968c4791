# The relay: who starts it, what it keeps, when it leaves.

test_life()
{
	one_for_all
	by_the_kernels_word
	keeps_no_limit
	has_its_own_limits
	stands_behind_walls
	keeps_nothing
	leaves_the_terminal
	dies
	dies_in_the_middle
	loses_nothing
	leaves
	cut_short
}

fetch()
{
	with_xsock "localhost:$port_front=tls://:$port_nginx?cafile=$CA" \
		curl -sS "http://localhost:$port_front/"
}

relay_count_is()
{
	[ "$(relay_pids | wc -w)" -eq "$1" ]
}

# Many processes that start at once share one relay.
one_for_all()
{
	local i pids=()
	# It stays until it has been looked at, however slow the machine is.
	local -x XSOCK_RELAY_IDLE=60

	within 20 no_relay || fail "life: no relay to begin with"
	for i in 1 2 3 4 5 6 7 8; do
		fetch >"$T/fetch.$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	cat "$T"/fetch.* >"$OUT"
	: >"$ERR"
	if [ "$(grep -c '^hello from nginx' "$OUT")" -ne 8 ]; then
		fail "life: eight programs at once"
	else
		pass "life: eight programs at once"
	fi
	# Two that started in the same moment may both have begun; all but one
	# must have left.
	if within 20 relay_count_is 1; then
		pass "life: one relay for all"
	else
		fail "life: one relay for all" "$(relay_pids | wc -w) of them"
	fi
	stop_relays
}

# fakeroot(1) and others answer geteuid(2) themselves; a relay that is taken for
# another user's would be started again and again.
by_the_kernels_word()
{
	local -x XSOCK_RELAY_IDLE=60
	local liar=$BUILD/tests/preload/plugins/other_user.so

	within 20 no_relay
	PRELOAD="$PRELOAD $liar" LIMIT=10 case_run fetch
	expect "life: a program that is told of another user" 0 \
		'^hello from nginx' ''
	if relay_count_is 1; then
		pass "life: and starts one relay"
	else
		fail "life: and starts one relay" "$(relay_pids | wc -w) of them"
	fi
	stop_relays
}

# What a program may set for itself, the relay that it starts has not.
keeps_no_limit()
{
	local -x XSOCK_RELAY_IDLE=60
	local pid what

	need "life: limits" prlimit chrt ionice taskset nice || return
	within 20 no_relay
	case_run limited prlimit --cpu=1: --fsize=1000: $(data_limit 12000000:) \
		--stack=100000: -- chrt -f 1 ionice -c 3 taskset -c 0 fetch
	expect "life: started by a program with limits" 0 \
		'^hello from nginx' ''
	pid=$(relay_pids)
	if [ -z "$pid" ]; then
		fail "life: limits" "no relay"
		return
	fi
	{
		awk '/core file/ { print $2, $5; next }
		     /cpu time|file size|data size/ { print $2, $4 }' \
			"/proc/$pid/limits"
		chrt -p "$pid" | sed -n 's/.*policy: //p'
		ionice -p "$pid"
		[ "$(taskset -p "$pid" | sed 's/.*: //')" != 1 ] ||
			[ "$(nproc --all)" -eq 1 ] || echo "one processor"
		cat "/proc/$pid/oom_score_adj"
	} >"$OUT" 2>&1
	: >"$ERR"
	STATUS=0
	what=$(tr '\n' '|' <"$OUT")
	if [ "$what" = "cpu unlimited|file unlimited|data unlimited|core 0|SCHED_OTHER|none: prio 0|0|" ] ||
		[ "$(id -u)" -ne 0 ]; then
		pass "life: keeps no soft limit, and is scheduled as any"
	else
		fail "life: keeps no soft limit, and is scheduled as any"
	fi
	stop_relays
}

# data_limit BYTES: an option of prlimit(1); none with a sanitizer, which needs
# more than any limit leaves
data_limit()
{
	case $PRELOAD in
	*libasan*) ;;
	*) echo "--data=$1" ;;
	esac
}

# limited COMMAND… fetch: the command in front of fetch
limited()
{
	with_xsock "localhost:$port_front=tls://:$port_nginx?cafile=$CA" \
		"${@:1:$#-1}" curl -sS "http://localhost:$port_front/"
}

# Hard limits cannot be put right: such a program has another relay.
has_its_own_limits()
{
	local -x XSOCK_RELAY_IDLE=60
	local limit relays=1

	within 20 no_relay
	fetch >/dev/null 2>&1
	for limit in --cpu=600 --fsize=100000000 $(data_limit 500000000) nice idle; do
		relays=$((relays + 1))
		case $limit in
		nice) limit="nice -n 5" ;;
		idle) limit="chrt -i 0" ;;
		*) limit="prlimit $limit --" ;;
		esac
		case_run limited $limit fetch
		expect "life: $limit" 0 '^hello from nginx' ''
	done
	if relay_count_is $relays; then
		pass "life: programs with other limits have other relays"
	else
		fail "life: programs with other limits have other relays" \
			"$(relay_pids | wc -w) of them"
	fi
	stop_relays
}

# confined COMMAND…: fetch, by that command in front of it
confined()
{
	with_xsock "localhost:$port_front=tls://:$port_nginx?cafile=$CA" \
		"$@" curl -sS "http://localhost:$port_front/"
}

# filters PID: how many seccomp filters it has
filters()
{
	awk '/^Seccomp_filters:/ { print $2 }' "/proc/$1/status"
}

# behind NAME FILTERS COMMAND…: the relay of a program that this command has
# started serves, and has a filter more than the program: so many
behind()
{
	local name=$1 wanted=$2 pid line
	# It stays until it has been looked at, however slow the machine is.
	local -x XSOCK_RELAY_IDLE=600 XSOCK_LOG=info
	shift 2
	within 20 no_relay
	case_run confined "$@"
	expect "life: $name" 0 '^hello from nginx' '*'
	pid=$(relay_pids)
	line=$(awk '/^(NoNewPrivs|Seccomp):/ { printf "%s ", $2 }' \
		"/proc/$pid/status" 2>&1)
	if [ "$line" = "1 2 " ] && [ "$(filters "$pid")" = "$wanted" ]; then
		pass "life: $name: the relay has walls of its own"
	else
		fail "life: $name: the relay has walls of its own" \
			"$line, $(filters "$pid") filters, not $wanted"
	fi
	if grep -q "goes on without" "$ERR"; then
		fail "life: $name: and all of them"
	else
		pass "life: $name: and all of them"
	fi
	stop_relays
}

stands_behind_walls()
{
	local had user=()
	had=$(filters self)

	behind "a program" $((had + 1)) env
	if [ "$(id -u)" -eq 0 ]; then
		# Its CA's certificate can be read.
		chmod 711 "$T" "$CERTS"
		user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
		behind "a user's" $((had + 1)) "${user[@]}"
	fi
	if unshare -Ur true 2>/dev/null; then
		behind "in a user namespace" $((had + 1)) unshare -Ur
	else
		skip "life: in a user namespace" "there is none to be had"
	fi
	need "life: @system-service" systemd-analyze || return
	# A sanitizer makes calls of its own.
	[ ! "$sanitized" ] || return 0
	behind "under @system-service" $((had + 2)) \
		"$here/../support/system_service.py" @system-service --
}

# Nothing of the program that started it: environment, folder, descriptors,
# terminal, process group.
keeps_nothing()
{
	local pid parent
	# It stays until it has been looked at, however slow the machine is.
	local -x XSOCK_RELAY_IDLE=60

	within 20 no_relay
	echo secret >"$T/foreign"
	MY_PASSWORD=hunter2 case_run foreign_fetch
	expect "life: started from a program with secrets" 0 '^hello from nginx' '*'
	pid=$(relay_pids)
	if [ -z "$pid" ]; then
		fail "life: keeps nothing" "no relay"
		return
	fi
	parent=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
	{
		tr '\0' '\n' <"/proc/$pid/environ"
		ls -l "/proc/$pid/fd"
		readlink "/proc/$pid/cwd"
	} >"$OUT" 2>&1
	: >"$ERR"
	if grep -qE "hunter2|MY_PASSWORD|LD_PRELOAD|XSOCK_RULES" "$OUT"; then
		fail "life: keeps no environment"
	else
		pass "life: keeps no environment"
	fi
	if grep -q "$T/foreign" "$OUT"; then
		fail "life: keeps no descriptor"
	else
		pass "life: keeps no descriptor"
	fi
	if [ "$(readlink "/proc/$pid/cwd")" = / ]; then
		pass "life: keeps no folder"
	else
		fail "life: keeps no folder"
	fi
	if [ "$(ps -o pgid= -p "$pid" | tr -d ' ')" = "$pid" ]; then
		pass "life: a process group of its own"
	else
		fail "life: a process group of its own"
	fi
	echo "parent $parent" >"$OUT"
	if [ "$parent" -ne $$ ] && ! ps -o comm= -p "$parent" | grep -q curl; then
		pass "life: is nobody's child"
	else
		fail "life: is nobody's child"
	fi
	stop_relays
}

# Started by a program in a terminal, which is closed then.
leaves_the_terminal()
{
	local -x XSOCK_RELAY_IDLE=60 RELAY=$RELAY PRELOAD=$PRELOAD CA=$CA \
		port_front=$port_front port_nginx=$port_nginx
	local pid

	need "life: a terminal" script || return
	within 20 no_relay
	export -f fetch with_xsock bounded
	# script runs $SHELL, and what is not bash drops exported functions.
	SHELL=$BASH case_run script -qec fetch "$T/typescript"
	expect "life: started in a terminal" 0 'hello from nginx' '*'
	pid=$(relay_pids)
	if [ "$pid" ] && [ "$(ps -o tty= -p "$pid" | tr -d ' ')" = '?' ]; then
		pass "life: leaves the terminal, and outlives it"
	else
		fail "life: leaves the terminal, and outlives it" \
			"$(ps -o pid=,tty= -p "$pid" 2>&1)"
	fi
	stop_relays
}

foreign_fetch()
{
	fetch 9<"$T/foreign" 7>>"$T/foreign"
}

# Killed: the next connect starts another.
dies()
{
	local pid

	XSOCK_RELAY_IDLE=60 fetch >"$OUT" 2>"$ERR"
	relay_count_is 1 || fail "life: a relay to be killed"
	for pid in $(relay_pids); do
		kill -9 "$pid"
	done
	case_run fetch
	expect "life: killed, and another takes its place" 0 '^hello from nginx' ''
}

# The application hears that its connection is dead.
dies_in_the_middle()
{
	# It stays until it is killed, however slow the machine is.
	local -x XSOCK_RELAY_IDLE=60

	fetch >/dev/null 2>&1
	XSOCK_OPTIONS=cafile=$CA case_run with_xsock \
		"localhost:$port_front=tls://:$port_s_server" "$PYTHON" -c '
import os, signal, socket, sys
s = socket.create_connection(("localhost", int(sys.argv[1])))
s.sendall(b"abc\n")
assert s.recv(100) == b"cba\n"
for pid in sys.argv[2:]:
    os.kill(int(pid), signal.SIGKILL)
s.settimeout(5)
try:
    print("read", len(s.recv(100)))
except ConnectionResetError:
    print("reset")' "$port_front" $(relay_pids)
	expect "life: killed in the middle, the application hears of it" 0 \
		'^(read 0|reset)$' ''
}

descriptors()
{
	local pid
	pid=$(relay_pids)
	ls "/proc/$pid/fd" 2>/dev/null | wc -l
}

# Its listener is the only socket that it has left.
has_no_connection()
{
	local pid
	pid=$(relay_pids)
	[ "$(ls -l "/proc/$pid/fd" 2>/dev/null | grep -c 'socket:')" -eq 1 ]
}

some_of_each()
{
	local i
	for i in 1 2 3 4 5; do
		XSOCK_LOG=off XSOCK_RELAY_IDLE=60 with_xsock "
			localhost:$port_front=tls://:$port_nginx?cafile=$CA
			localhost:$port_closed=tls://:$port_expired?cafile=$CA
			localhost:$port_trap=tls://:$port_mute?timeout=0.1" \
			bash -c '
			for port; do
				(exec 3<>/dev/tcp/localhost/$port; : >&3)
			done' bash "$port_front" "$port_closed" "$port_trap"
	done
}

# Descriptors of the relay, after good and bad connections.
loses_nothing()
{
	local before

	: >"$OUT"
	some_of_each >"$ERR" 2>&1
	within 20 has_no_connection ||
		fail "life: the relay has no connection left to begin with"
	before=$(descriptors)
	some_of_each >"$ERR" 2>&1
	if [ "$before" -gt 0 ] && within 20 eval '[ "$(descriptors)" -eq $before ]'
	then
		pass "life: no descriptor is lost in the relay"
	else
		fail "life: no descriptor is lost in the relay" \
			"$before, then $(descriptors)"
	fi
}

leaves()
{
	stop_relays
	XSOCK_RELAY_IDLE=0 case_run fetch
	expect "life: idle 0" 0 '^hello from nginx' ''
	# Not the ten seconds that a relay waits for its first client.
	if within 8 no_relay; then
		pass "life: leaves when it has nothing to do"
	else
		fail "life: leaves when it has nothing to do"
	fi
	XSOCK_RELAY_IDLE=60 case_run fetch
	sleep 2
	if relay_count_is 1; then
		pass "life: stays for XSOCK_RELAY_IDLE"
	else
		fail "life: stays for XSOCK_RELAY_IDLE"
	fi
	stop_relays
}

# A server that ends without close_notify: the data counts, and a line says so
# in the log file.  The relay lets go of the application's standard error when
# the connect has ended, or whoever reads it would wait for the relay.
cut_short()
{
	local rule="localhost:$port_front=tls://:%s?cafile=$CA" sum
	sum=$("$PYTHON" -c 'print("".join(map(chr, range(251))) * 16711, end="")' |
		iconv -f utf-8 -t latin1 | head -c 4194304 | sha256sum)

	case_run with_xsock "$(printf "$rule" "$port_source")" bash -c '
nc -d localhost $1 | sha256sum' bash "$port_front"
	expect "life: 4 MiB from a server that ends well" 0 "$sum" ''
	XSOCK_LOG=error:$T/cut.log \
		case_run with_xsock "$(printf "$rule" "$port_cut")" bash -c '
nc -d localhost $1 | sha256sum' bash "$port_front"
	expect "life: all that came before a cut is there" 0 "$sum" ''
	within 20 grep -q '^xsock: ' "$T/cut.log"
	cp "$T/cut.log" "$ERR"
	expect "life: a cut is told" 0 '*' '^xsock: nc.*close_notify'
}
