# Connected UDP sockets behind DTLS, and what they must never do.  run.sh sources
# this.

# life NAME RULE-TARGET CASE EXPECTED [ARGUMENT…]: datagrams.py under a rule for
# the front port, prints EXPECTED.
life()
{
	local name=$1 target=$2 case=$3 expected=$4
	shift 4
	: >"$T/dtls_echo.log"
	: >"$T/udp_echo.log"
	XSOCK_LOG=${log-info} case_run with_xsock \
		"udp://127.0.0.1:$port_udp_front=$target" "$PYTHON" -B \
		"$TESTS/preload/datagrams.py" "$case" "$port_udp_front" "$@"
	printf '%s' "${expected:+$expected
}" | diff -U1 - "$OUT" >"$T/diff" && return
	cp "$T/diff" "$OUT"
	fail "$name" "prints something else"
	return 1
}

# life_heard PATTERN [LOG]: what the server says it has had
life_heard()
{
	within 10 grep -qE "$1" "$T/${2-dtls_echo}.log"
}

# peers_heard COUNT LENGTH: so many datagrams of that length have come
peers_heard()
{
	[ "$(grep -cx "datagram $2" "$T/dtls_echo.log")" -eq "$1" ]
}

# leaves_all NAME COUNT LENGTH LIFE ARGUMENT…: the case "leaves" sends so many
# datagrams, and all of them come.
leaves_all()
{
	local name=$1 count=$2 len=$3
	shift 3
	"$1" "$name" "${@:2}" leaves "" || return
	within 10 grep -q 'end close_notify' "$T/dtls_echo.log"
	life_passes "$name" $? "$(within 10 peers_heard "$count" "$len"; echo $?)"
}

# life_passes NAME STATUS…
life_passes()
{
	local name=$1 status
	shift
	cat "$T/dtls_echo.log" "$T/udp_echo.log" >>"$OUT"
	for status; do
		if [ "$status" -ne 0 ]; then
			fail "$name"
			return
		fi
	done
	pass "$name"
}

life_told()
{
	grep -q "$1" "$ERR"
}

# Nothing of the program's has been seen by a server that is none of the rule's.
nothing_leaked()
{
	! grep -q datagram "$T/dtls_echo.log" && ! grep -q . "$T/udp_echo.log"
}

check_datagrams_refused()
{
	local dtls=dtls://:$port_dtls_echo twice="send: 6
recv: EKEYREJECTED
send: 6
recv: EKEYREJECTED"

	life "datagrams: an unknown CA" "$dtls" refused "$twice" &&
		life_passes "datagrams: an unknown CA" \
			"$(life_heard refused; echo $?)" \
			"$(nothing_leaked; echo $?)" \
			"$(life_told 'certificate-untrusted'; echo $?)"
	life "datagrams: another name" "$dtls?cafile=$CA&peer_name=other.test" \
		refused "$twice" &&
		life_passes "datagrams: another name" "$(nothing_leaked; echo $?)" \
			"$(life_told 'certificate-name'; echo $?)"
	# It has all that is sent, and it must be nothing of the program's.
	life "datagrams: a server without DTLS" \
		"dtls://:$port_udp_mute?timeout=1" refused "send: 6
recv: ETIMEDOUT
send: 6
recv: ETIMEDOUT" &&
		life_passes "datagrams: a server without DTLS" \
			"$(life_heard datagram udp_mute; echo $?)" \
			"$(! grep -qx 'datagram 6' "$T/udp_mute.log"; echo $?)" \
			"$(life_told 'handshake-timeout'; echo $?)"
	life "datagrams: nobody" "dtls://:$port_udp_closed" refused "send: 6
recv: ECONNREFUSED
send: 6
recv: ECONNREFUSED" &&
		life_passes "datagrams: nobody" "$(life_told 'connect-refused'; echo $?)"
	life "datagrams: denied" deny:// sends "connect: EACCES
sendto: EACCES" && life_passes "datagrams: denied" "$(nothing_leaked; echo $?)"
	log=warning life "datagrams: files that are not there" \
		"dtls://:$port_dtls_echo?cafile=/nonexistent" sends "connect: EACCES
sendto: EACCES" &&
		life_passes "datagrams: files that are not there" "$(nothing_leaked; echo $?)"
	log=info
}

check_datagrams_life()
{
	local dtls=dtls://:$port_dtls_echo?cafile=$CA relay=$RELAY-unread

	leaves_all "datagrams: who leaves at once" 20 2 life "$dtls"
	cp "$RELAY" "$relay"
	XSOCK_RELAY=$relay life "datagrams: who leaves an answer unread" "$dtls" \
		unread "send one: 3
answer: b'one'
send two: 3" "$relay" && life_passes "datagrams: who leaves an answer unread" \
		"$(within 10 peers_heard 5 4; echo $?)"
	life "datagrams: many in one" "$dtls" segments "sendmsg: EINVAL
send: 5
answer: b'after'" && life_passes "datagrams: many in one" 0
	life "datagrams: many at once" "$dtls" bursts "send one: 3
answer: b'one'
back: True" && life_passes "datagrams: many at once" 0
	life "datagrams: the server says goodbye" "$dtls" ends "send one: 3
answer: b'one'
send close: 5
send two: 3
answer: b'two'" && life_passes "datagrams: the server says goodbye" \
			"$(life_told 'because the server said so'; echo $?)" \
			"$([ "$(grep -c '^open' "$T/dtls_echo.log")" -eq 2 ]; echo $?)"
	# Nobody is at ::1, or who is there says nothing.
	life "datagrams: the second address of a name" \
		"dtls://localhost:$port_dtls_echo?cafile=$CA" ends "send one: 3
answer: b'one'
send close: 5
send two: 3
answer: b'two'" && life_passes "datagrams: the second address of a name" \
			"$(life_told 'verified "localhost"'; echo $?)"
	start mute6 "$PYTHON" -c "import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('::1', $port_dtls_echo))
time.sleep(600)"
	within 10 grep -q "^ *[0-9]*: 0*1000000:$(printf %04X "$port_dtls_echo")" /proc/net/udp6
	life "datagrams: the first address of a name is silent" \
		"dtls://localhost:$port_dtls_echo?cafile=$CA&timeout=4" ends "send one: 3
answer: b'one'
send close: 5
send two: 3
answer: b'two'" && life_passes "datagrams: the first address of a name is silent" \
			"$(life_told 'verified "localhost"'; echo $?)"
	kill $!
	life "datagrams: the server forgets" "$dtls&idle=1" forgets "send one: 3
answer: b'one'
send forget: 6
answer: b'two'" && life_passes "datagrams: the server forgets" \
			"$([ "$(grep -c '^open' "$T/dtls_echo.log")" -eq 2 ]; echo $?)"
	life "datagrams: idle" "$dtls&idle=1" idles "send one: 3
answer: b'one'
send two: 3
answer: b'two'" && {
		life_heard 'end close_notify'
		life_passes "datagrams: idle" $? \
			"$(life_told "for the rule's idle time"; echo $?)" \
			"$([ "$(grep -c '^open' "$T/dtls_echo.log")" -eq 2 ]; echo $?)"
	}
	life "datagrams: too many wait" "dtls://:$port_udp_mute?timeout=1" \
		waiting "recv: ETIMEDOUT" &&
		life_passes "datagrams: too many wait" \
			"$(life_told 'too many datagrams wait'; echo $?)" \
			"$([ "$(grep -c 'too many' "$ERR")" -eq 1 ]; echo $?)" \
			"$(! grep -qx 'datagram 3' "$T/udp_mute.log"; echo $?)"
	life "datagrams: two processes, one error" "dtls://:$port_udp_closed" \
		shared "send: 13
child send: ECONNREFUSED
child send again: 12
child recv: ECONNREFUSED
recv: ECONNREFUSED" && life_passes "datagrams: two processes, one error" 0
}

check_datagrams_killed()
{
	local relay=$RELAY-killed

	cp "$RELAY" "$relay"
	XSOCK_RELAY=$relay XSOCK_RELAY_IDLE=0 life "datagrams: the relay is killed" \
		"dtls://:$port_dtls_echo?cafile=$CA" killed "send one: 3
answer: b'one'
events: True
send: ECONNREFUSED
recv: EAGAIN
answer: b'two'" "$relay" && life_passes "datagrams: the relay is killed" \
			"$(life_told 'the relay ended, and what was on the way'; echo $?)" \
			"$(! grep -q plain "$T/dtls_echo.log"; echo $?)"
	XSOCK_RELAY=$relay XSOCK_RELAY_IDLE=0 life "datagrams: the relay is stopped" \
		"dtls://:$port_dtls_echo?cafile=$CA&mtu=1400" stopped "send one: 3
answer: b'one'
late: False
answer: 1330" "$relay" && life_passes "datagrams: the relay is stopped" 0
	XSOCK_RELAY=$relay XSOCK_RELAY_IDLE=0 life "datagrams: the port of one that was killed" \
		"dtls://:$port_dtls_echo?cafile=$CA" same_port "send one: 3
answer: b'one'
send two: 3
answer: b'two'" "$relay" && life_passes "datagrams: the port of one that was killed" 0
}

check_datagrams_unconnected()
{
	life "datagrams: with an address" "dtls://:$port_dtls_echo?cafile=$CA" \
		addressed "send, no rule: 4
answer: b'open'
sendto, a rule: EACCES
sendto, the peer: 11
sendto, another: EISCONN" "$port_udp_echo" && {
		life_heard 'datagram 11'
		life_passes "datagrams: with an address" $? \
			"$([ "$(grep -c 'cannot be carried when it is connected' "$ERR")" -eq 1 ]; echo $?)" \
			"$([ "$(grep -c . "$T/udp_echo.log")" -eq 1 ]; echo $?)"
	}
	local name="datagrams: no rule is about UDP-Lite"
	if "$PYTHON" -c 'import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)' 2>"$ERR"; then
		life "$name" "dtls://:$port_dtls_echo?cafile=$CA" others "sendto: 7
got: b'address'
connect: None
send: 9
got: b'connected'" && life_passes "$name" 0
	else
		CI= skip "$name" "this kernel has none"
	fi
	life "datagrams: rules that are broken" "dtls://:nosuchport" sends \
		"connect: EACCES
sendto: EACCES" && life_passes "datagrams: rules that are broken" \
			"$(nothing_leaked; echo $?)"
}

check_datagrams()
{
	check_datagrams_refused
	check_datagrams_life
	check_datagrams_killed
	check_datagrams_unconnected
}
