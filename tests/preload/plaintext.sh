# Corners in which a rule could be overlooked, or a descriptor mixed up: the
# plaintext server at the port that the program asks for must hear nothing.
# Each case is one way that dodge.c goes.  Sourced by run.sh.

secret=SECRET-that-must-not-travel
dodge=$BUILD/tests/preload/dodge

check_plaintext()
{
	case_two_names
	case_no_descriptor
	case_no_memory
	case_number_reused
	case_jump
	case_inetd
	case_squatted
	case_many_names
	case_own_name
	case_python
	case_one_family
	case_syslog
	case_callers
	case_shared
	case_unlike
	case_given_back
	case_lookups
	case_users
	case_roots
	case_families
	case_processes
	case_spaces
	case_networks
	case_reapers
	case_datagrams
	case_inside
	case_stuck
}

# heard LISTENER: the secret has arrived there
heard()
{
	grep -qa "$secret" "$T/servers/$1.data"
}

forget()
{
	local data
	for data in "$T"/servers/*.data; do
		: >"$data"
	done
}

# verdict NAME OUT ERR-REGEX [LISTENER]: of the last case_run: what the program
# prints, what is on standard error ("" nothing, "*" anything), and who has the
# secret, if anybody may
verdict()
{
	if heard trap || heard trap2; then
		fail "$1" "in plaintext"
	elif [ "$(cat "$OUT")" != "$2" ]; then
		fail "$1" "does not print: $2"
	elif [ "${4-}" ] && ! within 20 heard "$4"; then
		fail "$1" "$4 has not heard it"
	elif [ -z "$3" ] && [ -s "$ERR" ]; then
		fail "$1" "something on standard error"
	elif [ "$3" ] && [ "$3" != '*' ] && ! grep -qE -- "$3" "$ERR"; then
		fail "$1" "standard error is not $3"
	else
		pass "$1"
	fi
	forget
}

# Sets $with_hosts, the command in front of a program that gets this text as
# /etc/hosts; false, and the case is skipped, where nobody may mount.
hosts()
{
	local name=$1
	private_mounts "$name" || return
	cat >"$T/hosts"
	with_hosts=("${mounts[@]}" sh -c
		'mount --bind "$0" /etc/hosts && exec "$@"' "$T/hosts")
}

# Two names of one address, a rule for each, on two ports: that the library
# itself looked one of them up says nothing about the other port.
case_two_names()
{
	local to="tls://:$port_tls_sink?cafile=$CA&peer_name=localhost"

	case_run with_xsock \
		"a.localhost:$port_trap=$to b.localhost:$port_trap2=$to" \
		"$dodge" addresses 127.0.0.1 "$port_trap" \
		127.0.0.1 "$port_trap2" 127.0.0.1 "$port_trap"
	verdict "two names, two ports: both wrapped" \
		"$(printf 'connect %s: 0\n' 1 2 3)" '' tls_sink
	case_run with_xsock "a.localhost:$port_trap=$to
		b.localhost:$port_trap2=tls://:$port_closed" "$dodge" addresses \
		127.0.0.1 "$port_trap" 127.0.0.1 "$port_trap2"
	verdict "two names, two ports: each by its rule" \
		$'connect 1: 0\nconnect 2: -1 ECONNREFUSED' \
		"b\.localhost:$port_trap2=" tls_sink
}

# Without a free descriptor nobody can look up whether the rule is meant.
case_no_descriptor()
{
	case_run with_xsock "db.example.test:$port_trap=tls://" \
		"$dodge" full 127.0.0.1 "$port_trap"
	verdict "no descriptor for the lookup: refused" \
		"connect: -1 EACCES" 'cannot be looked up'
	case_run with_xsock "127.0.0.1:$port_trap=tls://" \
		"$dodge" full 127.0.0.1 "$port_trap"
	verdict "no descriptor for the relay: refused" \
		"connect: -1 EMFILE" '^xsock: '
}

# From too little to start at all to enough for everything.
case_no_memory()
{
	local kib reached=
	local name="no memory for the tables: refused"

	# A sanitizer needs terabytes.
	[ -z "$sanitized" ] && need "$name" prlimit || return
	: >"$T/memory"
	for ((kib = 2000; kib <= 18000; kib += 1000)); do
		XSOCK_RELAY=/nonexistent case_run with_xsock \
			"localhost:$port_trap=tls://" \
			prlimit --as=$((kib * 1024)) \
			"$dodge" addresses 127.0.0.1 "$port_trap"
		cat "$OUT" >>"$T/memory"
		# Neither did it not start, nor come as far as the relay.
		! grep -q EACCES "$OUT" || grep -q /nonexistent "$ERR" ||
			! grep -q "no memory for XSOCK_RULES" "$ERR" ||
			reached=1
		! heard trap || break
	done
	sort -u "$T/memory" >"$OUT"
	verdict "$name" "connect 1: -1 EACCES" '*'
	[ "$reached" ] || fail "$name" "memory was short at no limit"
}

case_number_reused()
{
	echo precious >"$T/precious"
	case_run with_xsock \
		"127.0.0.1:$port_trap=tls://:$port_mute?timeout=1" \
		"$dodge" reuse 127.0.0.1 "$port_trap" "$T/precious"
	sort -o "$OUT" "$OUT"
	verdict "closed while connect waits: the number stays a file" \
		$'connect: -1 ETIMEDOUT\nit is: a file\nthe same number: 1\nwrite: 5' '*'
	if [ "$(cat "$T/precious")" = text ]; then
		pass "closed while connect waits: the file has its text"
	else
		fail "closed while connect waits: the file has its text"
	fi
}

# The program is still there when the server sees the end.
case_jump()
{
	local log=$T/servers/mute.log end=no

	: >"$log"
	mkfifo "$T/jump"
	exec 8<>"$T/jump"
	with_xsock "127.0.0.1:$port_trap=tls://:$port_mute?timeout=60" \
		"$dodge" jump 127.0.0.1 "$port_trap" \
		>"$OUT" 2>"$ERR" <"$T/jump" 8<&- &
	started+=($!)
	! within 20 grep -q '^end' "$log" || end=yes
	kill -0 "$!" 2>/dev/null || end="the program's"
	echo "end: $end" >>"$OUT"
	echo >&8
	exec 8>&-
	verdict "a handler jumps out of connect: the server sees the end" \
		$'jumped: closed\nend: yes' '*'
}

# Standard error is the client's connection.
case_inetd()
{
	local service='
import socket, subprocess, sys
how, program = sys.argv[1], sys.argv[2:]
if how == "inet":
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    service = listener.accept()[0]
else:
    client, service = socket.socketpair()
subprocess.run(program, stderr=service)
service.close()
client.settimeout(20)
got = b""
try:
    while True:
        part = client.recv(4096)
        if not part: break
        got += part
except TimeoutError:
    print("kept open")
print("lines:", got.count(b"xsock: "))'

	for how in inet logger; do
		case_run with_xsock \
			"127.0.0.1:$port_trap=tls://:$port_tls_sink" \
			"$PYTHON" -c "$service" $how \
			"$dodge" addresses 127.0.0.1 "$port_trap"
		verdict "standard error is a socket, $how" \
			"connect 1: -1 EKEYREJECTED
lines: $([ $how = inet ] && echo 0 || echo 1)" ''
	done
}

squatter='
import os, signal, socket, sys
how, name = sys.argv[1], "\0" + sys.argv[2]
def seqpacket(): return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s = seqpacket()
s.bind(name)
if how != "bound":
    s.listen(0 if how == "full" else 100)
waiting = []
while how == "full":
    c = seqpacket()
    c.setblocking(False)
    try:
        c.connect(name)
    except BlockingIOError:
        break
    waiting.append(c)
print("ready", flush=True)
# An impostor shows where it lives when it is asked, and takes what it is given.
while how in ("mounts", "capabilities"):
    c = s.accept()[0]
    text, fds = socket.recv_fds(c, 65536, 8)[:2]
    if not text:
        continue
    if text[6] == 1:
        print("handed over:", len(fds), flush=True)
    proof = [os.open("/proc/self/" + f, os.O_RDONLY)
             for f in ("ns/user", "ns/mnt", "ns/pid", "root")]
    # The type that follows that of the question.
    try:
        socket.send_fds(c, [text[:6] + bytes([text[6] + 1]) + text[7:]], proof)
    except OSError:
        pass
    waiting.append(c)
signal.pause()'

name_is_free()
{
	! grep -q "@$1\$" /proc/net/unix
}

# Somebody else has the name of the control socket.
case_squatted()
{
	local RELAY=$T/relay-squatted rule name how as pid began took
	local connect=("$dodge" addresses 127.0.0.1 "$port_trap")

	cp "$BUILD/xsock-relay" "$RELAY"
	rule="127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA"
	# The name of a program's end has the key of its relay.
	XSOCK_RELAY_IDLE=0 case_run with_xsock "$rule" bash -c '
exec 3<>/dev/tcp/127.0.0.1/$1 && cat /proc/net/unix' bash "$port_trap"
	name=$(sed -n "s|.*@xsock/[^/]*/\([^/]*\)/127.0.0.1:$port_trap<.*|xsock-relay/\1|p" \
		"$OUT" | head -n 1)
	if [ -z "$name" ] || ! grep -q "@$name\$" "$OUT" ||
		! within 20 name_is_free "$name"; then
		fail "squatted: a name to squat" "found \"$name\""
		return
	fi
	for how in bound full user mounts capabilities; do
		as=()
		if [ $how != bound ] && [ $how != full ]; then
			[ "$(id -u)" -eq 0 ] && need "squatted: $how" setpriv ||
				continue
		fi
		case $how in
		user)
			as=(setpriv --reuid=65534 --regid=65534 --clear-groups) ;;
		mounts)
			as=(unshare -m) ;;
		capabilities)
			as=(setpriv --bounding-set=-all --inh-caps=-all) ;;
		esac
		start squatter "${as[@]}" "$PYTHON" -c "$squatter" $how "$name"
		pid=$!
		if ! within 20 grep -q ready "$T/squatter.log"; then
			cp "$T/squatter.log" "$ERR"
			fail "squatted: $how" "cannot squat \"$name\""
			continue
		fi
		began=$(date +%s%N)
		XSOCK_RELAY_IDLE=0 case_run with_xsock "$rule" "${connect[@]}"
		took=$((($(date +%s%N) - began) / 1000000))
		# It gives up after three seconds; the machine may be busy, and
		# the next longer wait is one of ten.
		[ "$took" -lt 9000 ] || echo "took $took ms" >>"$OUT"
		verdict "squatted: $how, a relay of its own" \
			"connect 1: 0" '' tls_sink
		if grep -q "handed over" "$T/squatter.log"; then
			fail "squatted: $how, and gets nothing"
		else
			pass "squatted: $how, and gets nothing"
		fi
		kill "$pid"
		wait "$pid" 2>/dev/null
		within 20 no_relay
	done
}

# More names of one address than the table has room for.
case_many_names()
{
	local name="40 names of one address" i with_hosts

	hosts "$name" < <(echo "127.0.0.1 localhost"
		for i in $(seq 40); do echo "127.0.0.1 n$i.example.test"; done) ||
		return
	case_run with_xsock "n1.example.test:$port_trap=tls://:$port_tls_sink?cafile=$CA&peer_name=localhost
		*:1=deny://" "${with_hosts[@]}" \
		"$dodge" names "$port_trap" $(printf 'n%s.example.test ' $(seq 40))
	verdict "$name: the first has its rule still" \
		$'connect, address kept: 0\nconnect, as looked up: 0' \
		'' tls_sink
}

# Programs look up this host's name for a greeting.  That it has the address to
# which they connect then says nothing: an address in their configuration.
case_own_name()
{
	local name="this host's name was looked up" own with_hosts
	local to="tls://:$port_tls_sink?cafile=$CA"
	local both=$'connect, address kept: 0\nconnect, as looked up: 0'

	own=$(uname -n)
	hosts "$name" <<<"127.0.0.1 localhost $own" || return
	case_run with_xsock "127.0.0.1:$port_trap=$to" \
		"${with_hosts[@]}" "$dodge" names "$port_trap" "$own"
	verdict "$name: a rule for the address" "$both" '' tls_sink
	case_run with_xsock "localhost:$port_trap=$to" \
		"${with_hosts[@]}" "$dodge" names "$port_trap" "$own"
	verdict "$name: a rule for another name" "$both" '' tls_sink
	case_run with_xsock "$own:$port_trap=$to&peer_name=localhost
		localhost:$port_trap=deny://" \
		"${with_hosts[@]}" "$dodge" names "$port_trap" "$own"
	verdict "$name: a rule for that name" "$both" '' tls_sink
}

# Python looks at what an IPv6 address has beside the address.
case_python()
{
	local name="Python, a name with an IPv6 address" with_hosts

	hosts "$name" <<<"::1 six.example.test" || return
	case_run with_xsock \
		"six.example.test=tls://127.0.0.1:$port_tls_sink?cafile=$CA&peer_name=localhost" \
		"${with_hosts[@]}" "$PYTHON" -c '
import socket, sys
to = ("six.example.test", int(sys.argv[1]))
with socket.create_connection(to) as connection:
    connection.sendall(sys.argv[2].encode())
    print(connection.getpeername()[:2] == ("::1", to[1]))' \
		"$port_trap" "$secret"
	verdict "$name" True '' tls_sink
}

# curl knows localhost without looking it up, and tries both families.
case_one_family()
{
	local name="localhost has one address in the file" with_hosts

	hosts "$name" <<<"127.0.0.1 localhost" || return
	case_run with_xsock "localhost:$port_trap=tls://:$port_tls_sink" \
		"${with_hosts[@]}" curl -q -sS --noproxy '*' -o /dev/null \
		"http://localhost:$port_trap/$secret"
	echo "status $STATUS" >"$OUT"
	verdict "$name: refused on both" "status 7" '^xsock: curl'
}

# A /dev of its own, with a logger.
case_syslog()
{
	local name="XSOCK_LOG=error:syslog" dev=$T/dev

	private_mounts "$name" || return
	mkdir "$dev"
	XSOCK_LOG=error:syslog case_run with_xsock \
		"127.0.0.1:$port_trap=deny://" "${mounts[@]}" sh -c '
for device in null zero random urandom; do
	: >"$0/$device" && mount --bind /dev/$device "$0/$device" || exit
done
mount --rbind "$0" /dev && exec "$@"' "$dev" "$PYTHON" -c '
import re, socket, subprocess, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
log.settimeout(5)
subprocess.run(sys.argv[1:])
text = log.recv(4096).decode()
print(re.sub(r"\[\d+\].*", "", text))' "$dodge" addresses 127.0.0.1 "$port_trap"
	verdict "$name: one datagram, nothing on standard error" \
		$'connect 1: -1 EACCES\n<27>xsock: dodge' ''
}

# A rule's name is looked up for a program that connects where nobody may call
# malloc or wait for a lock of libc.
case_callers()
{
	local rule="localhost:$port_trap=tls://:$port_tls_sink?cafile=$CA"

	case_run with_xsock "$rule" "$dodge" handler 127.0.0.1 "$port_trap"
	verdict "connect in a signal handler" "in a handler: connected" '' \
		tls_sink
	# A sanitizer has a malloc of its own.
	if [ -z "$sanitized" ]; then
		case_run with_xsock "$rule" "$BUILD/tests/preload/inside" \
			"$port_trap" "$secret"
		verdict "connect in a signal handler, inside of malloc" \
			$'connects inside malloc: 1\nmalloc called: 0' '' \
			tls_sink
	fi
	case_run with_xsock "$rule" "$dodge" vforked 127.0.0.1 "$port_trap"
	verdict "connect in a vfork child, which starts the relay" \
		"in the vfork child, status: 0
in the parent: connected
wait for nobody: -1 ECHILD" '' tls_sink
	case_run with_xsock "$rule" "$dodge" forked 127.0.0.1 "$port_trap"
	verdict "connect in children of a program with threads" \
		"children that connected: 30" '' tls_sink
	# So many that they are read for longer than the first child needs.
	{ echo "$rule"; seq -f "host%g.example.test:25=tls://" 20000; } \
		>"$T/many.rules"
	case_run with_xsock "@$T/many.rules" "$dodge" early 127.0.0.1 "$port_trap"
	verdict "connect in children forked while the rules are read" \
		"early children that connected: 5" '' tls_sink
	XSOCK_RELAY=/nonexistent case_run with_xsock "$rule" \
		"$dodge" addresses 127.0.0.1 "$port_trap"
	verdict "no relay to look up a name: refused" "connect 1: -1 EACCES" \
		"localhost:$port_trap=.*/nonexistent"
	XSOCK_RELAY=/nonexistent case_run with_xsock \
		"localhost:1=tls:// udp://localhost:$port_trap=deny://" \
		"$dodge" addresses 127.0.0.1 "$port_closed"
	verdict "names for other ports: no relay is needed" \
		"connect 1: -1 ECONNREFUSED" ''
	XSOCK_RELAY=/nonexistent case_run with_xsock \
		"only.example.test:1=tls://127.0.0.1:2" "$PYTHON" -c '
import errno, socket, sys
to = socket.getaddrinfo("only.example.test", int(sys.argv[1]))[0][4]
print(errno.errorcode[socket.socket().connect_ex(to)])' "$port_trap"
	verdict "a name that only a rule for another port knows: refused" \
		EACCES "only a rule for other ports knows this name"
	XSOCK_RELAY=/nonexistent case_run with_xsock \
		"localhost:$port_trap=tls:// db.example.test=tls://" \
		"$PYTHON" -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(s.connect_ex(("127.0.0.1", 9)))'
	verdict "names of TCP, and a UDP socket: no relay is needed" 0 ''
}

# The relay has set options of its own on a socket that comes back.
case_given_back()
{
	case_run with_xsock \
		"127.0.0.1:$port_trap=tls://:$port_plain_greet?cafile=$CA" \
		"$PYTHON" -c 'import errno, socket, sys
for on in 0, 1:
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, on)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, on)
    print(errno.errorcode[s.connect_ex(("127.0.0.1", int(sys.argv[1])))],
          s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
          s.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE))' "$port_trap"
	verdict "no TLS: the socket comes back with its options" \
		$'EPROTO 0 0\nEPROTO 1 1' "127.0.0.1:$port_trap"
}

# Another process has the socket, too: it never connects, so nobody can write
# plaintext to the server.
case_shared()
{
	local rule="127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA&peer_name=localhost"

	case_run with_xsock "$rule" "$dodge" shared 127.0.0.1 "$port_trap"
	verdict "a socket shared by fork: the other process gets EPIPE" \
		$'connect: 0\nthe parent writes: -1 EPIPE
connect: 0\nthe child writes: -1 EPIPE' '' tls_sink
	case_run with_xsock "$rule" "$dodge" shared 127.0.0.1 "$port_trap" \
		127.0.0.2
	verdict "a bound socket shared by fork: the same" \
		$'bind: 0\nconnect: 0\nthe parent writes: -1 EPIPE
bind: 0\nconnect: 0\nthe child writes: -1 EPIPE' '' tls_sink
	case_shared_mptcp "$rule"
	case_run with_xsock "$rule" "$dodge" passed 127.0.0.1 "$port_trap"
	verdict "a socket that was passed on before: EPIPE" \
		$'connect: 0\nwhat was passed before, send: -1 EPIPE' '' \
		tls_sink
}

# unlike HOW ERR-REGEX RULE: a socket that has what this user may not give to a
# new one, shared by fork, and the socket of this process alone
unlike()
{
	local told="$2.*own_socket=1" before="$1: 0"$'\n'"seteuid: 0"
	local to="127.0.0.1:$port_trap=$3"

	case_run with_xsock "$to" "$dodge" shared 127.0.0.1 "$port_trap" "$1"
	verdict "a shared socket with what cannot be copied, $1: refused" "$before
connect: -1 EACCES
the parent writes: -1 EPIPE
seteuid back: 0
$before
connect: -1 EACCES
the child writes: -1 EPIPE
seteuid back: 0" "$told"
	case_run with_xsock "$to" "$dodge" alone 127.0.0.1 "$port_trap" "$1"
	verdict "a socket with what cannot be copied, $1: refused" \
		"$before"$'\nconnect: -1 EACCES' "$told"
	case_run with_xsock "$to&own_socket=1" \
		"$dodge" alone 127.0.0.1 "$port_trap" "$1"
	verdict "a socket with what cannot be copied, $1, own_socket=1" \
		"$before"$'\nconnect: 0' '' tls_sink
}

# The program's own socket would be the only one to connect.
case_unlike()
{
	local to="tls://:$port_tls_sink?cafile=$CA&peer_name=localhost" how

	if [ "$(id -u)" -ne 0 ]; then
		CI= skip "sockets with what cannot be copied" "only root can make them"
		return
	fi
	chmod 711 "$T"
	chmod 1777 "$T/reports"
	chmod -R a+rX "$CERTS"
	if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 1023 ]; then
		unlike port 'may not bind another one' "$to"
	else
		skip "a shared socket, port" "every user may bind every port here"
	fi
	unlike mark 'may not set SO_MARK' "$to"
	unlike transparent 'may not set IP_TRANSPARENT' "$to"
	unlike filter 'has a filter' "$to"
	# What each user may do.
	case_run with_xsock "127.0.0.1:$port_trap=$to" \
		"$dodge" shared 127.0.0.1 "$port_trap" device
	verdict "a shared socket that is bound to a device: EPIPE" "device: 0
seteuid: 0
connect: 0
the parent writes: -1 EPIPE
seteuid back: 0
device: 0
seteuid: 0
connect: 0
the child writes: -1 EPIPE
seteuid back: 0" '' tls_sink
}

case_shared_mptcp()
{
	local name="a socket of MPTCP shared by fork"

	if ! "$PYTHON" -c 'import socket; socket.socket(2, 1, 262)' 2>"$ERR"
	then
		CI= skip "$name" "the kernel has none"
		return
	fi
	case_run with_xsock "$1" "$dodge" shared 127.0.0.1 "$port_trap" mptcp
	verdict "$name: the same" \
		$'connect: 0\nthe parent writes: -1 EPIPE
connect: 0\nthe child writes: -1 EPIPE' '' tls_sink
}

# An IPv6 socket of UDP takes an IPv4 address, which rules are about.
case_datagrams()
{
	case_run with_xsock "udp://127.0.0.1:$port_trap=deny://" "$dodge" \
		datagram "$port_trap"
	verdict "UDP to an IPv4 address, by sockets of either family" \
		$'IPv4: -1 EACCES\nIPv6: -1 EACCES' 'denied by this rule'
}

# Only the lookup says that a glob is about the address; whoever makes it.
case_lookups()
{
	local options="cafile=$CA&peer_name=localhost" with_hosts
	local to="tls://127.0.0.1:$port_tls_sink?$options"
	local rules="*.example.test:$port_trap=$to"

	hosts "other lookups" <<-END || return
	127.0.0.1 localhost
	127.0.0.2 a.example.test
	127.0.0.3 b.example.test
	127.0.0.4 db.example.test db
	END
	case_run with_xsock "$rules" "${with_hosts[@]}" "$dodge" async \
		"$port_trap" a.example.test
	verdict "looked up by getaddrinfo_a" \
		$'GAI_WAIT: 0\nGAI_WAIT, connect: 0\nGAI_NOWAIT: 0
GAI_NOWAIT, outcome: 0\nGAI_NOWAIT, no such name: 1
GAI_NOWAIT, connect: 0' '' tls_sink
	case_run with_xsock "$rules" "${with_hosts[@]}" "$dodge" elsewhere \
		"$port_trap" a.example.test b.example.test
	verdict "looked up in a thread, in a child" \
		$'looked up in a thread: 0\nlooked up in a child: 0' '' \
		tls_sink
	rules="db.example.test:$port_trap=$to"
	case_run with_xsock "$rules" "${with_hosts[@]}" "$dodge" names \
		"$port_trap" db
	verdict "looked up by its first label, an alias" \
		$'connect, address kept: 0\nconnect, as looked up: 0' '' \
		tls_sink
	# Another host that the same first label is looked up for is left alone.
	rules="db.example.net:$port_closed=deny://
		db.example.test:$port_closed=deny://"
	case_run with_xsock "a.example.test:$port_closed=deny:// $rules" \
		"${with_hosts[@]}" "$dodge" names "$port_closed" a.example.test
	verdict "looked up by its full name: denied" \
		$'connect, address kept: -1 EACCES
connect, as looked up: -1 EACCES' 'a.example.test.*denied'
	case_run with_xsock "localhost.example.test:$port_closed=deny://" \
		"${with_hosts[@]}" "$dodge" names "$port_closed" localhost
	verdict "another name with that first label: left alone" \
		$'connect, address kept: -1 ECONNREFUSED
connect, as looked up: -1 ECONNREFUSED' ''
}

# A program that changes its user between two connects: each has its own relay.
case_users()
{
	local name="setuid between two connects"
	local rule="127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA&peer_name=localhost"

	if [ "$(id -u)" -ne 0 ]; then
		CI= skip "$name" "only root can"
		return
	fi
	chmod 711 "$T"
	chmod 1777 "$T/reports"
	chmod -R a+rX "$CERTS"
	case_run with_xsock "$rule" "$dodge" drop 127.0.0.1 "$port_trap"
	verdict "$name" "as root: connected
seteuid: 0
as another: connected
seteuid back: 0
as root again: connected
setresuid: 0
as another for good: connected" '' tls_sink
}

# Behind chroot the relay cannot be started, unless it is there, too.
case_roots()
{
	local rule="127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA&peer_name=localhost"

	private_mounts "chroot before the first connect" || return
	mkdir "$T/empty" "$T/full"
	case_run with_xsock "127.0.0.1:$port_trap=tls://" "${mounts[@]}" \
		"$dodge" root 127.0.0.1 "$port_trap" "$T/empty"
	verdict "chroot before the first connect: refused" \
		$'chroot: 0\nchdir: 0\nconnect: refused' \
		"cannot start the relay [^ ]*/xsock-relay: .*root directory \\(chroot\\), .*ldd"
	case_run with_xsock "$rule" "${mounts[@]}" sh -c \
		'mount --rbind / "$0" && exec "$@"' "$T/full" \
		"$dodge" root 127.0.0.1 "$port_trap" "$T/full"
	verdict "chroot to where the relay is, too" \
		$'chroot: 0\nchdir: 0\nconnect: connected' '' tls_sink
	[ -z "$sanitized" ] || return
	# What the line says, and nothing else: no /dev, no /proc.
	mkdir "$T/least"
	for file in "$RELAY" "$CA" $(ldd "$RELAY" | grep -o '/[^ ]*'); do
		mkdir -p "$T/least/${file%/*}" && cp -L "$file" "$T/least/$file"
	done
	case_run with_xsock "$rule" "${mounts[@]}" \
		"$dodge" root 127.0.0.1 "$port_trap" "$T/least"
	verdict "chroot to the relay, its libraries and the CA: no /dev/null is needed" \
		$'chroot: 0\nchdir: 0\nconnect: connected' '' tls_sink
}

# As RestrictAddressFamilies=AF_INET of a systemd unit: no socket of AF_UNIX.
case_families()
{
	local errno

	for errno in EAFNOSUPPORT EPERM; do
		case_run with_xsock "127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA" \
			"$PYTHON" -c '
import ctypes, errno, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 41, "i686": 359}.get(os.uname().machine, 198)
answer = 0x50000 | getattr(errno, sys.argv[1])
code = b"".join(struct.pack("HBBI", *row) for row in (
    (0x20, 0, 0, 0), (0x15, 0, 3, number),    # socket(2)
    (0x20, 0, 0, 16), (0x15, 0, 1, 1),        # of AF_UNIX
    (0x06, 0, 0, answer), (0x06, 0, 0, 0x7fff0000)))
memory = ctypes.create_string_buffer(code)
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 6, ctypes.addressof(memory)))
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):
    sys.exit("no filter: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[2], sys.argv[2:])' \
			"$errno" "$dodge" addresses 127.0.0.1 "$port_trap"
		verdict "no AF_UNIX socket, $errno: refused, and the line names RestrictAddressFamilies" \
			"connect 1: -1 EACCES" \
			"may make no AF_UNIX socket, .*RestrictAddressFamilies= .*\\[relay-no-unix-sockets\\]\$"
	done
}

# RLIMIT_NPROC does not count for root.
case_processes()
{
	local name="no other process may be started" user

	[ "$(id -u)" -eq 0 ] && need "$name" setpriv prlimit || return
	user="setpriv --reuid=65534 --regid=65534 --clear-groups"
	chmod 711 "$T"
	case_run with_xsock "127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA" \
		$user prlimit --nproc=0 "$dodge" addresses 127.0.0.1 "$port_trap"
	verdict "$name: refused, and the line names RLIMIT_NPROC, TasksMax and haproxy's option" \
		"connect 1: -1 EACCES" \
		"RLIMIT_NPROC, .*TasksMax=.*haproxy .*insecure-fork-wanted.*\\[relay-no-processes\\]\$"
}

# namespaces NAME OPTION…: sets $spaces, the command in front of a program that
# is to be the first in namespaces of its own
namespaces()
{
	local name=$1
	shift
	for spaces in "unshare" "unshare -r"; do
		spaces=($spaces "$@")
		"${spaces[@]}" true 2>/dev/null && return
	done
	[ "$(id -u)" -eq 0 ] && skip "$name" "no namespaces to be had" ||
		CI= skip "$name" "no namespaces to be had"
	return 1
}

case_spaces()
{
	local rule="127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA&peer_name=localhost"
	local name="a PID namespace of its own" spaces RELAY=$RELAY-spaces

	cp "$BUILD/xsock-relay" "$RELAY"
	namespaces "$name" -p --fork --mount-proc || return
	case_run with_xsock "$rule" "${spaces[@]}" sh -c \
		'"$@"; echo "status $?"' sh "$dodge" addresses 127.0.0.1 "$port_trap"
	verdict "$name" $'connect 1: 0\nstatus 0' '' tls_sink
	[ "$(id -u)" -eq 0 ] || return
	# No relay runs that could be found.
	rm "$RELAY" && cp "$BUILD/xsock-relay" "$RELAY"
	case_run with_xsock "$rule" "$dodge" spaces 127.0.0.1 "$port_trap"
	verdict "unshare, then the first connect: its children are not the relay's" \
		$'unshare: 0\nbefore the first child: connected\nfork: ok
the first child, status: 0\nwait for nobody: -1 ECHILD' '' tls_sink
}

# A relay in the new network namespace serves a socket of the old one.
case_networks()
{
	local rule="127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA&peer_name=localhost"
	local name="another network namespace between socket and connect"

	if [ "$(id -u)" -ne 0 ]; then
		CI= skip "$name" "only root can"
		return
	fi
	case_run with_xsock "$rule" "$dodge" network 127.0.0.1 "$port_trap"
	verdict "$name" $'before: connected\nunshare: 0\nthe old socket: -1 EACCES
a new one: -1 ENETUNREACH' 'of another network namespace.*own_socket=1' tls_sink
	case_run with_xsock "$rule&own_socket=1" \
		"$dodge" network 127.0.0.1 "$port_trap"
	verdict "$name, own_socket=1" $'before: connected\nunshare: 0\nthe old socket: 0
a new one: -1 ENETUNREACH' '*' tls_sink
}

# Who inherits orphans does not inherit the relay.
case_reapers()
{
	local rule="127.0.0.1:$port_trap=tls://:$port_tls_sink?cafile=$CA&peer_name=localhost"
	local name="init of a PID namespace has no relay for a child" spaces
	local RELAY=$T/relay-reaped

	cp "$BUILD/xsock-relay" "$RELAY"
	case_run with_xsock "$rule" "$dodge" reaper 127.0.0.1 \
		"$port_trap" subreaper
	verdict "a subreaper has no relay for a child" "subreaper: 0
connect: connected
wait for nobody: -1 ECHILD
connect again: connected
wait for nobody again: -1 ECHILD" '' tls_sink
	within 20 no_relay
	namespaces "$name" -p --fork --mount-proc || return
	case_run with_xsock "$rule" "${spaces[@]}" "$dodge" reaper \
		127.0.0.1 "$port_trap"
	verdict "$name" "PID: 1
connect: connected
wait for nobody: -1 ECHILD
connect again: connected
wait for nobody again: -1 ECHILD" '' tls_sink
}

# libc connects inside of these, and sends a password.
case_inside()
{
	local function to="tls://:$port_tls_sink?cafile=$CA"

	for function in rexec rexec_af rcmd rcmd_af; do
		case_run with_xsock "localhost:$port_trap=$to" \
			"$dodge" inside $function localhost "$port_trap"
		verdict "$function, a rule that wants TLS: refused" \
			"$function: -1 EACCES" \
			"localhost:$port_trap by .*: $function\(\) is refused"
	done
	case_run with_xsock "127.0.0.1:$port_trap=deny://" \
		"$dodge" inside rexec 127.0.0.1 "$port_trap"
	verdict "rexec, denied: refused" "rexec: -1 EACCES" "rexec\(\) is refused"
	case_run with_xsock "127.0.0.1:$port_trap=tcp://:$port_closed" \
		"$dodge" inside rexec 127.0.0.1 "$port_trap"
	verdict "rexec, led elsewhere: refused" "rexec: -1 EACCES" "rexec\(\) is refused"
	case_run with_xsock "127.0.0.1:$port_trap=tsl://" \
		"$dodge" inside rexec 127.0.0.1 "$port_trap"
	verdict "rexec, rules that are wrong: refused" "rexec: -1 EACCES" \
		"every Internet connect of this process is refused"
	case_run with_xsock "127.0.0.1:1=tls://" \
		"$dodge" inside rexec nosuch.example.invalid "$port_trap"
	verdict "rexec, a name that is not found: refused" "rexec: -1 EACCES" \
		"rexec\(\) to nosuch.example.invalid is refused"
	case_run with_xsock "127.0.0.1:$port_plain_echo=tcp:// *:*=tls://" \
		"$dodge" inside rexec 127.0.0.1 "$port_plain_echo"
	verdict "rexec, exempted: libc's" "rexec: ok" '' plain_echo
	case_run with_xsock "127.0.0.1:1=tls://" \
		"$dodge" inside rexec 127.0.0.1 "$port_plain_echo"
	verdict "rexec, no rule: libc's" "rexec: ok" '' plain_echo
	[ "$(id -u)" -eq 0 ] || return # rcmd binds a low port
	case_run with_xsock "127.0.0.1:1=tls://" \
		"$dodge" inside rcmd 127.0.0.1 "$port_plain_echo"
	verdict "rcmd, no rule: libc's" "rcmd: ok" '' plain_echo
}

# A refused connect that a filter does not let anybody dissolve: what comes back
# is connected to nobody.
case_stuck()
{
	local filter='filter: 0' to
	local refused=$'getpeername: -1 ENOTCONN\nsend: -1 EPIPE'

	case_run with_xsock "[::1]:$port_trap=tls://?timeout=1" \
		"$dodge" stuck ::1 "$port_trap"
	verdict "refused, and it cannot be dissolved, by the relay" \
		"$filter"$'\nconnect: -1 ETIMEDOUT\n'"$refused" '^xsock: '
	to="[::1]:$port_trap=tls://:$port_tls_sink?cafile=$CA&peer_name=localhost"
	case_run with_xsock "$to" "$dodge" stuck ::1 "$port_trap" name
	verdict "refused, and it cannot be dissolved, by the library" \
		"$filter"$'\nconnect: -1 EACCES\n'"$refused" \
		'cannot name the socket pair'
	[ "$(id -u)" -eq 0 ] || return
	chmod 711 "$T"
	chmod 1777 "$T/reports"
	chmod -R a+rX "$CERTS"
	case_run with_xsock "$to&own_socket=1" \
		"$dodge" stuck ::1 "$port_trap" mark
	verdict "refused, and it cannot be dissolved, own_socket=1" \
		$'mark: 0\nseteuid: 0\n'"$filter"$'\nconnect: -1 EACCES\n'"$refused" \
		'cannot name the socket pair'
}
