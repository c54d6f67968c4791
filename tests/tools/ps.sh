#!/bin/bash
# xsock ps: what the relay tells of its connections, on a real terminal and on
# none, as JSON and as metrics; whom it tells.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/lines.sh"

unset XSOCK_RULES XSOCK_LOG LD_PRELOAD NO_COLOR COLUMNS

# hold RULES SCRIPT [ARGUMENT…]: a shell with the library, which keeps what SCRIPT
# opens; sets $tree when it has said that it is ready
hold()
{
	local rules=$1
	shift
	rm -f "$T/ready"
	XSOCK_RULES=$rules XSOCK_RELAY=$RELAY XSOCK_RELAY_IDLE=60 LD_PRELOAD=$PRELOAD \
		bash -c "$@" "$T/ready" >"$T/tree.log" 2>&1 </dev/null &
	tree=$!
	started+=("$tree")
	within 20 test -e "$T/ready" || cat "$T/tree.log" >&2
}

# told FILTER: what jq would make of the JSON in $OUT, with the names j and c (its
# first connection or failure)
told()
{
	python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
c = (j.get("connections") or j.get("failures") or [None])[0]
print(eval(sys.argv[2]))' "$OUT" "$1" 2>&1
}

# tells_json NAME EXPRESSION VALUE
tells_json()
{
	local value
	value=$(told "$2")
	[ "$value" = "$3" ] && pass "$1" || fail "$1" "\"$value\" instead of \"$3\""
}

# relay_of USER: the process of that user's relay
relay_of()
{
	local pid
	for pid in $(relay_pids); do
		[ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" != "$1" ] || echo "$pid"
	done
}

# metric NAME: its value
metric()
{
	awk -v name="$1" 'substr($0, 1, length(name)) == name { print $NF }' "$OUT"
}

# until_full COMMAND: asks, after COMMAND, until what is told is more than can be kept.
# A busy machine may not tell that much in the five seconds that it has.
until_full()
{
	local try
	for try in 1 2 3 4 5; do
		"$1"
		case_run bounded "$BUILD/xsock" ps
		! grep -q "the relays tell more than can be kept" "$ERR" || return
	done
}

# 20 of them: more than the time of a test, if each were waited for alone
silent_names='import socket, sys, time
kept = []
for i in range(20):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind("\0xsock-relay/%016x" % i)
    s.listen(1)
    kept.append(s)
open(sys.argv[1], "w")
time.sleep(600)'

suite_begin ps
serve tls:echo,tls="$CERTS/good" cut:source,tls="$CERTS/good",cut mute:mute

runs "no relay" 0 ps
prints "no relay: said" "no connections: no relay runs here, or none that tells"

# --- a connection ----------------------------------------------------------

openssl pkey -in "$CERTS/good.key" -aes128 -passout pass:hidden-word \
	-out "$T/key.pem" 2>"$ERR" || fail "a key with a passphrase"
hold "localhost:1=tls://:$port_tls?cafile=$CA&local_cert=$CERTS/good.pem&local_pk=$T/key.pem&passphrase=hidden-word localhost:2=tls://:$port_mute" '
	exec 5<>/dev/tcp/localhost/1
	echo hello-there >&5
	read -r line <&5
	exec 6<>/dev/tcp/localhost/1
	(exec -a without env -i sleep 600) &
	until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.05; done
	: >"$0"
	wait'

runs "a table" 0 ps
rows=$(grep -c " bash *$tree localhost:1 " "$OUT")
[ "$rows" = 2 ] && pass "a table: both connections" || fail "a table: both connections" "$rows"
grep -qE "^(USER +)?PROGRAM +PID DESTINATION +STATE +TLS +VERIFIED +RES +AGE +SENT +RECV +CIPHER +RULE$" "$OUT" &&
	pass "a table: its titles" || fail "a table: its titles"
grep -qE " bash +$tree localhost:1 +open +TLSv1.3 +localhost +(no|yes) +[0-9]+s +12 +12 +TLS_[A-Z0-9_]+ +XSOCK_RULES:1:1 localhost:1=tls://" "$OUT" &&
	pass "a table: a row" || fail "a table: a row"
grep -q $'\033' "$OUT" && fail "no colour where there is no terminal" ||
	pass "no colour where there is no terminal"

runs "JSON" 0 ps --json
cp "$OUT" "$T/json"
tells_json "JSON: program" 'c["program"], c["pid"], c["destination"], c["scheme"], c["state"]' \
	"('bash', $tree, 'localhost:1', 'tls', 'open')"
tells_json "JSON: TLS" 'c["tls"]["version"], c["tls"]["verified"], type(c["tls"]["resumed"])' \
	"('TLSv1.3', 'localhost', <class 'bool'>)"
tells_json "JSON: bytes of both" 'sum(x["sent"] for x in j["connections"]), sum(x["received"] for x in j["connections"])' "(12, 12)"
tells_json "JSON: the keys" 'sorted(c)' \
	"['age_seconds', 'datagrams', 'destination', 'pid', 'program', 'received', 'relay', 'rule', 'scheme', 'sent', 'state', 'tls', 'user']"
tells_json "JSON: no datagrams" 'c["datagrams"]' None
tells_json "JSON: the relay" 'len(j["relays"]), j["relays"][0]["pid"], j["relays"][0]["problem"], j["processes"]' \
	"(1, $(relay_pids), None, None)"
runs "the failures, of which there are none" 0 ps --failed
prints "no failures" "no failures"

# --- one process -------------------------------------------------------------

runs "a process tree" 0 ps "$tree"
prints "a process tree: the library" "$tree bash: library mapped: yes"
grep -qE '^  [0-9]+ (env|sleep): library mapped: no$' "$OUT" &&
	pass "a process tree: a child without" || fail "a process tree: a child without"
grep -q " bash *$tree localhost:1 " "$OUT" && pass "a process tree: its connections" ||
	fail "a process tree: its connections"
runs "another process" 0 ps "${started[0]}"
grep -q "localhost:1 " "$OUT" && fail "another process has others" ||
	pass "another process has others"
prints "another process: the library" "${started[0]} server: library mapped: no"
runs "a process tree as JSON" 0 ps --json "$tree"
tells_json "a process tree as JSON: the library" \
	'[p["library_mapped"] for p in j["processes"]]' "[True, False]"
runs "no such process" 2 ps 2147483647
tells "no such process: said" "xsock ps: 2147483647: there is no such process"
runs "no number" 2 ps x
tells "no number: said" '"x" is not a process ID'
runs "metrics of one process" 2 ps --metrics "$tree"
runs "metrics as JSON" 2 ps --metrics --json

# --- a terminal ------------------------------------------------------------

screens=0

# screen NAME COLUMNS VARIABLES [ARGUMENT…]: what a terminal of that width shows of
# "xsock ps", in $OUT; with its colours in $T/coloured
screen()
{
	local name=$1 columns=$2 variables=$3
	shift 3
	rm -f "$T/done"
	# A server that is being ended would take the next one's session.
	screens=$((screens + 1))
	tmux -S "$T/tmux$screens" -f /dev/null new-session -d -x "$columns" -y 40 \
		"env $variables '$BUILD/xsock' ps $* 2>&1; : >'$T/done'; sleep 600" \
		2>"$ERR" || { fail "$name" "no terminal"; return 1; }
	within 20 test -e "$T/done"
	tmux -S "$T/tmux$screens" capture-pane -p >"$OUT"
	tmux -S "$T/tmux$screens" capture-pane -pe >"$T/coloured"
	tmux -S "$T/tmux$screens" kill-server 2>"$ERR"
}

# fits NAME COLUMNS: each row has one line of the terminal, and no title is cut
fits()
{
	[ "$(grep -c "$tree localhost" "$OUT")" = 2 ] &&
		[ "$(sed -n 1p "$OUT" | grep -c ' PID ')" = 1 ] &&
		sed -n 2p "$OUT" | grep -q "$tree localhost" &&
		sed -n 3p "$OUT" | grep -q "$tree localhost" &&
		pass "$1" || fail "$1"
}

if need "a terminal" tmux; then
	screen "a wide terminal" 300 A=b
	fits "a wide terminal"
	grep -q "RULE" "$OUT" && ! grep -q "no room" "$OUT" &&
		pass "a wide terminal has all" || fail "a wide terminal has all"
	grep -q $'\033\[1m.*PROGRAM' "$T/coloured" && grep -q $'\033\[32mopen' "$T/coloured" &&
		pass "colours" || fail "colours"
	screen "80 columns" 80 A=b
	fits "80 columns"
	grep -q "VERIFIED" "$OUT" && pass "80 columns: the verified name is there" ||
		fail "80 columns: the verified name is there"
	grep -qx "(no room for .*RULE: --wide)" "$OUT" && pass "80 columns: what is left out" ||
		fail "80 columns: what is left out"
	screen "50 columns" 50 A=b
	fits "50 columns"
	screen "--wide" 80 A=b --wide
	grep -q RULE "$OUT" && pass "--wide leaves nothing out" || fail "--wide leaves nothing out"
	screen "NO_COLOR" 300 NO_COLOR=1
	fits "NO_COLOR"
	grep -q $'\033' "$T/coloured" && fail "NO_COLOR is honoured" || pass "NO_COLOR is honoured"
	screen "TERM=dumb" 300 TERM=dumb
	grep -q $'\033' "$T/coloured" && fail "a terminal without colours" ||
		pass "a terminal without colours"
fi

# --- a live screen -----------------------------------------------------------

# shows PATTERN: the live screen has such a line
shows()
{
	tmux -S "$T/tmux$screens" capture-pane -p >"$OUT"
	grep -qE -- "$1" "$OUT"
}

# is_busiest: the first row, below head and titles, is that of localhost:5
is_busiest()
{
	shows localhost:5 && sed -n 3p "$OUT" | grep -q localhost:5
}

live_screen()
{
	XSOCK_RULES="localhost:5=tls://:$port_tls?cafile=$CA" XSOCK_RELAY=$RELAY XSOCK_RELAY_IDLE=60 \
		LD_PRELOAD=$PRELOAD bash -c 'exec 5<>/dev/tcp/localhost/5
		while sleep 0.1; do printf "%1000s\n" x >&5; read -r line <&5; done' \
		>"$T/busy.log" 2>&1 </dev/null &
	busy=$!
	started+=("$busy")
	screens=$((screens + 1))
	rm -f "$T/done"
	tmux -S "$T/tmux$screens" -f /dev/null new-session -d -x 100 -y 20 \
		"'$BUILD/xsock' ps --watch; : >'$T/done'; sleep 600"
	within 20 shows "bash +$busy localhost:5 +open .*( +[0-9.]+K){4}" &&
		pass "a live screen: rates" || fail "a live screen: rates"
	within 20 shows "^xsock ps: 3 connections" && pass "a live screen: its head" ||
		fail "a live screen: its head"
	within 20 is_busiest && pass "a live screen: the busiest first" ||
		fail "a live screen: the busiest first"
	kill_tree "$busy"
	within 20 shows "^xsock ps: 2 connections" && pass "a live screen: it goes on" ||
		fail "a live screen: it goes on"
	tmux -S "$T/tmux$screens" resize-window -x 60 -y 20
	within 20 shows "^\(no room for " && pass "a live screen: another size" ||
		fail "a live screen: another size"
	tmux -S "$T/tmux$screens" send-keys q
	within 20 test -e "$T/done" && pass "a live screen: its end" || fail "a live screen: its end"
	tmux -S "$T/tmux$screens" kill-server 2>"$ERR"
}

case_run bounded "$BUILD/xsock" ps --watch
if grep -q "without ncurses" "$ERR"; then
	skip "a live screen" "xsock was built without ncurses"
else
	tells "a live screen without a terminal" "--watch needs a terminal"
	runs "a live screen of failures" 2 ps --watch --failed
	need "a live screen" tmux && live_screen
fi

# --- a connect under way -----------------------------------------------------

XSOCK_RULES="localhost:2=tls://:$port_mute?timeout=50" XSOCK_RELAY=$RELAY XSOCK_RELAY_IDLE=60 \
	LD_PRELOAD=$PRELOAD bash -c 'exec 5<>/dev/tcp/localhost/2' >"$T/mute.log" 2>&1 </dev/null &
mute=$!
started+=("$mute")
is_shaking()
{
	case_run bounded "$BUILD/xsock" ps "$mute" --json
	[ "$(told 'c and (c["state"], c["tls"])')" = "('handshake', None)" ]
}
within 20 is_shaking && pass "a handshake under way" || fail "a handshake under way"
kill_tree "$mute"

# --- failures and metrics ----------------------------------------------------

XSOCK_RELAY_IDLE=60 with_xsock "localhost:3=tls://:$port_tls" \
	bash -c '</dev/tcp/localhost/3' >"$T/failed.log" 2>&1
XSOCK_RELAY_IDLE=60 with_xsock "localhost:4=tls://:$port_cut?cafile=$CA" \
	bash -c 'cat </dev/tcp/localhost/4 >/dev/null' >"$T/cut.log" 2>&1
has_cut()
{
	case_run bounded "$BUILD/xsock" ps --failed
	grep -q " localhost:4: broke$" "$OUT"
}
within 20 has_cut && pass "a connection that broke" || fail "a connection that broke"
grep -qE "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} .*bash\[[0-9]+\] localhost:3: EKEYREJECTED$" "$OUT" &&
	pass "a connect that failed" || fail "a connect that failed"
grep -q "^    certificate of .* is issued by a CA that is not trusted" "$OUT" &&
	pass "a connect that failed: why" || fail "a connect that failed: why"
grep -q "^    by XSOCK_RULES:1:1 localhost:3=tls://:$port_tls$" "$OUT" &&
	pass "a connect that failed: the rule" || fail "a connect that failed: the rule"
runs "failures as JSON" 0 ps --failed --json
tells_json "failures as JSON: the keys" 'sorted(c)' \
	"['age_seconds', 'connected', 'destination', 'errno', 'pid', 'program', 'relay', 'rule', 'scheme', 'sentence', 'user']"
tells_json "failures as JSON: the kinds" 'sorted({(x["errno"] or "", x["connected"]) for x in j["failures"]})' \
	"[('', True), ('EKEYREJECTED', False)]"

runs "metrics" 0 ps --metrics
relay="user=\"$(id -un)\",relay=\"$(sed -n 's/.*@xsock-relay\/\([0-9a-f]*\)$/\1/p' /proc/net/unix | head -n 1)\""
[ "$(metric "xsock_connections{$relay,state=\"open\"}")" = 2 ] && pass "metrics: connections" ||
	fail "metrics: connections"
[ "$(metric "xsock_connects_failed_total{$relay,kind=\"certificate\"}")" -ge 1 ] &&
	pass "metrics: failures" || fail "metrics: failures"
[ "$(metric "xsock_bytes_total{$relay,direction=\"sent\"}")" -ge 12 ] &&
	pass "metrics: bytes" || fail "metrics: bytes"
[ "$(metric "xsock_connections_cut_total{$relay}")" = 1 ] && pass "metrics: cuts" ||
	fail "metrics: cuts"
# The parser of Prometheus' own library, which Debian's python3 has.
if /usr/bin/python3 -c 'import prometheus_client' 2>"$ERR"; then
	/usr/bin/python3 -c 'import sys
from prometheus_client.parser import text_string_to_metric_families as families
names = {f.name: f for f in families(open(sys.argv[1]).read())}
assert len(names) == 10, sorted(names)
for f in names.values():
    assert f.type in ("gauge", "counter") and f.documentation and f.samples, f
    for s in f.samples:
        assert {"user", "relay"} <= set(s.labels), s' "$OUT" >"$ERR" 2>&1 &&
		pass "metrics: their format" || fail "metrics: their format"
else
	skip "metrics: their format" "python3-prometheus-client is not installed"
fi

# --- secrets ------------------------------------------------------------------

for way in --wide --json --failed "--failed --json" --metrics "$tree"; do
	# shellcheck disable=SC2086
	"$BUILD/xsock" ps $way
done >"$OUT" 2>&1
lacks "no passphrase" hidden-word

# --- datagrams --------------------------------------------------------------

# is_like EXPRESSION VALUE: of the associations in $OUT, by their destinations
is_like()
{
	case_run bounded "$BUILD/xsock" ps --json "$tree" &&
		[ "$(told "[($1) for c in sorted(j['connections'], key=lambda c: c['destination']) if c['datagrams']]")" = "$2" ]
}

kill_tree "$tree"
wait "$tree" 2>/dev/null
datagram_server dtls "$CERTS/good" && dtls=$port
datagram_server udp - && udp=$port
datagram_server silent mute && silent=$port
# Four bytes to each; the program reads what comes back, and sends nothing to 127.0.0.1:14.
hold "udp://127.0.0.1:11=dtls://:$dtls?cafile=$CA udp://127.0.0.1:12=udp://:$udp?relay=1
	localhost:1=tls://:$port_tls?cafile=$CA udp://127.0.0.1:13=dtls://:$silent?timeout=50 udp://127.0.0.1:14=dtls://:$dtls?cafile=$CA" '
	exec 3<>/dev/udp/127.0.0.1/11 4<>/dev/udp/127.0.0.1/12 5<>/dev/udp/127.0.0.1/13 6<>/dev/udp/127.0.0.1/14
	exec 7<>/dev/tcp/localhost/1
	echo hello-there >&7
	read -r line <&7
	for fd in 3 4; do
		echo abc >&$fd
		dd bs=4096 count=1 status=none <&$fd
	done
	echo abc >&5
	: >"$0"
	sleep 600
	:'
within 20 is_like 'c["destination"], c["state"]' \
	"[('127.0.0.1:11', 'open'), ('127.0.0.1:12', 'open'), ('127.0.0.1:13', 'handshake'), ('127.0.0.1:14', 'idle')]" &&
	pass "associations: states" || fail "associations: states"
is_like 'c["program"], c["pid"], c["scheme"]' \
	"[('bash', $tree, 'dtls'), ('bash', $tree, 'udp'), ('bash', $tree, 'dtls'), ('bash', $tree, 'dtls')]" &&
	pass "associations: whose" || fail "associations: whose"
is_like 'c["sent"], c["received"], c["datagrams"]["sent"], c["datagrams"]["received"]' \
	'[(4, 4, 1, 1), (4, 4, 1, 1), (0, 0, 0, 0), (0, 0, 0, 0)]' &&
	pass "associations: datagrams" || fail "associations: datagrams"
is_like 'c["tls"] and (c["tls"]["version"], c["tls"]["verified"], c["tls"]["resumed"])' \
	"[('DTLSv1.2', '127.0.0.1', False), None, None, None]" &&
	pass "associations: DTLS" || fail "associations: DTLS"
is_like '0 <= c["datagrams"]["idle_seconds"] <= c["age_seconds"] + 1' '[True, True, True, True]' &&
	pass "associations: idle" || fail "associations: idle"
runs "associations: a table" 0 ps
grep -qE "^(USER +)?PROGRAM +PID DESTINATION +STATE +TLS +VERIFIED +RES +AGE +IDLE +SENT +RECV +DGRAMS +CIPHER +RULE$" "$OUT" &&
	pass "associations: titles" || fail "associations: titles"
grep -qE " bash +$tree 127.0.0.1:11 +open +DTLSv1.2 +127.0.0.1 +no +[0-9ms]+ +[0-9ms]+ +4 +4 +1/1 +[A-Z0-9-]+ +XSOCK_RULES:1:1 udp://127.0.0.1:11=dtls://" "$OUT" &&
	pass "associations: with DTLS" || fail "associations: with DTLS"
grep -qE " bash +$tree 127.0.0.1:12 +open +- +- +- +[0-9ms]+ +[0-9ms]+ +4 +4 +1/1 +- +XSOCK_RULES:1:" "$OUT" &&
	pass "associations: without DTLS" || fail "associations: without DTLS"
grep -qE " bash +$tree localhost:1 +open +TLSv1.3 +localhost +(no|yes) +[0-9ms]+ +- +12 +12 +- +TLS_" "$OUT" &&
	pass "associations: connections beside them" || fail "associations: connections beside them"
runs "associations: metrics" 0 ps --metrics
associations_of()
{
	awk -v state="state=\"$1\"" '/^xsock_associations{/ && index($0, state) { print $NF }' "$OUT"
}
[ "$(associations_of open) $(associations_of handshake) $(associations_of idle)" = "2 1 1" ] &&
	pass "associations: metrics by state" || fail "associations: metrics by state"
# A failed one is among the failures; the program's socket has a new one.
kill_tree "$tree"
wait "$tree" 2>/dev/null
hold "udp://127.0.0.1:11=dtls://:$dtls" '
	python3 -c '\''import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", 11))
s.send(b"abcd")
try:
    s.recv(100)
except OSError:
    open(sys.argv[1], "w")
time.sleep(600)'\'' "$0"
	:'
is_like 'c["state"], c["datagrams"]["sent"]' "[('idle', 0)]" && pass "associations: one that failed is followed by a new one" ||
	fail "associations: one that failed is followed by a new one"
runs "associations: failures" 0 ps --failed --json "$tree"
tells_json "associations: one that failed" 'c["destination"], c["scheme"], c["errno"], c["connected"]' \
	"('127.0.0.1:11', 'dtls', 'EKEYREJECTED', False)"
kill_tree "$tree"
wait "$tree" 2>/dev/null
# The server says goodbye: what was carried is still told.
hold "udp://127.0.0.1:11=dtls://:$dtls?cafile=$CA" '
	exec 3<>/dev/udp/127.0.0.1/11
	for word in abc close; do
		printf $word >&3
		[ $word = close ] || dd bs=4096 count=1 status=none <&3
	done
	: >"$0"
	sleep 600
	:'
within 20 is_like 'c["state"], c["tls"], c["sent"], c["datagrams"]["sent"]' "[('idle', None, 8, 2)]" &&
	pass "associations: one that has ended" || fail "associations: one that has ended"
kill_tree "$tree"
wait "$tree" 2>/dev/null
# What is sent without a connect.
hold "udp://127.0.0.1:11=dtls://:$dtls?cafile=$CA" '
	python3 -c '\''import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"abcd", ("127.0.0.1", 11))
s.recv(100)
open(sys.argv[1], "w")
time.sleep(600)'\'' "$0"
	:'
is_like 'c["program"], c["state"], c["tls"]["version"], c["sent"], c["received"], c["datagrams"]["received"]' \
	"[('python3', 'open', 'DTLSv1.2', 4, 4, 1)]" && pass "associations: a socket that is not connected" ||
	fail "associations: a socket that is not connected"
kill_tree "$tree"
wait "$tree" 2>/dev/null

# --- who is told ------------------------------------------------------------------

stop_relays
if [ "$(id -u)" -eq 0 ] && need "another user" setpriv; then
	chmod 755 "$T" "$CERTS"
	chmod 644 "$CA" "$CERTS/good.pem"
	as="setpriv --reuid=65534 --regid=65534 --clear-groups"
	rm -f "$T/ready"; : >"$T/tree.log"; chmod 777 "$T"
	XSOCK_RULES="localhost:1=tls://:$port_tls?cafile=$CA" XSOCK_RELAY=$RELAY XSOCK_RELAY_IDLE=60 \
		LD_PRELOAD=$PRELOAD $as bash -c 'exec 5<>/dev/tcp/localhost/1; : >"$0"; sleep 600; :' \
		"$T/ready" >"$T/tree.log" 2>&1 </dev/null &
	tree=$!
	started+=("$tree")
	within 20 test -e "$T/ready" || cat "$T/tree.log" >&2
	runs "root sees another user's" 0 ps
	grep -q "^nobody *bash *$tree localhost:1 " "$OUT" && pass "root sees another user's: row" ||
		fail "root sees another user's: row"
	case_run bounded $as "$BUILD/xsock" ps
	grep -q " *bash *$tree localhost:1 " "$OUT" && [ "$STATUS" = 0 ] && pass "the user" ||
		fail "the user"
	case_run bounded setpriv --reuid=65533 --regid=65533 --clear-groups "$BUILD/xsock" ps
	grep -q localhost "$OUT" && fail "another user is told nothing" ||
		pass "another user is told nothing"
	# The same user, in a sandbox.
	case_run bounded $as --no-new-privs "$BUILD/xsock" ps
	grep -q "xsock ps: relay [0-9]* of nobody: it has no_new_privs, as sandboxes have" "$ERR" &&
		[ "$STATUS" = 1 ] && ! grep -q "localhost:1" "$OUT" &&
		pass "a sandboxed process of the user" || fail "a sandboxed process of the user"
	case_run bounded unshare -m "$BUILD/xsock" ps
	grep -q " *bash *$tree localhost:1 " "$OUT" && pass "root with other mounts" ||
		fail "root with other mounts"

	# A relay that is stopped is told of, and holds up no other.
	nobody=$tree
	stopped=$(relay_of 65534)
	hold "localhost:1=tls://:$port_tls?cafile=$CA" 'exec 5<>/dev/tcp/localhost/1; : >"$0"; sleep 600; :'
	freeze "$stopped"
	runs "a relay that is stopped" 1 ps
	tells "a relay that is stopped: said" "relay $stopped of nobody: it has not told all within 5 seconds"
	grep -q "^root *bash *$tree localhost:1 " "$OUT" && pass "and the others tell" ||
		fail "and the others tell"
	kill -CONT "$stopped"

	# Nor do the names that another user takes.
	setpriv --reuid=65533 --regid=65533 --clear-groups /usr/bin/python3 -c 'import socket, sys, time
kept = []
for i in range(300):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind("\0xsock-relay/%016x" % i)
    s.listen(1)
    kept.append(s)
open(sys.argv[1], "w")
time.sleep(600)' "$T/taken" &
	taker=$!
	started+=("$taker")
	within 20 test -e "$T/taken"
	runs "names that another user takes" 1 ps
	tells "names that another user takes: said" "this user has too many"
	grep -q "^root *bash *$tree localhost:1 " "$OUT" && grep -q "^nobody *bash *$nobody " "$OUT" &&
		pass "names that another user takes hide nothing" ||
		fail "names that another user takes hide nothing"
	case_run bounded $as "$BUILD/xsock" ps
	[ "$STATUS" = 0 ] && grep -q " *bash *$nobody localhost:1 " "$OUT" &&
		pass "and concern no other user" || fail "and concern no other user"
	kill -9 "$taker"

	# Nor does what another user's relays say fill root's memory, or contradict
	# itself: rows of connections that have a failure's sentence.
	/usr/bin/python3 "$TESTS/tools/false_relay.py" 65533 "$T/mixed" mixed &
	taker=$!
	started+=("$taker")
	within 20 test -e "$T/mixed"
	runs "rows that contradict each other" 1 ps --json
	tells_json "rows that contradict each other: their order" \
		'[c["pid"] for c in j["connections"] if c["pid"] < 4]' "[1, 2, 3]"
	kill -9 "$taker"
	/usr/bin/python3 "$TESTS/tools/false_relay.py" 65533 "$T/flood" flood &
	taker=$!
	started+=("$taker")
	within 20 test -e "$T/flood"
	until_full true
	[ "$STATUS" = 1 ] && pass "rows without an end" ||
		fail "rows without an end" "status $STATUS instead of 1"
	tells "rows without an end: said" "the relays tell more than can be kept"
	kill -9 "$taker"

	# A user who has silent ones waits for them together.
	# shellcheck disable=SC2086
	$as /usr/bin/python3 -c "$silent_names" "$T/silent" &
	taker=$!
	started+=("$taker")
	within 20 test -e "$T/silent"
	case_run bounded $as "$BUILD/xsock" ps
	[ "$STATUS" = 1 ] && pass "silent relays are waited for together" ||
		fail "silent relays are waited for together" "status $STATUS"
	kill -9 "$taker"
	kill_tree "$nobody"
	kill_tree "$tree"
fi

# Names that are a relay's, of somebody who is none.
python3 -c 'import socket, sys, time
kept = []
for i in range(3):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind("\0xsock-relay/%016x" % i)
    s.listen(1)
    kept.append(s)
open(sys.argv[1], "w")
while True:
    c, _ = kept[0].accept()
    c.recv(65536)
    c.send(b"\033[31mnonsense" * 100)' "$T/squats" &
squatter=$!
started+=("$squatter")
within 20 test -e "$T/squats"
case_run bounded "$BUILD/xsock" ps
[ "$STATUS" = 1 ] && grep -q $'\033' "$OUT" "$ERR" && fail "an impostor"
grep -q "what it answers cannot be understood\|it does not show that it lives" "$ERR" &&
	pass "an impostor" || fail "an impostor" "status $STATUS"

# One descriptor is left, and three names are bound.
case_run bash -c 'ulimit -n 5; exec "$@"' few "$BUILD/xsock" ps
[ "$STATUS" = 1 ] && grep -q "more relays than descriptors" "$ERR" &&
	pass "too few descriptors" || fail "too few descriptors" "status $STATUS"
kill -9 "$squatter"

# --- a user who tells without end --------------------------------------------

# Root takes the kernel's word for whose a relay is, and asks nothing else of it.
# Rows of the largest size: head (wire.h), strings, and 64 bytes of numbers.
endless=
endless()
{
	[ ! "$endless" ] || kill_tree "$endless"
	rm -f "$T/endless"
	python3 -c 'import os, socket, struct, sys
os.setresuid(4321, 4321, 4321)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("\0xsock-relay/%016x" % 4321)
s.listen(1)
print(flush=True)
c, _ = s.accept()
head = bytearray(c.recv(65536)[:104])
row, length = 14, 64
struct.pack_into("=H", head, 6, row)
struct.pack_into("=I", head, 84, length)
text = b"x" * 8000 + b"\0"
for i in range(20000):
    struct.pack_into("=I", head, 88, i)
    c.send(bytes(head) + 7 * text + 9 * b"\0" + bytes(length))' >"$T/endless" 2>"$T/endless.err" &
	endless=$!
	started+=("$endless")
	within 20 test -s "$T/endless"
}

if [ "$(id -u)" = 0 ]; then
	until_full endless
	[ "$STATUS" = 1 ] && grep -q "of 4321: the relays tell more than can be kept" "$ERR" &&
		pass "rows without end" || fail "rows without end" "status $STATUS"
	kill "$endless" 2>/dev/null
else
	skip "rows without end" "only root asks the relays of others"
fi

stop_relays
suite_end
