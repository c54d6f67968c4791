# Unconnected UDP sockets whose peers match rules, and what must never happen to
# them.  run.sh sources this.

# peers_life NAME PATTERN TARGET CASE EXPECTED [ARGUMENT…]: peers.py under that
# rule prints EXPECTED, in which PORT stands for the port that it asks for.
peers_life()
{
	local name=$1 pattern=$2 target=$3 case=$4 expected=$5
	shift 5
	: >"$T/dtls_echo.log"
	: >"$T/udp_echo.log"
	XSOCK_LOG=${log-info} case_run with_xsock \
		"udp://$pattern:$port_udp_front=$target" "$PYTHON" -B \
		"$TESTS/preload/peers.py" "$case" "$port_udp_front" "$@"
	sed "s/$port_udp_front/PORT/g" "$OUT" >"$T/seen"
	printf '%s' "${expected:+$expected
}" | diff -U1 - "$T/seen" >"$T/diff" && return
	cp "$T/diff" "$OUT"
	fail "$name" "prints something else"
	return 1
}

# The unspecified address is this host, also as IPv4 in IPv6.
peers_this_host()
{
	local at=$port_udp_echo
	: >"$T/udp_echo.log"
	case_run with_xsock "udp://127.0.0.1:$at=deny:// udp://[::1]:$at=deny://
		127.0.0.1:$at=deny:// [::1]:$at=deny://" "$PYTHON" -B \
		"$TESTS/preload/peers.py" unspecified "$at"
	life_passes "peers: the unspecified address is this host" \
		"$([ "$(grep -c EACCES "$OUT")" -eq 4 ]; echo $?)" \
		"$(nothing_leaked; echo $?)"
}

# dtls:// for a pattern of TCP, as users write it who forget udp://.
peers_broken()
{
	: >"$T/udp_echo.log"
	case_run with_xsock "127.0.0.1:$port_udp_echo=dtls://" "$PYTHON" -B \
		"$TESTS/preload/peers.py" sends "$port_udp_echo"
	life_passes "peers: rules that are broken" \
		"$([ "$(grep -c EACCES "$OUT")" -eq 2 ]; echo $?)" \
		"$(nothing_leaked; echo $?)" "$(life_told rule-transport; echo $?)"
}

# As under SystemCallFilter= of a systemd unit.
peers_hidden()
{
	: >"$T/udp_echo.log"
	need "peers: a socket of an unknown kind" strace || return
	case_run with_xsock "udp://127.0.0.1:$port_udp_echo=dtls://" strace -o /dev/null \
		-e trace=getsockopt -e inject=getsockopt:error=EPERM "$PYTHON" -B \
		"$TESTS/preload/peers.py" sends "$port_udp_echo"
	life_passes "peers: a socket of an unknown kind" \
		"$([ "$(grep -c EACCES "$OUT")" -eq 2 ]; echo $?)" \
		"$(nothing_leaked; echo $?)" "$(life_told socket-unlike; echo $?)"
}

check_peers_refused()
{
	local dtls=dtls://:$port_dtls_echo

	peers_life "peers: an unknown CA" '*' "$dtls" refused "send: 6
next: EKEYREJECTED" &&
		life_passes "peers: an unknown CA" "$(life_heard refused; echo $?)" \
			"$(nothing_leaked; echo $?)" \
			"$(life_told certificate-untrusted; echo $?)"
	peers_life "peers: nobody" '*' "dtls://:$port_udp_closed" refused "send: 6
next: ECONNREFUSED" && life_passes "peers: nobody" "$(life_told connect-refused; echo $?)"
	peers_life "peers: nobody, by a list" '*' "dtls://:$port_udp_closed" list_refused \
		"send: 6
sendmmsg: -1 ECONNREFUSED" && life_passes "peers: nobody, by a list" 0
	log=off peers_life "peers: two threads, one connects" '*' "$dtls" races "leaked: 0" &&
		life_passes "peers: two threads, one connects" 0
	peers_life "peers: denied" '*' deny:// sends "sendto: EACCES
sendmsg: EACCES" && life_passes "peers: denied" "$(nothing_leaked; echo $?)" \
			"$([ "$(grep -c 'denied by this rule' "$ERR")" -eq 1 ]; echo $?)"
	peers_this_host
	peers_broken
	peers_hidden
	peers_life "peers: files that are not there" '*' \
		"$dtls?cafile=/nonexistent" sends "sendto: EACCES
sendmsg: EACCES" && life_passes "peers: files that are not there" \
			"$(nothing_leaked; echo $?)"
	XSOCK_RELAY=/nonexistent peers_life "peers: no relay" '*' "$dtls" sends \
		"sendto: EACCES
sendmsg: EACCES" && life_passes "peers: no relay" "$(nothing_leaked; echo $?)"
	peers_life "peers: sockets that do not protect them" '*' \
		"$dtls?cafile=$CA" unfit "SO_REUSEPORT: EACCES
SO_REUSEADDR, shared: EACCES
has it: 1
bound, shared: EACCES
bound to a group: EACCES
bound to a broadcast address: EACCES
bound to ::1: EACCES
connected: EACCES
only IPv6: EACCES
of a device: EACCES
with a filter: EACCES
without one for ever: EACCES" && life_passes "peers: sockets that do not protect them" \
			"$(nothing_leaked; echo $?)" \
			"$(life_told 'cannot be carried when it has SO_REUSEPORT'; echo $?)"
}

# peers_wire NAME: a network device with an address, and its other end; only a
# network of one's own may be changed
peers_wire()
{
	[ "${XSOCK_TEST_WORLD-}" = entered ] || return
	ip link add xsock0 type veth peer name xsock1 && ip link set xsock0 up &&
		ip link set xsock1 up && ip address add 198.51.100.5/24 dev xsock0 &&
		return
	skip "$1" "no veth"
	return 1
}

# What both parts about bound sockets say first.
peers_bound="send one: 3
answer: (b'one', ('::ffff:127.0.0.1', PORT, 0, 0))
taken: 0
SO_REUSEADDR: 0
send one: 3
answer: (b'one', ('127.0.0.1', PORT))
taken: 0
SO_REUSEADDR: 0
send two: 3
answer: (b'two', ('127.0.0.2', PORT))"

peers_device()
{
	peers_wire "peers: bound to an address of a device" || return
	peers_life "peers: bound to an address of a device" '*' \
		"dtls://127.0.0.1:$port_dtls_echo?cafile=$CA" device "$peers_bound
send free: 4
answer: (b'free', ('127.0.0.1', PORT))
bound: True
other: b'other'
send routed: 6
answer: (b'routed', ('127.0.0.1', PORT))
send routed: 6
answer: (b'routed', ('127.0.0.1', PORT))
gone: 4
has left: False False True" 198.51.100.5 xsock0 xsock1 &&
		life_passes "peers: bound to an address of a device" \
			"$(! grep -q plain "$T/dtls_echo.log"; echo $?)"
	ip link del xsock0
}

# What loopback addresses mean must not depend on settings of a device.
peers_neighbour()
{
	peers_wire "peers: a neighbour forges loopback addresses" || return
	peers_life "peers: a neighbour forges loopback addresses" '*' \
		"dtls://127.0.0.1:$port_dtls_echo?cafile=$CA" neighbour "let in: b'loopback'
send one: 3
answer: (b'one', ('127.0.0.1', PORT))
next: b'stranger'
send two: 3
answer: (b'two', ('127.0.0.1', PORT))
send one: 3
answer: (b'one', ('::ffff:127.0.0.1', PORT, 0, 0))
next: b'stranger'
send two: 3
answer: (b'two', ('::ffff:127.0.0.1', PORT, 0, 0))
send one: 3
answer: (b'one', ('127.0.0.1', PORT))
next: b'stranger'
send two: 3
answer: (b'two', ('127.0.0.1', PORT))" \
		198.51.100.5 xsock0 xsock1 &&
		life_passes "peers: a neighbour forges loopback addresses" 0
	ip link del xsock0
}

# peers_bound_killed ADDRESS: with the relay $relay
peers_bound_killed()
{
	XSOCK_RELAY=$relay XSOCK_RELAY_IDLE=0 peers_life \
		"peers: bound to $1, and the relay is killed" '*' "$dtls" bound_killed "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
send: ECONNREFUSED
told as it is: b'forged' True
told as it is: b'forged' True
told as it is: b'forged' True
comes back: b'late'
send two: 3
answer: (b'two', ('127.0.0.1', PORT))" "$relay" "$1" &&
		life_passes "peers: bound to $1, and the relay is killed" \
			"$(! grep -q plain "$T/dtls_echo.log"; echo $?)"
}

check_peers_life()
{
	local dtls=dtls://:$port_dtls_echo?cafile=$CA relay=$RELAY-peers

	peers_life "peers: the socket stays what it is" 127.0.0.1 \
		"$dtls" later "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
connect: EACCES
SO_REUSEADDR: EACCES
SO_ATTACH_FILTER: EACCES
SO_DETACH_FILTER: EACCES
behind exec: Permission denied
send two: 3
answer: (b'two', ('127.0.0.1', PORT))" &&
		life_passes "peers: the socket stays what it is" \
			"$(! grep -q plain "$T/dtls_echo.log"; echo $?)"
	peers_life "peers: connected to the very peer" 127.0.0.1 \
		"udp://:$port_udp_echo" connects "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
connect: EACCES
send two: 3
answer: (b'two', ('127.0.0.1', PORT))" &&
		life_passes "peers: connected to the very peer" \
			"$(life_told 'cannot be connected, or disconnected'; echo $?)"
	peers_life "peers: forged" 127.0.0.1 "$dtls" forged "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
forged: 6
recvfrom: b'recvfrom'
forged: 6
recv: b'recv'
forged: 6
recvmsg: b'recvmsg'
forged: 6
peek: (b'peek', b'peek')
forged: 6
read: b'read'
forged: 6
readv: b'readv'
forged: 6
its own: b'its own'
other: b'other'" && life_passes "peers: forged" 0
	peers_life "peers: this host" '*' \
		"dtls://127.0.0.1:$port_dtls_echo?cafile=$CA" this_host "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
send two: 3
answer: (b'two', ('127.0.0.1', PORT))
send three: 5
answer: (b'three', ('::1', PORT, 0, 0))" && life_passes "peers: this host" 0
	peers_life "peers: forged, and the sender is cut" 127.0.0.1 "$dtls" cut "0 b'true' 16 True
8 b'true' 16 True
16 b'true' 16 True" && life_passes "peers: forged, and the sender is cut" 0
	peers_life "peers: too long for the cipher" 127.0.0.1 \
		"$dtls&mtu=1400&ciphers=ECDHE-ECDSA-AES256-SHA384" large "send 1300: 1300
answer: 1300
send 1340: 1340
send 1300: 1300
answer: 1300
send 1340: EMSGSIZE" && life_passes "peers: too long for the cipher" 0
	peers_life "peers: another process" '*' "$dtls" passed "send: 5
there, from before: (b'early', ('127.0.0.1', PORT))
there: (b'there', ('127.0.0.1', PORT))
send here: 4
answer: (b'here', ('127.0.0.1', PORT))" && life_passes "peers: another process" \
			"$([ "$(grep -c '^open' "$T/dtls_echo.log")" -eq 1 ]; echo $?)"
	peers_life "peers: sockets without a port" '*' \
		"dtls://127.0.0.1:$port_dtls_echo?cafile=$CA" portless "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
stand-ins: 1
taken: 0
send one: 3
answer: (b'one', ('::1', PORT, 0, 0))
stand-ins: 1
taken: 0
SO_REUSEADDR: EACCES" && life_passes "peers: sockets without a port" 0
	peers_life "peers: sockets that shared their port" '*' \
		"dtls://127.0.0.1:$port_dtls_echo?cafile=$CA" sharing "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
taken: 0
SO_REUSEADDR: 0
send one: 3
answer: (b'one', ('::1', PORT, 0, 0))
taken: 0
SO_REUSEADDR: 0
send one: 3
answer: (b'one', ('127.0.0.1', PORT))
taken: 0
SO_REUSEADDR: 0" && life_passes "peers: sockets that shared their port" 0
	peers_life "peers: bound to an address" '*' \
		"dtls://127.0.0.1:$port_dtls_echo?cafile=$CA" bound "$peers_bound
send three: 5
answer: (b'three', ('127.0.0.1', PORT))
bound: 127.0.0.5
other: b'other'
connect: EACCES
send again: 5
answer: (b'again', ('127.0.0.1', PORT))" && life_passes "peers: bound to an address" \
			"$(! grep -q plain "$T/dtls_echo.log"; echo $?)"
	peers_device
	peers_neighbour
	cp "$RELAY" "$relay"
	peers_bound_killed 127.0.0.1
	peers_bound_killed 203.0.113.1
	peers_life "peers: the same port at once" '*' "$dtls" rebinds "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
taken: 20 answered: 20" && life_passes "peers: the same port at once" "$STATUS"
	leaves_all "peers: who leaves at once" 60 4 peers_life '*' "$dtls"
	XSOCK_RELAY=$relay peers_life "peers: somebody has the port" '*' "$dtls" \
		succeeded "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
forged: 6
forged: 6
forged: 6
forged: 6
forged: 6
answer: timed out" "$relay" && {
		life_heard 'end close_notify'
		life_passes "peers: somebody has the port" $? \
			"$(within 10 peers_heard 5 4; echo $?)" \
			"$(peers_heard 0 6; echo $?)"
	}
	XSOCK_RELAY=$relay XSOCK_RELAY_IDLE=0 peers_life \
		"peers: the relay is killed" '*' "$dtls" killed "send one: 3
answer: (b'one', ('127.0.0.1', PORT))
stand-ins: 1
taken while it lives: 0
taken behind it: 0
send: ECONNREFUSED
send two: 3
answer: (b'two', ('127.0.0.1', PORT))
nothing else: EAGAIN" "$relay" && life_passes "peers: the relay is killed" \
			"$(life_told 'the relay ended, and what was on the way'; echo $?)" \
			"$(! grep -q plain "$T/dtls_echo.log"; echo $?)"
	LIMIT=120 log=warning peers_life "peers: a thousand" 10.0.0.0/8 "dtls://127.0.0.1:$port_dtls_echo?cafile=$CA" \
		many "right: 1000
right: 1000
stand-ins: True
left: 0" 1000 && life_passes "peers: a thousand" 0
}

check_peers()
{
	check_peers_refused
	check_peers_life
}
