#!/bin/bash
# xsock status: what it says of processes with and without library and rules,
# and of connections that are wrapped and that are not.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/lines.sh"

unset XSOCK_RULES XSOCK_LOG LD_PRELOAD

# status NAME STATUS [TEXT…]: of the process tree below $tree
status()
{
	local name=$1 status=$2 text
	shift 2
	case_run bounded "$BUILD/xsock" status "$tree"
	[ "$STATUS" = "$status" ] ||
		{ fail "$name" "status $STATUS instead of $status"; return; }
	for text; do
		grep -qE -- "$text" "$OUT" ||
			{ fail "$name" "\"$text\" is not there"; return; }
	done
	pass "$name"
}

# tree_begin RULES SCRIPT [ARGUMENT…]: a shell with the library; sets $tree when
# it has said that it is ready.
tree_begin()
{
	local rules=$1
	shift
	rm -f "$T/ready"
	XSOCK_RULES=$rules XSOCK_RELAY=$RELAY XSOCK_RELAY_IDLE=1 LD_PRELOAD=$PRELOAD \
		bash -c "$@" "$T/ready" >"$T/tree.log" 2>&1 </dev/null &
	tree=$!
	started+=("$tree")
	within 20 test -e "$T/ready" || cat "$T/tree.log" >&2
}

tree_end()
{
	kill_tree "$tree"
	wait "$tree" 2>/dev/null
}

# active TEXT: the command with TEXT in README's "Is it active?", with this PID and
# port, or $local, which a socket of datagrams has
local=
active()
{
	awk '/^## /{ inside = $0 == "## Is it active?" }
	     inside && /^    \$ /{ print substr($0, 7) }
	     inside { count = split($0, word, "`")
		      for (i = 2; i < count; i += 2) print word[i] }' \
		"$(dirname "$0")/../../README.md" |
		grep -F -m 1 -- "$1" | sed "s/\<PID\>/$tree/; s/:6379\>/:$port_tls/; s/:\(40112\|51820\)\>/:$local/"
}

# shows NAME TEXT PATTERN…: that command prints a line for each pattern
shows()
{
	local name="README: $1" command pattern
	command=$(active "$2")
	shift 2
	[ "$command" ] || { fail "$name" "README has no such command"; return; }
	case_run bounded bash -c "$command"
	for pattern; do
		grep -qE -- "$pattern" "$OUT" ||
			{ fail "$name" "$command: \"$pattern\" is not there"; return; }
	done
	pass "$name"
}

suite_begin status
serve tls:sink,tls="$CERTS/good" plain:mute
openssl pkey -in "$CERTS/good.key" -aes128 -passout pass:hidden-word \
	-out "$T/key.pem" 2>"$ERR" || fail "a key with a passphrase"

tree_begin "localhost:1=tls://:$port_tls?cafile=$CA&local_cert=$CERTS/good.pem&local_pk=$T/key.pem&passphrase=hidden-word" '
	exec 5<>/dev/tcp/localhost/1 6<>/dev/tcp/127.0.0.1/"$0"
	(exec -a without env -i sleep 600) &
	until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.05; done
	: >"$1"
	wait' "$port_plain"
status "a tree of processes" 1 \
	"^$tree bash: library loaded, rules set$" \
	'^    rule localhost:1=tls://' \
	'^    wrapped +5 (127.0.0.1|\[::1\]):1: connected$' \
	"^    not wrapped 6 127.0.0.1:$port_plain: connected$" \
	'^  [0-9]+ (env|sleep): library NOT LOADED, NO RULES$'
lacks "secrets of rules" hidden-word
tree_end

tree_begin 'localhost=tsl://' ': >"$0"; sleep 600; :'
status "rules that are wrong" 0 '^    rules that cannot be used: XSOCK_RULES:1:11'
tree_end

# What README shows: a connection that is wrapped, and one that is not.
host='(127.0.0.1|\[::1\])'
tree_begin "localhost:$port_tls=tls://?cafile=$CA 127.0.0.1:$port_plain=tcp://" '
	exec 5<>/dev/tcp/localhost/"$0" 6<>/dev/tcp/127.0.0.1/"$1"
	: >"$2"
	sleep 600
	:' "$port_tls" "$port_plain"
# Only root may look into the relay.
[ "$(id -u)" -ne 0 ] && relay= || relay='"xsock-relay",pid='
if need "README: sockets" ss && need "README: sockets" lsof; then
	shows "the pair" "ss -xp" \
		"@xsock/[0-9a-f]{8}/[0-9a-f]{16}/$host:$port_tls<$host:[0-9]+ .*\"bash\",pid=$tree,fd=5" \
		"@xsock/[0-9a-f]{8}=$host:[0-9]+>$host:$port_tls .*$relay"
	shows "TCP belongs to the relay" "ss -tnp" "^ESTAB .*$host:$port_tls +.*$relay"
	lacks "README: TCP of the program" "\"bash\",pid=$tree"
	shows "the program's end" "lsof -a -U -p" "@xsock/[0-9a-f]{8}/"
	case_run bounded ss -tnp
	if grep -q ":$port_plain .*\"bash\",pid=$tree,fd=6" "$OUT"; then
		pass "README: plaintext belongs to the program"
	else
		fail "README: plaintext belongs to the program"
	fi
fi
shows "the library is loaded" "grep libxsock" libxsock
tree_end

# Datagrams: two sockets that are wrapped, one that is not, and one that is not
# connected.
datagram_server dtls "$CERTS/good" && dtls=$port
datagram_server udp - && udp=$port
tree_begin "udp://127.0.0.1:11=dtls://:$dtls?cafile=$CA udp://127.0.0.1:12=udp://:$udp?relay=1" '
	exec 5<>/dev/udp/127.0.0.1/11 6<>/dev/udp/127.0.0.1/12 7<>/dev/udp/127.0.0.1/"$0"
	python3 -c '\''import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"abcd", ("127.0.0.1", 11))
s.recv(100)
print("port", s.getsockname()[1], flush=True)
open(sys.argv[1], "w")
time.sleep(600)'\'' "$1"
	:' "$udp"
local=$(sed -n 's/^port //p' "$T/tree.log")
status "datagrams" 0 \
	'^    wrapped     5 udp://127.0.0.1:11: connected, with DTLS$' \
	'^    wrapped     6 udp://127.0.0.1:12: connected, without DTLS$' \
	"^    not wrapped 7 udp://127.0.0.1:$udp: connected$" \
	"^      wrapped     [0-9]+ udp port $local, 1 wrapped peer: not connected\$"
if need "README: sockets of datagrams" ss; then
	shows "the pair of a UDP socket" "ss -xap" \
		"^u_seq +ESTAB .* @xsock/[0-9a-f]{8}/[0-9a-f]{16}/dtls:[0-9]+:127.0.0.1:11<127.0.0.1:[0-9]+ .*\"bash\",pid=$tree,fd=5" \
		"^u_seq +ESTAB .* @xsock/[0-9a-f]{8}/[0-9a-f]{16}/udp:65507:127.0.0.1:12<127.0.0.1:[0-9]+ .*\"bash\",pid=$tree,fd=6"
	unconnected=$local
	local=$(sed -n "s/.*:127.0.0.1:11<127.0.0.1:\([0-9]*\) .*pid=$tree,fd=5.*/\1/p" "$OUT")
	shows "its datagrams belong to the relay" "ss -uanp | grep :40112" \
		"^ESTAB .* 127.0.0.1:$local +127.0.0.1:$dtls +.*$relay"
	local=$unconnected
	shows "a UDP socket that is not connected" "ss -uanp | grep :51820" \
		"^UNCONN .* 0.0.0.0:$local +0.0.0.0:\* .*\"python3\",pid=[0-9]+,fd=3" \
		"^ESTAB .* 127[.0-9]+:$local +127.0.0.1:$local +.*$relay"
fi
tree_end

# What another user has in hand: the name of a process, and the names of
# abstract sockets, which may hold a newline and a row for another's socket.
tree_begin "nowhere.test=tls://" '
	exec 6<>/dev/tcp/127.0.0.1/"$0"
	python3 -c '\''import os, socket, sys, time
shell = os.getppid()
inode = os.readlink("/proc/%d/fd/6" % shell)[8:-1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind("\0x\n0: 2 0 0 1 3 %s @xsock/1/2/a\033b<" % inode)
s.listen()
if os.fork() == 0:
    os._exit(0)
open("/proc/self/comm", "w").write("a\nb\033c) S 1 (")
open(sys.argv[1], "w")
time.sleep(600)'\'' "$1"
	:' "$port_plain"
status "names that deceive" 0 \
	"^    not wrapped 6 127.0.0.1:$port_plain: connected$" \
	'^  [0-9]+ a\?b\?c\) S 1 \(: library loaded, rules set$'
lacks "a process that has ended" 'cannot be seen'
lacks "characters that a terminal obeys" $'\033'
tree_end

tree_begin $'@/none\033' ': >"$0"; sleep 600; :'
status "rules with a character that a terminal obeys" 0 '^    rules that cannot be used: '
lacks "rules with a character that a terminal obeys, shown" $'\033'
tree_end

# A library that has been replaced since, as an upgrade does.
cp "$BUILD/libxsock.so" "$T/libxsock.so"
if [ ! "${XSOCK_TEST_SANITIZED:-}" ]; then
	PRELOAD=$T/libxsock.so tree_begin 'localhost=tls://' ': >"$0"; sleep 600; :'
	rm "$T/libxsock.so"
	status "a library that has been replaced" 0 'library loaded, an older one'
	tree_end
fi

tree=2147483647
status "no such process" 2 '^2147483647: there is no such process$'
tree=x
case_run bounded "$BUILD/xsock" status x
if [ "$STATUS" = 2 ] && grep -q '"x" is not a process ID' "$ERR"; then
	pass "no number"
else
	fail "no number"
fi
suite_end
